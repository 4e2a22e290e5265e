"""Write a file or a folder so that others see the old one or the complete new one, never a half."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Yield a scratch path beside `out`, which takes its place when the block ends without an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        scratch = Path(folder) / out.name
        yield scratch
        if out.is_dir():
            out.rename(Path(folder) / "replaced")
        scratch.replace(out)
