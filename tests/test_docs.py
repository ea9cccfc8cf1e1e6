"""What the documentation says must be what the code does."""

import re
import runpy

import pytest
from conftest import ROOT

from siting.config import reference

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_pages_made_from_code_are_up_to_date():
    made = runpy.run_path(str(ROOT / "scripts" / "build_docs.py"))
    fix = "run scripts/build_docs.py"
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == reference(), fix
    assert (ROOT / "docs" / "tables.md").read_text(encoding="utf-8") == made["tables_page"](), fix


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


def test_the_readme_names_every_room_of_the_run_folder_and_every_config():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for config in (ROOT / "configs").glob("*.yaml"):
        known = config.name in text or "configs/real-*.yaml" in text
        assert known, config.name
    for name in ("sites.geojson", "demand.geojson", "service.geojson", "plan.gpkg", "run.json"):
        assert name in text


def test_public_names_exist_and_the_design_names_every_room():
    import siting

    for name in siting.__all__:
        assert getattr(siting, name) is not None
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    for room in (ROOT / "siting").iterdir():
        if room.suffix == ".py" and room.stem != "__init__":
            assert f"`{room.name}`" in design
        elif room.is_dir() and room.name != "__pycache__":
            assert f"`{room.name}/`" in design
