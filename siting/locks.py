"""One process at a time: locks on files, which the system frees however their holder dies."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none; who asks must then bear that two work at once
    fcntl = None  # type: ignore[assignment]

LOOK_S = 0.05


class Lock:
    """A lock that is held; see `hold`.

    `handle` is the open file that the system ties it to; it is `sure` where nobody else can hold
    it, and not where the file system knows no locks.
    """

    def __init__(self, path: Path, handle: int, *, sure: bool) -> None:
        self.path, self.handle, self.sure = path, handle, sure

    def release(self) -> None:
        """Let go, and take the file away; whoever waits for it looks again."""
        if self.handle < 0:
            return
        self.path.unlink(missing_ok=True)
        os.close(self.handle)
        self.handle = -1

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
    until = time.monotonic() + wait_s
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        sure = False
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                sure = True
        except BlockingIOError:
            os.close(handle)
            if time.monotonic() >= until:
                return None
            time.sleep(LOOK_S)
            continue
        except OSError:  # a file system without locks
            pass
        # The holder before may have taken the file away between our opening it and our lock.
        if not sure or _is_the_file(handle, path):
            os.truncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            return Lock(path, handle, sure=sure)
        os.close(handle)


def holder(path: Path) -> str:
    """Return who holds, or held last, the lock on a file, in words."""
    try:
        return path.read_text(encoding="utf-8").strip() or "another process"
    except OSError:
        return "another process"


def _is_the_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
