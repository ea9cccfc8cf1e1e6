"""Batches of the town for tests: run here, or in a process that a test may kill."""

import multiprocessing
import os
import shutil
import signal
import sys
import time
from concurrent.futures import Executor, Future
from pathlib import Path

import siting
from siting.batch import list_studies, run_batch
from siting.cli import main

PATIENCE_S = 300
BUDGETS = {"program.budget_pkr": [1000, 2000], "demand.figures.two_wheeler.km_day": [1, 2]}


class Inline(Executor):
    """Works where it is asked, at once: an executor without processes or threads."""

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as err:
            future.set_exception(err)
        return future


def drive(config, out, local):
    """Run the batch of `BUDGETS` to its end: in this process, or in processes of its own."""
    run_batch(
        list_studies([Path(config)], sweep=BUDGETS), None if local else Inline(), out=out, workers=1
    )


def start(config, out, *, local=False):
    """Start `drive` in a process that has imported everything already."""
    return start_call(drive, config, out, local)


def start_call(function, *args, **more):
    """Start a call in a process that has imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["siting.batch.worker", "siting.study", "siting.report"])
    process = context.Process(target=function, args=args, kwargs=more)
    process.start()
    return process


def fetch_here(config, cache=None):
    """Fetch from a server on this machine, whatever stands between it and others, and anew."""
    if cache is not None:
        shutil.rmtree(cache, ignore_errors=True)
    os.environ["NO_PROXY"] = "127.0.0.1"
    siting.fetch(config)


def cli_to(log, *words):
    """Run a verb as a program of its own does, what it says going to a file; exit as it does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Path(log).open("wb", buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = ["siting", *map(str, words)]
    main()


def warm_up(patience_s):
    """Have everything imported before the time of a kill is counted from a start."""
    start_call(list_studies, []).join(patience_s)


def wait_for(condition):
    """Return the first true value of a condition."""
    until = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < until, "in vain"
        time.sleep(0.02)
    return found


def contents(table):
    """Return what must not depend on how often a batch was killed."""
    return table.drop(columns="seconds")
