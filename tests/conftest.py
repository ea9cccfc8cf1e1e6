"""What the tests share: where the real data is, and how to do without it."""

# ruff: noqa: E402
import os
import sys

# Hundreds of processes are started, each of which would compile every module anew, as would this
# one at its next start: so it is set before anything is imported.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

from pathlib import Path

import pytest
from browser import CHROMIUM, Opened
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


@pytest.fixture(scope="session")
def stored_town(tmp_path_factory):
    """Return what gives a run of the town by hand, made once: to be read and copied, not changed.

    Called with keys as ``--set`` takes them, it returns a folder with ``town`` and ``run``.
    """
    made = {}

    def stored(*keys):
        if keys not in made:
            made[keys] = folder = tmp_path_factory.mktemp("stored")
            siting.run(write_town(folder / "town"), keys, out=folder / "run")
        return made[keys]

    return stored


@pytest.fixture(scope="session")
def report_run(tmp_path_factory):
    """Return the run that a report is made of, without its page: to be read and copied."""
    return make_run(tmp_path_factory.mktemp("report") / "town")


@pytest.fixture(scope="session")
def report_poor_run(tmp_path_factory):
    """Return the same with money for one hub."""
    return make_run(tmp_path_factory.mktemp("poor") / "town", program={"budget_pkr": 1000})


@pytest.fixture(scope="session")
def report_years_run(tmp_path_factory):
    """Return the same with money by year."""
    years = {"budgets_pkr": {2028: 1000, 2029: 0, 2030: 1000}}
    folder = tmp_path_factory.mktemp("years") / "town"
    return make_run(folder, program={"budget_pkr": 0, "years": years})


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
