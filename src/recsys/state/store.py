"""Keep a state on disk so that a crash at any instant leaves the last good one.

    <root>/manifest.json          names the segments; replaced atomically, and last
    <root>/<segment>/<table>.parquet

A segment's folder is named by the hash of its content and never changes once it has its name. An update therefore
writes only its own segment, and whatever a crash leaves behind is named by no manifest and removed by a later save.
One process may write at a time; a reader may keep what it loaded until the second save after it.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from pydantic import Field

from recsys.errors import ArtifactError
from recsys.rewards import RewardSettings
from recsys.settings import Instant, Settings
from recsys.state.decayed import DecayedState
from recsys.state.layout import KEYS
from recsys.state.segments import Segment
from recsys.state.settings import StateSettings

_FORMAT = 2
_MANIFEST = "manifest.json"
_CATEGORIES = "categories"


class StoredSegment(Settings):
    """One segment as the manifest names it."""

    folder: str
    landmark: Instant
    n_rows: int


class Manifest(Settings):
    """What a stored state is.

    Attributes:
        format: version of this layout.
        as_of: the state holds what was known before it.
        log_version: version of the log from which it was computed, where it has one.
        settings_digest: of the state's settings and rewards.
        n_events: interactions read into the state.
        categories: folder of the item categories.
        segments: the state is their sum.
        retired: folders that the manifest before this one still named.
    """

    format: int = _FORMAT
    as_of: Instant
    log_version: int | None
    settings_digest: str
    n_events: int
    categories: str
    segments: tuple[StoredSegment, ...] = Field(strict=False)
    retired: tuple[str, ...] = Field(strict=False)


class StateStore:
    """Saves and loads one state in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self) -> bool:
        """Tell whether a state was ever saved here."""
        return (self.root / _MANIFEST).exists()

    def manifest(self) -> Manifest:
        """Read the manifest.

        Raises:
            ArtifactError: if there is none, or it is damaged.
        """
        path = self.root / _MANIFEST
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ArtifactError(f"{path}: cannot be read ({error.strerror}); rebuild the state") from error
        try:
            return Manifest.model_validate_json(text)
        except ValueError as error:
            raise ArtifactError(f"{path}: is damaged; rebuild the state") from error

    def load(self, settings: StateSettings, rewards: RewardSettings) -> DecayedState:
        """Load the last good state; its tables are read only when they are needed.

        Args:
            settings: what the state must have been built with.
            rewards: what the state must have been built with.

        Raises:
            ArtifactError: if there is none, a file is missing, or it was built under other settings or another format.
        """
        manifest = self.manifest()
        if (manifest.format, manifest.settings_digest) != (_FORMAT, _digest(settings, rewards)):
            raise ArtifactError(f"{self.root}: the state was built with other settings or rewards; rebuild it")
        segments = tuple(self._open(one) for one in manifest.segments)
        return DecayedState(
            as_of=manifest.as_of,
            settings=settings,
            rewards=rewards,
            segments=segments,
            n_events=manifest.n_events,
            categories=pl.read_parquet(self._file(manifest.categories, _CATEGORIES)),
        )

    def save(self, state: DecayedState, *, log_version: int | None) -> DecayedState:
        """Save a state, writing only the segments that are not here yet.

        Args:
            state: a state; those of its segments that this store holds already are not written again.
            log_version: version of the log that it was computed from.

        Returns:
            The same state, its tables lazily on disk, so that memory is free.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        before = set(self._named(self.manifest())) if self.exists() else set()
        stored = tuple(self._store(one) for one in state.segments)
        manifest = Manifest(
            as_of=state.as_of,
            log_version=log_version,
            settings_digest=_digest(state.settings, state.rewards),
            n_events=state.n_events,
            categories=self._write({_CATEGORIES: state.categories.lazy()}),
            segments=stored,
            retired=(),
        )
        retired = tuple(sorted(before - set(self._named(manifest))))
        manifest = manifest.model_copy(update={"retired": retired})
        _replace_text(self.root / _MANIFEST, manifest.model_dump_json(indent=2) + "\n")
        self._sweep({*self._named(manifest), *retired})
        return self.load(state.settings, state.rewards)

    def _named(self, manifest: Manifest) -> list[str]:
        return [manifest.categories, *(one.folder for one in manifest.segments)]

    def _file(self, folder: str, table: str) -> Path:
        path = self.root / folder / f"{table}.parquet"
        if not path.is_file():
            raise ArtifactError(f"{path}: is missing; rebuild the state")
        return path

    def _open(self, one: StoredSegment) -> Segment:
        tables = {name: pl.scan_parquet(self._file(one.folder, name)) for name in KEYS}
        return Segment(one.landmark, tables, one.n_rows, str(self.root / one.folder))

    def _store(self, one: Segment) -> StoredSegment:
        """Name a segment that is here already, or write it."""
        is_here = one.folder is not None and Path(one.folder).parent == self.root and Path(one.folder).is_dir()
        folder = Path(str(one.folder)).name if is_here else self._write(one.tables)
        return StoredSegment(folder=folder, landmark=one.landmark, n_rows=one.n_rows)

    def _write(self, tables: Mapping[str, pl.LazyFrame]) -> str:
        """Write tables into a folder named by their content, complete or not at all."""
        partial = self.root / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        content = hashlib.sha256()
        for name, table in sorted(tables.items()):
            path = partial / f"{name}.parquet"
            table.collect(engine="in-memory").write_parquet(path)
            with path.open("rb+") as file:
                content.update(name.encode() + hashlib.file_digest(file, "sha256").digest())
                os.fsync(file.fileno())
        _sync_folder(partial)
        folder = content.hexdigest()[:24]
        if not (self.root / folder).exists():
            partial.rename(self.root / folder)
            _sync_folder(self.root)
        return folder

    def _sweep(self, keep: set[str]) -> None:
        """Remove folders that neither this manifest nor the one before it names."""
        for path in self.root.iterdir():
            if path.is_dir() and path.name not in keep:
                shutil.rmtree(path)


def _digest(settings: StateSettings, rewards: RewardSettings) -> str:
    return hashlib.sha256((settings.digest() + rewards.digest()).encode()).hexdigest()


def _replace_text(path: Path, text: str) -> None:
    """Replace a file so that a reader, or a crash, sees the old text or the new, never a mixture."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
