"""The errors that a user can cause, and nothing else.

Only `pipelines/cli.py` catches them, prints the one line and exits with 2.

    RecsysError
    ├── ConfigError      a setting is unknown, missing or impossible
    ├── SchemaError      a table lacks a column or has one of the wrong type
    ├── DataError        the rows of a table break its contract
    ├── LeakageError     something was asked for that was not yet known at `as_of`
    ├── NotFittedError   a component was used before it learned
    └── ArtifactError    a saved file or folder is missing, damaged or of another version

A message says what is wrong, where, how many, the first example and what to do, in one line.
"""


class RecsysError(Exception):
    """Base of every error with which the system answers wrong input."""


class ConfigError(RecsysError):
    """A setting is unknown, missing or impossible."""


class SchemaError(RecsysError):
    """A table lacks a column, or a column has the wrong type."""


class DataError(RecsysError):
    """The rows of a table break its contract."""


class LeakageError(RecsysError):
    """Something was asked for that was not yet known at `as_of`."""


class NotFittedError(RecsysError):
    """A component was used before it learned."""


class ArtifactError(RecsysError):
    """A saved file or folder is missing, damaged or of another version."""
