"""What the documentation says must be what the code does, and its pages must lead somewhere."""

import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT

DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted(DOCS.rglob("*.md")),
]


def test_pages_made_from_code_are_up_to_date():
    made = runpy.run_path(str(ROOT / "scripts" / "build_docs.py"))
    for place, make in made["PAGES"].items():
        said = (DOCS / place).read_text(encoding="utf-8")
        assert said == make(), f"docs/{place}: run scripts/build_docs.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_of_the_project_that_a_page_names_exist(page):
    if page.name == "CHANGELOG.md":
        return  # it tells of files that have gone since
    text = page.read_text(encoding="utf-8")
    named = re.findall(
        r"(?<![\w/.])(?:siting|tests|scripts|benchmarks)/[\w./-]*\.(?:py|csv|sh)\b", text
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_readme_names_every_room_of_the_run_folder_and_every_config():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for config in (ROOT / "configs").glob("*.yaml"):
        known = config.name in text or "configs/real-*.yaml" in text
        assert known, config.name
    for name in ("sites.geojson", "demand.geojson", "service.geojson", "plan.gpkg", "run.json"):
        assert name in text


def test_the_docs_are_of_four_kinds_and_short_where_they_must_be():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    lists = re.findall(r"^:caption: (.+?)\n.*?\n\n(.*?)^```", index, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in lists] == ["Tutorial", "How-to guides", "Reference", "Explanation"]
    listed = [f"{name}.md" for _, names in lists for name in names.split()]
    assert len(listed) == len(set(listed))
    # Pages below another page are listed by it.
    below = ("api", "config", "experiments")
    pages = {p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md")} - {"index.md"}
    tops = {p for p in pages if p.split("/")[0] not in below} | {"experiments/index.md"}
    assert set(listed) == tops
    for page, most in ((ROOT / "README.md", 150), (DOCS / "design.md", 120)):
        assert len(page.read_text(encoding="utf-8").splitlines()) <= most, page


def test_public_names_exist_and_the_design_names_every_room():
    import siting

    for name in siting.__all__:
        # A room of the same name would take the name's place as soon as it is imported.
        assert getattr(siting, name) is getattr(siting, name), name
        assert type(getattr(siting, name)).__name__ != "module", name
    design = (DOCS / "design.md").read_text(encoding="utf-8")
    for room in (ROOT / "siting").iterdir():
        if room.suffix == ".py" and room.stem != "__init__":
            assert f"`{room.name}`" in design
        elif room.is_dir() and room.name != "__pycache__":
            assert f"`{room.name}/`" in design


def test_every_verb_is_in_the_reference():
    from siting.cli import app

    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert f"## siting {name}" in page


class Page(HTMLParser):
    """The links and anchors of one page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])


@pytest.mark.slow
@pytest.mark.skipif(find_spec("sphinx") is None, reason="sphinx is not installed (group docs)")
def test_the_documentation_builds_without_warnings_and_its_links_hold(tmp_path):
    out = tmp_path / "html"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", tmp_path / "doctrees", DOCS, out],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    pages = {path: Page(path) for path in out.rglob("*.html")}
    assert len(pages) > 20
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            lost = anchor and target in pages and anchor not in pages[target].anchors
            if lost or not target.exists():
                broken.append((path.name, link))
    assert broken == []
