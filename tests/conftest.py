"""What the tests share: where the real data is, and how to do without it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder with real OSM extracts and published optima, or skip."""
    folder = Path(os.environ.get("SITING_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "data" / "README.md").is_file():
        pytest.skip(f"real data not found in {folder}; set SITING_TEST_DATA to its folder")
    return folder
