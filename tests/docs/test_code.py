"""Every code block of the README and of docs/ runs as it stands, page by page.

A page has a folder of its own with what a clone holds for a reader: configs/ and data/. Its blocks
share that folder, and its Python blocks their names, as a reader would type them one after the
other. Verbs run in a shell.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, often
from doc_blocks import blocks, pages

HERE = {page.relative_to(ROOT).as_posix(): page for page in pages()}
# Of the quick tests; the others make plans.
QUICK = ("docs/howto/add-a-model.md", "docs/models/classics.md")
SECONDS = 240
LIMIT = re.compile(r"(time_limit_s: |time_limit_s=|--time-limit )(\d+)")


def runs(page):
    """Return whether a page has a block that runs."""
    return any(not block.skip for block in blocks(page))


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder with what a clone holds for a reader, to stand in."""
    for part in ("configs", "data"):
        shutil.copytree(ROOT / part, tmp_path / part)
    for path in (tmp_path / "configs").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(LIMIT.sub(sooner, text), encoding="utf-8")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "siting"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m siting.cli "$@"\n')
    command.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def sooner(limit):
    """Return a quarter of a time limit; below 12 s a busy machine may find no plan within 100 %."""
    limit_s = int(limit[2])
    return f"{limit[1]}{min(limit_s, max(limit_s // 4, 12))}"


def run_in_shell(text, where):
    """Run a block as a reader would."""
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{where}\n{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("name", often([n for n, p in HERE.items() if runs(p)], QUICK))
def test_the_code_of_a_page_runs(name, clone):
    names = {"__name__": "page"}
    for block in blocks(HERE[name]):
        where = f"{name}, line {block.line}"
        if block.skip:
            continue
        if block.language == "python":
            # Lines before it keep the numbers of the page in a traceback.
            exec(compile("\n" * (block.line - 1) + block.text, where, "exec"), names)
        else:
            run_in_shell(LIMIT.sub(sooner, block.text), where)


def test_what_is_left_out_is_little_and_says_why():
    left_out = {
        f"{name}, line {block.line}": block.skip
        for name, page in HERE.items()
        for block in blocks(page)
        if block.skip
    }
    run = sum(not block.skip for page in HERE.values() for block in blocks(page))
    print(*(f"{where}: {why}" for where, why in left_out.items()), sep="\n")
    assert run > 2 * len(left_out)
    assert all(len(why) > 8 for why in left_out.values())


def test_fences_name_their_language():
    for name, page in HERE.items():
        fences = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) % 2 == 0, name
        for opening in fences[0::2]:
            known = {"python", "sh", "text", "yaml", "", "{toctree}", "{glossary}", "{eval-rst}"}
            assert opening.split(" ")[0] in known, f"{name}: {opening}"


def test_the_folder_of_a_page_is_its_own(clone):
    assert Path.cwd() == clone
    assert (clone / "configs" / "islamabad.yaml").is_file()
