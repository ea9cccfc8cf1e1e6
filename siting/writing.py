"""Write files and folders atomically, and report system errors in plain language."""

from __future__ import annotations

import errno
import itertools
import os
import re
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyogrio.errors
import shapely
from pyproj.exceptions import ProjError

from siting.errors import InputError, OutputError, SitingError, first_line
from siting.locks import hold, holder
from siting.texts import cell_text

# Exceptions raised by the libraries that read and write layers.
GEO_ERRORS = (
    pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pa.ArrowException,
    shapely.errors.ShapelyError, ProjError,
)  # fmt: skip
# Errors from a bad path: long names, null characters, lone surrogates, or loops of links.
NO_PLACE = (OSError, ValueError, RuntimeError)
WRITERS = (OSError, UnicodeEncodeError, sqlite3.Error, *GEO_ERRORS)
ROOM = "check that the disk has room and that you may write there"
FIXES = {
    errno.ENOSPC: "make room on the disk, or name a place on another disk",
    errno.EDQUOT: "make room within your quota, or name a place elsewhere",
    errno.EFBIG: "the file exceeds the limit on file size: raise the limit",
    errno.EACCES: "name a place that you may write to",
    errno.EROFS: "name a place that you may write to",
    errno.ENOTDIR: "a part of the path is a file: name another place",
    errno.EEXIST: "a part of the path is a file: name another place",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.ELOOP: "the links in the path lead in a circle: name another place",
}
# Errors from a full disk, a quota, or a limit on file size.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Unfinished output: a file `.siting-part-RANDOM`, or a folder `.NAME` + PART with a lock file next
# to the folder. A folder without a lock file belongs to somebody else.
PART_FILE = ".siting-part-"
PART, LOCK = "-siting-part", ".lock"
_PART_FILE = re.compile(rf"{re.escape(PART_FILE)}[a-z0-9_]{{8}}(\..*)?", re.DOTALL)
# Longest time (s) for which a clean-up may hold a writer's lock.
MOMENT_S = 0.5
# Files that identify the folder of a stored run, and of a nation's plan.
_WRITTEN = (("stages/stages.json",), ("nation.json", "certificate.csv"))


def write_plain_csv(
    frame: pd.DataFrame, path: Path, *, replace: bool = False, **writing: Any
) -> None:
    """Write a table as CSV atomically, without its index and with formulas quoted."""
    texts = {
        name: frame[name].map(cell_text, na_action="ignore")
        for name in frame.columns
        if not pd.api.types.is_numeric_dtype(frame[name])
    }
    safe = frame.assign(**texts)
    write_whole(path, lambda part: safe.to_csv(part, index=False, **writing), replace=replace)


def require_free(path: Path) -> None:
    """Check that a file may be written: the path is free and outside stored runs.

    No existing file is replaced, because it may be an input or may have been edited.
    """
    with _refused_in_words(path, NO_PLACE):
        place = path.resolve()
        if place.exists():
            what = "already exists"
            if not place.is_file():
                what = "is a folder" if place.is_dir() else "is a device or a pipe, not a file"
            raise InputError(str(path), what, "name another file, or move it away first")
        _require_outside_runs(path, place)


def _require_outside_runs(path: Path, place: Path) -> None:
    for folder in place.parents:
        if folder.name.endswith(PART) and _is_ours(_lock_of(folder)):
            return  # this program is still filling the folder
        if any(all((folder / name).is_file() for name in names) for names in _WRITTEN):
            what = f"is in {folder}, which must stay unchanged"
            raise InputError(str(path), what, "name a place outside it")


def write_whole(path: Path, write: Callable[[Path], object], *, replace: bool = False) -> None:
    """Write a file atomically: completely or not at all.

    `write` writes to a part file, which is then renamed. The folder of `path` is created if
    missing, and a symbolic link is followed. An existing file is replaced only if `replace` is
    true, which is meant for siting's own files. Raises `InputError` if `path` is a folder or a
    device, or is not free (see `require_free`), and `OutputError` if writing fails.
    """
    with _refused_in_words(path, NO_PLACE):
        place = path.resolve()
        if not replace:
            require_free(path)
        elif place.exists() and not place.is_file():
            what = "is a folder" if place.is_dir() else "is a device or a pipe, not a file"
            raise InputError(str(path), what, "name a file")
        place.parent.mkdir(parents=True, exist_ok=True)
        ending = "".join(place.suffixes)
        handle, name = tempfile.mkstemp(prefix=PART_FILE, suffix=ending, dir=place.parent)
        os.close(handle)
    part = Path(name)
    try:
        with _refused_in_words(path, WRITERS):
            part.unlink()  # some writing functions reject an existing file, or append to it
            write(part)
            if not replace:  # a file may have appeared there meanwhile
                require_free(path)
            part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a string as UTF-8 with `write_whole`, with the same line endings on every system."""
    write_whole(
        path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"), replace=replace
    )


def clear_part_files(folder: Path) -> None:
    """Delete part files left by killed writers in a folder used only by this program."""
    for part in folder.glob(f"{PART_FILE}*"):
        if _PART_FILE.fullmatch(part.name):
            part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes `path` on success and is deleted on failure.

    Part folders that killed writers left beside `path` are deleted. An empty folder at `path` is
    replaced, and a symbolic link is followed. Raises `InputError` if `path` is a file, is not
    empty, is being written, or is in a stored run, and `OutputError` if writing fails.
    """
    with _refused_in_words(path, NO_PLACE):
        place = path.resolve()
        _require_empty(path, place)
        _require_outside_runs(path, place)
        place.parent.mkdir(parents=True, exist_ok=True)
        _clear_dead_parts(place.parent)
        part = place.with_name(f".{place.name}{PART}")
        dead = _is_ours(_lock_of(part))
        lock = hold(_lock_of(part), MOMENT_S) if dead or not _lock_of(part).exists() else None
        if lock is None:
            what = f"{holder(_lock_of(part))} is writing it"
            raise _TakenError(str(path), what, "name another folder, or wait")
    with lock, _refused_in_words(path, WRITERS):
        _require_empty(path, place)  # the lock's previous holder may have created `place`
        if dead and lock.sure:
            shutil.rmtree(part, ignore_errors=True)
        if part.exists() or not lock.sure:  # another writer may be using the folder
            part = part.with_name(f".{place.name}-{secrets.token_hex(4)}{PART}")
        part.mkdir()
        try:
            yield part
            _put(part, place, path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def claimed_folder(path: Path | None, usual: Path | None = None) -> Iterator[tuple[Path, Path]]:
    """Reserve a folder; yield the temporary folder to fill (see `whole_folder`) and the final path.

    Without `path`, the first free folder of `usual`, ``usual-2``, ``usual-3`` … is reserved.
    """
    first = usual if path is None else path
    assert first is not None
    with ExitStack() as held:
        for n in itertools.count(1):
            place = first if n == 1 else first.with_name(f"{first.name}-{n}")
            try:
                part = held.enter_context(whole_folder(place))
                break
            except _TakenError:
                if path is not None:
                    raise
        yield part, place


class _TakenError(InputError):
    """A path already exists, or another process is writing it."""


def _require_empty(path: Path, place: Path) -> None:
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        what = "already exists and is not " + ("empty" if place.is_dir() else "a folder")
        raise _TakenError(str(path), what, "name another folder")


def _put(part: Path, place: Path, path: Path) -> None:
    """Rename a filled folder to its final name or, if that is taken, to the next free name."""
    try:
        if place.exists():
            place.rmdir()
        part.replace(place)
    except OSError as err:
        others = (place.with_name(f"{place.name}-{n}") for n in itertools.count(2))
        aside = next(other for other in others if not other.exists())
        part.replace(aside)
        what = f"another program put something there meanwhile ({err.strerror})"
        raise OutputError(str(path), what, f"the result is complete, in {aside}") from err


def _lock_of(part: Path) -> Path:
    return part.with_name(part.name + LOCK)


def _is_ours(lock: Path) -> bool:
    """Return whether a file is the lock of a running or killed writer of this program."""
    try:
        text = lock.read_bytes()[:200]
    except OSError:
        return False
    # An empty file also counts as a lock, because its writer may have been killed
    # before it wrote its process id.
    return not text or text.startswith(b"process ")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a temporary folder in ``TMPDIR``; errors name this folder, not the files in it."""
    place = ""
    try:
        place = tempfile.gettempdir()
        with tempfile.TemporaryDirectory(prefix="siting-", ignore_cleanup_errors=True) as folder:
            place = folder
            yield Path(folder)
    except (*WRITERS, OutputError) as err:
        cause = err.__cause__ if isinstance(err, OutputError) and err.__cause__ else err
        full = getattr(cause, "errno", None) in NO_ROOM
        if not full and place not in str(getattr(err, "filename", None) or err):
            raise
        words = getattr(cause, "strerror", None) or first_line(cause)
        fix = "make room there, or set TMPDIR to a folder that has room"
        where = f"temporary files in {place}" if place else "temporary files"
        raise OutputError(where, f"cannot be written: {words}", fix) from err


def _clear_dead_parts(folder: Path) -> None:
    """Delete part folders left by killed writers, whose locks the system has freed."""
    for path in folder.glob(f".*{PART}{LOCK}"):
        if _is_ours(path) and (lock := hold(path)):
            if lock.sure:
                shutil.rmtree(path.with_name(path.name.removesuffix(LOCK)), ignore_errors=True)
            lock.release()


@contextmanager
def _refused_in_words(path: Path, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn the system's refusal to write into an `OutputError`."""
    try:
        yield
    except SitingError:
        raise
    except errors as err:
        fix = FIXES.get(getattr(err, "errno", None) or 0, ROOM)
        words = getattr(err, "strerror", None) or first_line(err)
        raise OutputError(str(path), f"cannot be written: {words}", fix) from err
