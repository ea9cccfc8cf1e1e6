"""A cache for slow computations; each of its folders is either complete or absent."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa

from siting.errors import InputError
from siting.locks import hold
from siting.writing import whole_folder

logger = logging.getLogger(__name__)

# Maximum wait (s) for another process that builds the same content; after that, both build it.
WAIT_S = 900.0
# Errors raised if a folder cannot be read or written.
_WRONG = (
    OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError,
    pa.ArrowException, InputError,
)  # fmt: skip


def kept[T](
    entry: Path, *, read: Callable[[Path], T], build: Callable[[], T],
    write: Callable[[Path, T], object], least_s: float = 0.0,
) -> T:  # fmt: skip
    """Return the content of a folder, or build the content and store it there.

    The name of the folder `entry` must identify all inputs of the content. `read` must raise an
    error if the folder is damaged; the folder is then rebuilt, with a warning. Content that cannot
    be written, or that was built in less than `least_s` seconds, is returned but not stored.
    """
    if (content := _read(entry, read)) is not None:
        return content
    # One of several processes that need the same content builds it; the others wait.
    try:
        lock = hold(entry.parent / f".{entry.name}.lock", WAIT_S)
    except OSError as err:
        logger.warning("the result could not be kept in %s: %s", entry.parent, err)
        return build()
    with lock or nullcontext():
        if (content := _read(entry, read)) is not None:
            return content
        start = time.perf_counter()
        built = build()
        if time.perf_counter() - start >= least_s:
            _write(entry, built, write)
        return built


def _read[T](entry: Path, read: Callable[[Path], T]) -> T | None:
    if not entry.is_dir():
        return None
    try:
        return read(entry)
    except _WRONG as err:
        if entry.is_dir():
            logger.warning("the cached result in %s is damaged (%s); rebuilding it", entry, err)
            _discard(entry)
        return None


def _write[T](entry: Path, built: T, write: Callable[[Path, T], object]) -> None:
    try:
        with whole_folder(entry) as part:
            write(part, built)
    except _WRONG as err:
        # The error does not matter if another process has already stored the content.
        if not entry.is_dir():
            level = logging.WARNING if isinstance(err, OSError | InputError) else logging.INFO
            logger.log(level, "the result could not be kept in %s: %s", entry, err)


def _discard(entry: Path) -> None:
    """Move a damaged folder away atomically, then delete it."""
    aside = Path(tempfile.mkdtemp(prefix=".damaged-", dir=entry.parent))
    try:
        entry.replace(aside / "entry")
    except OSError as err:
        logger.warning("the damaged folder %s could not be moved: %s", entry, err)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
