"""Start a local Dask cluster, and stop its processes by id."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def cluster(count: int, folder: Path) -> Iterator[str]:
    """Yield the address of a cluster of `count` processes that have imported the package."""
    file = folder / f"scheduler-{count}.json"
    with ExitStack() as stack:
        stack.enter_context(
            _program("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                     "--no-show", "--scheduler-file", str(file))
        )  # fmt: skip
        while not (file.is_file() and file.stat().st_size):
            time.sleep(0.1)
        address = str(json.loads(file.read_text())["address"])
        for i in range(count):
            place = str(folder / f"worker-{count}-{i}")
            stack.enter_context(
                _program("worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny",
                         "--no-dashboard", "--local-directory", place)
            )  # fmt: skip
        client = importlib.import_module("distributed").Client(address, set_as_default=False)
        client.wait_for_workers(count, timeout=300)
        client.run(importlib.import_module, "siting.study")
        client.close()
        yield address


@contextmanager
def _program(*words: str) -> Iterator[None]:
    """Start one of Dask's programs, and stop it by its process id."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{words[0]}", *words[1:]]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
