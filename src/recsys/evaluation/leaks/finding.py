"""What a probe found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What a probe found.

    Attributes:
        probe: its name.
        passed: whether all is well.
        showed: what was compared or measured, in one line.
        example: the first thing that is wrong; empty where all is well.
    """

    probe: str
    passed: bool
    showed: str
    example: str = ""
