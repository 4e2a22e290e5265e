"""Write a file or a folder so that others see the old one or the complete new one, never a half.

What is new is written into a scratch folder beside the target, `.NAME-` and 16 hexadecimal digits, then forced to disk
and put in the target's place. A run holds the lock in its scratch folder as long as it lives, so a scratch folder that
nobody holds was left by a run that was killed; the next call for the same target clears it away.
"""

import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from recsys.errors import ConfigError

_NEW, _REPLACED, _LOCK = "new", "replaced", "lock"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def replacing_folder(out: Path, *, marker: str) -> Iterator[Path]:
    """Yield an empty scratch folder, which takes the place of `out` when the block ends without an error.

    A run killed at any instant leaves the old folder or the new one: they change places in one step (`renameat2` of
    Linux). Where the system or the file system cannot do that, the old one is renamed aside before the new one is
    renamed into place; after a kill between the two there is no `out` until the next call puts the old one back.

    Args:
        out: the folder to write; absent, empty, or one that holds `marker`.
        marker: a file that the block writes and by which a folder of this kind is known.

    Raises:
        ConfigError: if `out` is anything else, or cannot be written.
    """
    with _scratch_beside(out) as scratch:
        require_replaceable_folder(out, marker=marker)
        yield scratch / _NEW
        require_replaceable_folder(out, marker=marker)
        with _explained(out):
            _sync(scratch / _NEW)
            _put_in_place(scratch, _real(out))
            _sync_one(_real(out).parent)


@contextmanager
def replacing_file(out: Path) -> Iterator[Path]:
    """Yield a scratch path, whose file takes the place of `out` when the block ends without an error.

    Raises:
        ConfigError: if `out` is a folder or a device, or cannot be written.
    """
    with _scratch_beside(out) as scratch:
        require_replaceable_file(out)
        fresh = scratch / _NEW / out.name
        yield fresh
        require_replaceable_file(out)
        with _explained(out):
            _sync_one(fresh)
            fresh.replace(_real(out))
            _sync_one(_real(out).parent)


def require_replaceable_folder(out: Path, *, marker: str) -> None:
    """Refuse a target that `replacing_folder` would not replace; for a check before long work.

    Raises:
        ConfigError: if `out` is a file, a mount point, the current folder or one around it, or holds anything
            but no `marker`.
    """
    with _explained(out):
        if not out.exists():
            return
        if not out.is_dir():
            raise ConfigError(f"{out}: is a file, and a folder is to be written; name another --out")
        if out.is_mount() or _real(out) in (Path.cwd(), *Path.cwd().parents):
            raise ConfigError(f"{out}: cannot give way to a new folder while it is in use; name a folder inside it")
        names = sorted(path.name for path in out.iterdir())
    if names and marker not in names:
        raise ConfigError(
            f"{out}: is not replaced, because it holds no {marker} but {len(names)} other file(s) or folder(s), "
            f"first: {names[0]}; name a new or an empty folder"
        )


def require_replaceable_file(out: Path) -> None:
    """Refuse a target that `replacing_file` would not replace; for a check before long work.

    Raises:
        ConfigError: if `out` is a folder, or a device or the like.
    """
    with _explained(out):
        if out.is_dir():
            raise ConfigError(f"{out}: is a folder, and a file is to be written; name a file inside it")
        if out.exists() and not out.is_file():
            raise ConfigError(f"{out}: is no regular file and is not replaced; name another --out")


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    """Turn what the file system refuses into one line about `out`."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{out}: cannot be written ({error.strerror}); name another --out or make this one writable"
        ) from error


def _real(out: Path) -> Path:
    """Follow links: what a link leads to is replaced, and the link stays."""
    return Path(os.path.realpath(out))


@contextmanager
def _scratch_beside(out: Path) -> Iterator[Path]:
    """Yield a scratch folder for a target, with an empty folder `new` in it; remove it at the end."""
    target = _real(out)
    with _explained(out):
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_left_over(target)
        scratch, lock = _make_scratch(target)
    with lock:
        try:
            yield scratch
        finally:
            with _explained(out):
                _clear(scratch, target)


def _make_scratch(target: Path) -> tuple[Path, TextIO]:
    """Make a scratch folder and hold its lock; another run that clears away may take it before it is locked."""
    while True:
        scratch = target.with_name(f".{target.name}-{secrets.token_hex(8)}")
        scratch.mkdir(mode=0o700)
        lock = _taken(scratch)
        if lock is not None:
            (scratch / _NEW).mkdir()
            return scratch, lock


def _taken(scratch: Path) -> TextIO | None:
    """Return the held lock of a scratch folder, or nothing if another run holds it or has removed it."""
    held = False
    try:
        lock = (scratch / _LOCK).open("a")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = os.path.samestat(os.fstat(lock.fileno()), (scratch / _LOCK).stat())
    except (BlockingIOError, FileNotFoundError):
        return None
    finally:
        if not held:
            lock.close()
    return lock if held else None


def _clear_left_over(target: Path) -> None:
    """Clear the scratch folders that killed runs left beside a target; those of other people stay."""
    pattern = re.compile(re.escape(f".{target.name}-") + "[0-9a-f]{16}")
    for scratch in [path for path in target.parent.iterdir() if pattern.fullmatch(path.name) and path.is_dir()]:
        try:
            lock = _taken(scratch)
        except PermissionError:
            continue
        if lock is not None:
            with lock:
                _clear(scratch, target)


def _clear(scratch: Path, target: Path) -> None:
    """Remove a scratch folder whose lock is held, the lock last; a target that was put aside comes back first."""
    aside = scratch / _REPLACED
    if aside.exists() and not target.exists():
        aside.rename(target)
    shutil.rmtree(scratch / _NEW, ignore_errors=True)
    shutil.rmtree(aside, ignore_errors=True)
    shutil.rmtree(scratch, ignore_errors=True)


def _put_in_place(scratch: Path, target: Path) -> None:
    """Let the new folder take the target's place; the old one ends in the scratch folder."""
    new = scratch / _NEW
    try:
        new.rename(target)  # what is absent or empty needs no exchange
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not _exchanged(new, target):
            target.rename(scratch / _REPLACED)
            new.rename(target)


def _exchanged(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; return False where that is not possible."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return bool(renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def _sync(folder: Path) -> None:
    """Force a folder and all that is in it to disk."""
    for path in (*folder.rglob("*"), folder):
        _sync_one(path)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems do not sync folders
            raise
    finally:
        os.close(descriptor)
