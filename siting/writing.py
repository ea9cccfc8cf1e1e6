"""Files and folders written whole or not at all, where the system lets them; refusals in words."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyogrio.errors
import shapely
from pyproj.exceptions import ProjError

from siting.errors import Fault, InputError, OutputError, SitingError, first_line
from siting.locks import hold
from siting.texts import cell_text

# What the libraries of layers raise.
GEO_ERRORS = (
    pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pa.ArrowException,
    shapely.errors.ShapelyError, ProjError,
)  # fmt: skip
# Of a path: names too long, with a null character or half a character, loops of links.
NO_PLACE = (OSError, ValueError, RuntimeError)
WRITERS = (OSError, UnicodeEncodeError, sqlite3.Error, *GEO_ERRORS)
ROOM = "look whether there is room, and whether you may write there"
FIXES = {
    errno.ENOSPC: "make room on the disk, or name a place on another",
    errno.EDQUOT: "make room within your quota, or name a place elsewhere",
    errno.EFBIG: "the limit on the size of files is reached: raise it",
    errno.EACCES: "name a place that you may write to",
    errno.EROFS: "name a place that you may write to",
    errno.ENOTDIR: "a part of the path is a file: name another place",
    errno.EEXIST: "a part of the path is a file: name another place",
    errno.ENAMETOOLONG: "name a shorter one",
    errno.ELOOP: "its links lead in a circle: name another place",
}
# The disk, the quota, or the limit on the size of files.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# In the name of a folder while it is filled, and the file in it that its writer holds.
PART, WRITER = "-part-", ".writer"
# A living writer leaves its half folder without a lock for an instant, at the start and the end.
INSTANT_S = 60.0


def write_plain_csv(frame: pd.DataFrame, path: Path, **writing: Any) -> None:
    """Write a table as CSV, whole or not at all, in which no text is a formula (`cell_text`).

    The index is not written; `writing` is what else `pandas.DataFrame.to_csv` takes.
    """
    texts = {
        name: frame[name].map(cell_text, na_action="ignore")
        for name in frame.columns
        if not pd.api.types.is_numeric_dtype(frame[name])
    }
    safe = frame.assign(**texts)
    write_whole(path, lambda part: safe.to_csv(part, index=False, **writing))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all: `write` fills a file beside it, which then takes its place.

    The folder of `path` is made where it is missing; a symbolic link is followed. Raises
    `InputError` if a folder, a device or a pipe is there, `OutputError` if the system lets nothing
    be written there, or the disk is full.
    """
    with _refused_in_words(path, NO_PLACE):
        place = path.resolve()
        if place.exists() and not place.is_file():
            what = "is a folder" if place.is_dir() else "is a device or a pipe, not a file"
            raise InputError(Fault(str(path), what, "name a file"))
        place.parent.mkdir(parents=True, exist_ok=True)
        ending = "".join(place.suffixes)
        handle, name = tempfile.mkstemp(prefix=".part-", suffix=ending, dir=place.parent)
        os.close(handle)
    part = Path(name)
    try:
        with _refused_in_words(path, WRITERS):
            part.unlink()  # some writers refuse, or append to, a file that is there
            write(part)
            part.replace(place)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill that becomes `path` if all goes well, and vanishes if anything fails.

    What writers that were killed have left beside it goes first. An empty folder there is replaced;
    a symbolic link is followed. Raises `InputError` if `path` is no folder, or one that holds
    something; `OutputError`, before anything is done, if the system lets nothing be written there,
    or if the disk fills up on the way.
    """
    with _refused_in_words(path, NO_PLACE):
        place = path.resolve()
        if place.exists() and not place.is_dir():
            what = "is there already and is no folder"
            raise InputError(Fault(str(path), what, "name another folder"))
        if place.exists() and any(place.iterdir()):
            what = "is there already and not empty"
            raise InputError(Fault(str(path), what, "name another folder"))
        place.parent.mkdir(parents=True, exist_ok=True)
        _clear_dead_parts(place.parent)
        # Not `tempfile.mkdtemp`: what others may do in the folder is for the umask to say.
        part = place.parent / f".{place.name}{PART}{secrets.token_hex(6)}"
        part.mkdir()
    try:
        with _refused_in_words(path, WRITERS), hold(part / WRITER) or nullcontext():
            yield part
        with _refused_in_words(path):
            if place.exists():
                place.rmdir()
            part.replace(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a folder for the while, where the system keeps such (``TMPDIR``).

    Raises `OutputError` that names it, and not what is worked on there, where there is no room.
    """
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
        raise OutputError(Fault(where, f"cannot be written: {words}", fix)) from err


def _clear_dead_parts(folder: Path) -> None:
    """Delete the half folders of writers that are gone: the system has freed their locks."""
    for part in folder.glob(f".*{PART}*"):
        if not (part / WRITER).is_file():
            with suppress(FileNotFoundError):  # its writer has just given it its name
                if time.time() - part.stat().st_mtime > INSTANT_S:
                    shutil.rmtree(part, ignore_errors=True)
        elif lock := hold(part / WRITER):
            if lock.sure:
                shutil.rmtree(part, ignore_errors=True)
            lock.release()


@contextmanager
def _refused_in_words(
    path: Path, errors: tuple[type[Exception], ...] = (OSError,)
) -> Iterator[None]:
    """Say in words what the system refuses to write."""
    try:
        yield
    except SitingError:
        raise
    except errors as err:
        number = getattr(err, "errno", None) or 0
        words = getattr(err, "strerror", None) or first_line(err)
        raise OutputError(
            Fault(str(path), f"cannot be written: {words}", FIXES.get(number, ROOM))
        ) from err
