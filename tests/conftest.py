"""What the tests share: where the real data is, and how to do without it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def seeds(first, quick, deep):
    """Return seeds of random towns: some for every run, the rest for the slow one."""
    every = range(first, first + deep)
    return [*every[:quick], *(pytest.param(s, marks=pytest.mark.slow) for s in every[quick:])]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder with real OSM extracts and published optima, or skip."""
    folder = Path(os.environ.get("SITING_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "data" / "README.md").is_file():
        pytest.skip(f"real data not found in {folder}; set SITING_TEST_DATA to its folder")
    return folder
