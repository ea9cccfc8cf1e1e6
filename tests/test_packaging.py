"""The package as it is shipped: what is in the wheel, and that it works where nothing else is."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT
from town import write_town

from siting.embedded import copy_embedded_city, embedded_files
from siting.errors import InputError

# The packages of each extra, as they are imported.
EXTRAS = {
    "report": ["jinja2", "xstatic"],
    "map": ["matplotlib", "folium", "mapclassify"],
    "pbf": ["osmium"],
    "raster": ["rasterio"],
    "h3": ["h3"],
    "dask": ["distributed", "dask"],
    "papers": ["docx"],
}


def test_the_embedded_city_is_copied_once_and_never_over_changes(tmp_path):
    config = copy_embedded_city(tmp_path / "demo")
    assert copy_embedded_city(tmp_path / "demo") == config  # the same files: nothing to do
    copied = {p.relative_to(tmp_path / "demo") for p in (tmp_path / "demo").rglob("*.*")}
    assert set(embedded_files()) <= copied
    nation = copy_embedded_city(tmp_path / "nation", nation=True)
    assert nation.name == "nation.yaml"
    for place in embedded_files(nation=True):
        assert (tmp_path / "nation" / place).is_file()
    config.write_text("name: mine", encoding="utf-8")
    with pytest.raises(
        InputError,
        match=r"modified files of the embedded city \(configs/islamabad.yaml\); to use these",
    ):
        copy_embedded_city(tmp_path / "demo")
    assert config.read_text(encoding="utf-8") == "name: mine"
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="is a file"):
        copy_embedded_city(tmp_path / "file")


def test_an_installation_without_the_city_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("siting.embedded.PACKAGE", tmp_path / "siting")
    with pytest.raises(InputError, match="not in this installation"):
        copy_embedded_city(tmp_path / "demo")


# --- without extras ------------------------------------------------------------------------------

HIDE = """
import json, sys
from typer.testing import CliRunner

class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        hidden = name.split(".")[0] in {hidden!r}
        return None if hidden else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
from siting.cli import app
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(app, words, prog_name="siting")
    ended = done.exception is None or isinstance(done.exception, SystemExit)
    broken = "" if ended else repr(done.exception)
    print(json.dumps([done.exit_code, done.stdout, done.stderr, broken]))
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """What verbs answer in a process where no package of an extra can be imported."""
    hidden = {name for names in EXTRAS.values() for name in names}
    folder = tmp_path_factory.mktemp("bare")
    town, out = write_town(folder / "town"), folder / "run"
    for name in ("roads.osm.pbf", "people.tif"):
        (town.parent / name).touch()
    verbs = {
        "run": ["run", town, "--out", out],
        "report": ["report", out],
        "demand": ["demand", town, "--out", folder / "demand"],
        "frontier": ["frontier", town, "--budgets", "1e3:2e3:2", "--out", folder / "frontier"],
        "pbf": ["check", town, "-q", "--set", "roads.source.path=roads.osm.pbf"],
        "raster": ["check", town, "-q", "--set", "demand.people={kind: raster, path: people.tif}"],
        "h3": ["check", town, "-q", "--set", "demand.cells={shape: h3}"],
    }
    asked = json.dumps([[str(word) for word in words] for words in verbs.values()])
    command = [sys.executable, "-c", HIDE.format(hidden=hidden), asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return folder, dict(zip(verbs, answers, strict=True))


def said_once(stderr, extra):
    """Whether exactly one line says which extra is needed, and nothing looks like a slip."""
    lines = [line for line in stderr.splitlines() if f'pip install "siting[{extra}]"' in line]
    return len(lines) == 1 and "Traceback" not in stderr and ": : " not in stderr


@pytest.mark.slow
def test_a_plan_needs_no_extra_and_says_what_is_missing(bare):
    folder, answers = bare
    for verb in ("run", "demand", "frontier"):
        code, _, stderr, broken = answers[verb]
        assert (code, broken) == (0, ""), stderr
        assert verb == "run" or said_once(stderr, "map"), stderr
    assert 'pip install "siting[report]"' in answers["run"][1]
    assert not (folder / "run" / "report.html").exists()
    assert (folder / "run" / "plan.gpkg").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["report", "pbf", "raster", "h3"])
def test_what_needs_an_extra_says_which(bare, extra):
    code, _, stderr, broken = bare[1][extra]
    assert (code, broken) == (2, "")
    assert said_once(stderr, extra), stderr


def test_every_extra_of_the_package_is_told_of():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    assert set(EXTRAS) | {"notebook", "all"} == extras
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for extra in extras:
        assert f"| `{extra}` |" in page
        assert f"`{extra}`" in readme
    (everything,) = project["optional-dependencies"]["all"]
    assert set(everything.removeprefix("siting[").removesuffix("]").split(",")) == extras - {"all"}


# --- the wheel -----------------------------------------------------------------------------------


def uv(*words, cwd, env=None):
    command = ["uv", *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=400
    )


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The sdist and the wheel, built from a copy of the tree with what a clone has."""
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed")
    tree = tmp_path_factory.mktemp("tree") / "siting"
    names = (".git", ".venv", "runs", "cache", "build", "dist", ".mypy_cache", ".hypothesis")
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*names))
    out = tmp_path_factory.mktemp("dist")
    done = uv("build", "--out-dir", out, cwd=tree)
    if done.returncode and ("hatchling" in done.stderr or "connect" in done.stderr):
        pytest.skip(f"the build backend cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_the_wheel_carries_all_that_is_read_at_run_time(dist):
    (wheel,) = dist.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    there = {
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / "siting").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert there <= names
    assert "siting/py.typed" in names
    assert {
        f"siting/_embedded/{place.as_posix()}" for place in embedded_files(nation=True)
    } <= names
    assert all(n.startswith(("siting/", "siting-")) for n in names)


@pytest.mark.slow
def test_the_sdist_holds_sources_and_no_caches(dist):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [Path(*Path(n).parts[1:]).as_posix() for n in archive.getnames()]
    assert {"pyproject.toml", "data/islamabad/people.csv", "configs/islamabad.yaml"} <= set(names)
    caches = ("__pycache__", ".ruff_cache", ".pytest_cache", ".mypy_cache", ".hypothesis")
    assert [n for n in names if set(Path(n).parts) & {*caches, "runs", "cache", "build"}] == []


@pytest.mark.slow
def test_the_wheel_runs_the_embedded_city_in_an_empty_environment(dist, tmp_path):
    (wheel,) = dist.glob("*.whl")
    env = tmp_path / "env"
    done = uv("venv", "--python", sys.executable, env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = uv("pip", "install", "--python", env / "bin" / "python", wheel, cwd=tmp_path)
    if done.returncode:
        pytest.skip(f"no package index here: {done.stderr.strip().splitlines()[-1]}")
    folder = tmp_path / "empty"
    folder.mkdir()
    # Nothing of this process: no PYTHONPATH, no home with settings.
    bare = {"PATH": os.defpath, "HOME": str(folder)}
    command = env / "bin" / "siting"

    def run(*words):
        return subprocess.run(
            [command, *words],
            cwd=folder,
            env=bare,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    shown = run("--help")
    assert shown.returncode == 0, shown.stderr
    assert "demo" in shown.stdout
    done = run("demo")
    assert done.returncode == 0, done.stderr
    assert "Islamabad (schematic)" in done.stdout
    assert 'pip install "siting[report]"' in done.stdout
    (made,) = (folder / "siting-demo" / "runs").iterdir()
    facts = json.loads((made / "run.json").read_text(encoding="utf-8"))
    assert facts["proof"]["gap"] < 0.05  # optimal, unless the machine is busy until the time limit
    assert facts["new_stations"] > 10
    for name in ("sites.geojson", "plan.gpkg", "offers.csv", "config.yaml"):
        assert (made / name).stat().st_size > 0
    # What was written is enough to go on from: the resolved configuration is read again.
    again = run("check", str(made / "config.yaml"), "siting-demo/configs/islamabad.yaml", "-q")
    assert again.returncode == 0, again.stderr
    assert sorted(p.name for p in folder.iterdir()) == ["siting-demo"]
    needs = run("report", str(made))
    assert needs.returncode == 2
    assert said_once(needs.stderr, "report"), needs.stderr
