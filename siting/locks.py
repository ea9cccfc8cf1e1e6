"""File locks with one holder at a time. The system frees the locks of processes that end."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

# Errors that a file system without locks raises.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


class Lock:
    """A lock that is held; see `hold`.

    If the file system has no locks, `sure` is false: others may hold the lock.
    """

    def __init__(self, path: Path, held: FileLock) -> None:
        self.path, self.held, self.sure = path, held, held.is_locked
        self._over = False

    def release(self) -> None:
        """Release the lock and delete its file; waiting processes then try again."""
        if self._over:
            return
        self._over = True
        # The file is deleted before the release, so that nobody locks a file about to be deleted.
        # Windows cannot delete an open file, so there the file is deleted afterwards.
        with suppress(OSError):
            self.path.unlink()
        self.held.release()
        if os.name == "nt" and self.sure:
            with suppress(OSError):
                self.path.unlink()

    def __enter__(self) -> Lock:
        """Return the held lock."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        self.release()


def hold(path: Path, wait_s: float = 0.0) -> Lock | None:
    """Return a lock on a file, or None if another process or thread still holds it after the wait.

    The file at `path` must be used only for this lock. The file and its folder are created if
    missing. On a shared file system with locks, the lock also works between machines.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with hold(Path(folder, "town.lock")) as lock:
    ...         print(lock.sure, hold(Path(folder, "town.lock")))
    True None
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        held.acquire(timeout=wait_s)
    except Timeout:
        return None
    except OSError as err:
        if err.errno not in _NO_LOCKS:  # without locks, two processes may use the file
            raise
    with suppress(OSError):  # the lock works without the text, which only names the holder
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
    return Lock(path, held)


def holder(path: Path) -> str:
    """Return the current or last holder of the lock on a file, as text."""
    try:
        return path.read_text(encoding="utf-8").strip() or "another process"
    except OSError:
        return "another process"
