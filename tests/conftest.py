"""What the tests share: where the real data is, and how to do without it."""

# ruff: noqa: E402
import os
import sys

# Hundreds of processes are started, each of which would compile every module anew, as would this
# one at its next start: so it is set before anything is imported.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

import shutil
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from browser import CHROMIUM, Opened
from filelock import FileLock
from report_page import make_run
from town import write_town

import siting

# Run by the Python of QGIS, not by pytest.
collect_ignore = ["export/qgis_look.py"]
ROOT = Path(__file__).resolve().parent.parent


def seeds(first, quick, deep):
    """Return seeds of random towns: some for every run, the rest for the slow one."""
    return often(range(first, first + deep), range(first, first + quick))


def often(cases, quick):
    """Return cases as parameters: those named in `quick` for every run, the rest for the slow."""
    return [pytest.param(n, marks=() if n in quick else pytest.mark.slow) for n in cases]


def every(step, rows):
    """Return rows of parameters: each `step`-th for every run, the rest for the slow."""
    return [
        pytest.param(*row, marks=pytest.mark.slow if n % step else ()) for n, row in enumerate(rows)
    ]


def later(*rows):
    """Return rows of parameters for the slow run."""
    return [pytest.param(*row, marks=pytest.mark.slow) for row in rows]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder with real OSM extracts and published optima, or skip."""
    folder = Path(os.environ.get("SITING_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "data" / "README.md").is_file():
        pytest.skip(f"real data not found in {folder}; set SITING_TEST_DATA to its folder")
    return folder


# Files that take minutes. They come first, so that no process of the tests has one left at the end.
LONGEST = ("program/test_pairs.py", "test_default_plan.py", "docs/test_code.py",
           "test_default_plan_real.py")  # fmt: skip


def pytest_configure(config):
    """Let xdist keep the order of files: it would put those with most tests first."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    """Put the files that take longest first."""
    rank = {ROOT / "tests" / name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


def pytest_addoption(parser):
    what = "write golden files anew; read the difference before you commit it"
    parser.addoption("--renew", action="store_true", help=what)


@pytest.fixture
def golden(request):
    """Return what holds a text against a file in the folder ``golden`` beside the test."""

    def held(name, text):
        path = request.path.with_name("golden") / name
        if request.config.getoption("--renew"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert text == path.read_text(encoding="utf-8"), "if this is meant: pytest --renew"

    return held


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Return what makes a folder once for all processes of the tests: to be read, not changed."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def made(name, make):
        folder, whole = base / f"once-{name}", base / f"once-{name}.whole"
        with FileLock(base / f"once-{name}.lock"):
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed
                make(folder)
                whole.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def stored_town(made_once):
    """Return what gives a run of the town by hand, made once: to be read and copied, not changed.

    Called with keys as ``--set`` takes them, it returns a folder with ``town`` and ``run``.
    """

    def stored(*keys):
        def make(folder):
            siting.run(write_town(folder / "town"), keys, out=folder / "run")

        return made_once(f"town-{sha256(repr(keys).encode()).hexdigest()[:12]}", make)

    return stored


@pytest.fixture(scope="session")
def report_run(made_once):
    """Return the run that a report is made of, without its page: to be read and copied."""
    return made_once("report", make_run) / "run"


@pytest.fixture(scope="session")
def report_poor_run(made_once):
    """Return the same with money for one hub."""
    poor = {"budget_pkr": 1000}
    return made_once("report-poor", partial(make_run, program=poor)) / "run"


@pytest.fixture(scope="session")
def report_years_run(made_once):
    """Return the same with money by year."""
    years = {"budget_pkr": 0, "years": {"budgets_pkr": {2028: 1000, 2029: 0, 2030: 1000}}}
    return made_once("report-years", partial(make_run, program=years)) / "run"


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """Return what opens a page, and check in the end that nothing failed or was asked of anyone."""
    pages = []

    def go(path, size="desktop"):
        pages.append((Opened(chromium, path, size), path))
        return pages[-1][0]

    yield go
    for one, path in pages:
        one.page.close()
        assert one.said == []
        assert [url for url in one.asked if not url.startswith("data:")] == [path.as_uri()]
