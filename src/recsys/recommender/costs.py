"""What channels cost: seconds of learning and of retrieval.

They are measured, so that no two runs agree: they are reported beside what is learned, and never within it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from time import perf_counter

import polars as pl

COST_DTYPES: dict[str, pl.DataType] = {
    "channel": pl.String(),
    "seconds": pl.Float64(),
    "fit_seconds": pl.Float64(),
}
"""One row per channel: seconds of retrieval per 1,000 users, and seconds to learn it at a cutoff, null if not known."""


class Stopwatch:
    """Adds up how long work of some name took in any thread, by a monotonic clock, which tells no date.

    Attributes:
        seconds: name -> seconds until now; on a busy machine these are more than the work alone takes.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = Lock()

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time that the block takes; of a block that fails none is added."""
        start = perf_counter()
        yield
        spent = perf_counter() - start
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.0) + spent


def retrieval_costs(seconds: Mapping[str, float], n_users: int) -> pl.DataFrame:
    """Return the costs of channels that proposed to some users; what learning them took is not known here.

    Args:
        seconds: channel -> seconds for all users together.
        n_users: how many, at least 1.

    Example:
        >>> retrieval_costs({"own": 0.5}, n_users=250).rows()
        [('own', 2.0, None)]
    """
    per_thousand = [spent / n_users * 1_000 for spent in seconds.values()]
    columns = {"channel": list(seconds), "seconds": per_thousand, "fit_seconds": [None] * len(seconds)}
    return pl.DataFrame(columns, schema=COST_DTYPES)
