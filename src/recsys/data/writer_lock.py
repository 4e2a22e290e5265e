"""One writer at a time: a lock on a file of the home that the operating system drops when its holder dies."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from recsys.errors import ArtifactError

_PAUSE_SECONDS = 0.05


@contextmanager
def one_writer(home: Path, patience: timedelta) -> Iterator[None]:
    """Hold the home's writer lock.

    Args:
        home: the home; its `log` folder is made where it is missing.
        patience: how long to wait for another writer.

    Raises:
        ArtifactError: if another process still writes after that time.
    """
    path = home / "log" / "writer.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience.total_seconds()
    with path.open("w") as lock:
        while not _taken(lock.fileno()):
            if time.monotonic() >= deadline:
                raise ArtifactError(
                    f"{path}: another process has been writing to this home for {patience.total_seconds():g} s; "
                    "wait for it to end, then run the command again"
                )
            time.sleep(_PAUSE_SECONDS)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
