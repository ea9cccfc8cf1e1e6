"""Locks that the system frees, however their holder dies."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from siting.locks import hold, holder


def test_one_holder_at_a_time_and_no_file_is_left(tmp_path):
    path = tmp_path / "new" / "town.lock"
    first = hold(path)
    assert first is not None
    assert first.sure
    assert f"process {os.getpid()} on " in holder(path)
    start = time.monotonic()
    assert hold(path, 0.2) is None
    assert time.monotonic() - start >= 0.2
    first.release()
    first.release()  # once more does no harm
    assert not path.exists()
    assert holder(path) == "another process"
    with hold(path):
        assert path.exists()
    assert not path.exists()


def test_a_file_that_is_left_over_keeps_nobody_out(tmp_path):
    (tmp_path / "town.lock").write_text("process 1 on the moon\n")
    with hold(tmp_path / "town.lock") as lock:
        assert lock.sure


def test_threads_take_turns(tmp_path):
    """Each finds the file of the one before taken away or there; never are two inside."""
    inside, most, turns = 0, 0, 0

    def work():
        nonlocal inside, most, turns
        for _ in range(25):
            with hold(tmp_path / "lock", 60):
                inside += 1
                most = max(most, inside)
                turns += 1
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most, turns) == (1, 100)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_the_lock_of_a_killed_process_is_free(tmp_path):
    path = tmp_path / "lock"
    code = f"""
import time
from pathlib import Path
from siting.locks import hold
lock = hold(Path({str(path)!r}))
print("held", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        assert hold(path) is None
        assert holder(path).startswith(f"process {other.pid} on ")
        other.send_signal(signal.SIGKILL)
        other.wait(10)
    with hold(path) as lock:
        assert lock.sure


def test_without_locks_everyone_is_let_in(tmp_path, monkeypatch):
    def none(*_, **__):
        raise OSError(errno.ENOSYS, "no locks here")

    monkeypatch.setattr("siting.locks.FileLock.acquire", none)
    first, second = hold(tmp_path / "lock"), hold(tmp_path / "lock")
    assert first is not None
    assert second is not None
    assert not first.sure
    second.release()
    first.release()
