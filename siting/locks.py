"""One process at a time: locks on files, which the system frees however their holder dies."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

# What a file system without locks answers.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


class Lock:
    """A lock that is held; see `hold`.

    `held` is the lock on the file; none where the file system knows no locks. It is `sure` where
    nobody else can hold it.
    """

    def __init__(self, path: Path, held: FileLock | None) -> None:
        self.path, self.held, self.sure = path, held, held is not None
        self._over = False

    def release(self) -> None:
        """Let go, and take the file away; whoever waits for it looks again."""
        if self._over:
            return
        self._over = True
        # While it is held, so that nobody locks a file that is about to go. Windows lets no open
        # file go, and so nobody can have it open when it goes after.
        with suppress(OSError):
            self.path.unlink()
        if self.held is not None:
            self.held.release()
            if os.name == "nt":
                with suppress(OSError):
                    self.path.unlink()

    def __enter__(self) -> Lock:
        """Hold it for a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go at the end of the block."""
        self.release()


def hold(path: Path, wait_s: float = 0.0) -> Lock | None:
    """Return a lock on a file, or ``None`` if another process or thread still holds it.

    The holder may be killed at any moment: the system frees the lock, and no file that is left over
    keeps anyone out. On a shared file system that knows locks it holds between machines too. `path`
    is a file for this lock alone, made where it is missing, its folder too.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with hold(Path(folder, "town.lock")) as lock:
    ...         print(lock.sure, hold(Path(folder, "town.lock")))
    True None
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    held: FileLock | None = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        assert held is not None
        held.acquire(timeout=wait_s)
    except Timeout:
        return None
    except OSError as err:
        if err.errno not in _NO_LOCKS:
            raise
        held = None  # who asks must then bear that two work at once
    with suppress(OSError):  # it only tells who holds it
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
    return Lock(path, held)


def holder(path: Path) -> str:
    """Return who holds, or held last, the lock on a file, in words."""
    try:
        return path.read_text(encoding="utf-8").strip() or "another process"
    except OSError:
        return "another process"
