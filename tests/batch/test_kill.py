"""A batch that is killed, at any moment, goes on where it was when it is started again."""

import os
import random
import signal
import time
from concurrent.futures import BrokenExecutor, Future
from contextlib import nullcontext
from pathlib import Path

import pytest
from batch_driver import BUDGETS, PATIENCE_S, Inline, contents, start, wait_for, warm_up
from pandas.testing import assert_frame_equal
from town import write_town

from siting.batch import list_studies, run_batch
from siting.locks import hold

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the town, and the table of a batch of it that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    warm_up(PATIENCE_S)
    town = write_town(folder / "town")
    studies = list_studies([town], sweep=BUDGETS)
    begin = time.monotonic()
    result = run_batch(studies, Inline(), out=folder / "out")
    seconds = (time.monotonic() - begin) / len(studies)
    assert result.table["served_kwh_day"].to_list() == pytest.approx([8, 10, 12, 18])
    return town, studies, result.table, seconds


def stamps(out):
    return {p: p.stat().st_mtime_ns for p in (out / "runs").glob("*/*")}


def hidden(out):
    return sorted(p.name for p in out.rglob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_moments(whole, tmp_path, seed):
    town, studies, table, seconds = whole
    out, rng = tmp_path / "out", random.Random(seed)
    kills = left_over = 0
    for _ in range(10):
        before = stamps(out)
        process = start(town, out)
        process.join(rng.uniform(0.2, 1.0) * seconds)
        if process.exitcode is None:
            kills += 1
        process.kill()
        process.join(PATIENCE_S)
        # What was whole before is as it was: neither written again nor touched.
        assert before.items() <= stamps(out).items()
        left_over += any("~" in name for name in hidden_work(out))
    assert kills >= 4
    assert left_over  # else the moments were no test of what a killed writer leaves

    before = stamps(out)
    result = run_batch(studies, Inline(), out=out)
    assert_frame_equal(contents(result.table), contents(table))
    assert before.items() <= stamps(out).items()
    assert hidden(out) == []
    assert len(list((out / "runs").iterdir())) == len(studies)


def hidden_work(out):
    return [p.name for p in (out / ".work").iterdir()] if (out / ".work").is_dir() else []


def gone(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def worker_of(out):
    """Return the process that holds the lock of a study, once there is one."""

    def look():
        for path in (out / ".work").glob("town-*.lock"):
            words = path.read_text().split()
            if len(words) > 1:
                return int(words[1])
        return None

    return wait_for(look)


@pytest.mark.slow
def test_processes_end_with_the_batch_and_one_that_is_killed_is_replaced(whole, tmp_path):
    """The worker is killed: another does its study. Then the batch is: its worker ends too."""
    town, studies, table, _ = whole
    out = tmp_path / "out"
    process = start(town, out, local=True)
    first = worker_of(out)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: stamps(out))  # a study was done all the same, by another worker
    second = worker_of(out)
    assert second != first
    process.kill()
    process.join(PATIENCE_S)
    wait_for(lambda: gone(second))
    before = stamps(out)
    result = run_batch(studies, Inline(), out=out)
    assert_frame_equal(contents(result.table), contents(table))
    assert before.items() <= stamps(out).items()
    assert hidden(out) == []


@pytest.mark.slow
def test_a_study_that_kills_its_process_does_not_stop_the_rest(whole, tmp_path, monkeypatch):
    """The pool breaks with it, twice: it alone is given up, and the next start tries it again."""
    _, studies, table, _ = whole
    killer = studies[1].key

    class Fragile(Inline):
        broken = False

        def submit(self, function, task):
            if self.broken:
                raise BrokenExecutor
            if task["key"] != killer:
                return super().submit(function, task)
            self.broken = True
            (tmp_path / ".work" / f"{killer}.lock").touch()  # a worker had begun it
            future = Future()
            future.set_exception(BrokenExecutor())
            return future

    pools = []

    def pool(workers):
        pools.append(workers)
        return nullcontext(Fragile())

    with monkeypatch.context() as patch:
        patch.setattr("siting.batch.run_studies.local_pool", pool)
        found = run_batch(studies, out=tmp_path, workers=2).table
    assert pools == [2, 1, 2]
    assert found["status"].to_list() == ["optimal", "failed", "optimal", "optimal"]
    assert found["error"].to_list()[1] == "its process was killed, perhaps for lack of memory"
    again = run_batch(studies, Inline(), out=tmp_path)
    assert_frame_equal(contents(again.table), contents(table))
    assert hidden(tmp_path) == []


@pytest.mark.slow
def test_what_another_process_is_at_is_left_alone(whole, tmp_path):
    """A folder that a living worker fills is not cleared away; that of a dead one is."""
    _, studies, _, _ = whole
    work = tmp_path / ".work"
    for key in (studies[0].key, studies[1].key):
        (work / f"{key}~1234").mkdir(parents=True)
    (work / f"{studies[1].key}.lock").touch()
    with hold(work / f"{studies[0].key}.lock"):
        run_batch(studies[1:2], Inline(), out=tmp_path)
        assert sorted(hidden_work(tmp_path)) == [f"{studies[0].key}.lock", f"{studies[0].key}~1234"]
    run_batch(studies[1:2], Inline(), out=tmp_path)
    assert hidden(tmp_path) == []
