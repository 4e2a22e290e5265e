"""Tables kept by what they were computed from: the same inputs give the same file, other inputs another one."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import polars as pl

from recsys.replacing import replacing_file


@dataclass(frozen=True)
class FrameCache:
    """A folder of Parquet files named by the digest of their inputs. Deleting it loses time, nothing else.

    Attributes:
        folder: where they are; made on first use.
        keep: most files; the oldest go first.
    """

    folder: Path
    keep: int = 64

    def get(self, inputs: Mapping[str, object], make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """Return the table of these inputs, computed by `make` only if it is not there yet.

        Args:
            inputs: everything that the table depends on; JSON types, other values by their text.
            make: computes the table.
        """
        kept = self.find(inputs)
        if kept is not None:
            return kept
        table = make()
        self.put(inputs, table)
        return table

    def find(self, inputs: Mapping[str, object]) -> pl.DataFrame | None:
        """Return the table that is kept for these inputs; None if there is none."""
        try:
            return pl.read_parquet(self._file(inputs))
        except (OSError, pl.exceptions.PolarsError):
            # NOTE: absent or damaged, it is computed: what is kept here is never the only copy.
            return None

    def put(self, inputs: Mapping[str, object], table: pl.DataFrame) -> None:
        """Keep the table of these inputs in place of an earlier one."""
        with replacing_file(self._file(inputs)) as scratch:
            table.write_parquet(scratch)
        self._prune()

    def _file(self, inputs: Mapping[str, object]) -> Path:
        return self.folder / f"{digest(inputs)}.parquet"

    def _prune(self) -> None:
        """Remove the oldest files beyond `keep`; another run may do the same."""
        ages = []
        for file in self.folder.glob("*.parquet"):
            with suppress(FileNotFoundError):
                ages.append((file.stat().st_mtime_ns, file))
        for _, file in sorted(ages, reverse=True)[self.keep :]:
            file.unlink(missing_ok=True)


def digest(inputs: Mapping[str, object]) -> str:
    """Return the SHA-256 of the inputs as sorted JSON, 64 hexadecimal digits.

    Example:
        >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def frame_digest(frame: pl.DataFrame) -> str:
    """Return the SHA-256 of a table's content, in its order of rows and however it lies in memory."""
    # NOTE: IPC writes buffers as they are, with what a slice left in them; Parquet encodes the values alone.
    frame.rechunk().write_parquet(content := BytesIO(), compression="uncompressed", statistics=False)
    return hashlib.sha256(content.getvalue()).hexdigest()


@cache
def code_digest() -> str:
    """Return the SHA-256 of the package's source: what was kept under other code is computed again."""
    root, content = Path(__file__).parent, hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        content.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return content.hexdigest()
