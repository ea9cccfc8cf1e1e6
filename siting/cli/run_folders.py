"""Run folders by name: those near here, newest first, and the one that a word means."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siting.errors import Fault, InputError

LATEST = "@latest"


@dataclass(frozen=True)
class RunFolder:
    """A run folder and what its ``run.json`` says."""

    path: Path
    facts: dict[str, Any]


def run_folders(here: Path | None = None) -> list[RunFolder]:
    """Return the runs in ``runs``, ``../runs`` and ``*/runs`` of a folder, newest first.

    `here` is the current folder by default. Folders without a readable ``run.json`` are left out.
    """
    here = Path() if here is None else here
    by_path: dict[Path, RunFolder] = {}
    for place in (here / "runs", here / ".." / "runs", *sorted(here.glob("*/runs"))):
        for path in sorted(place.glob("*/run.json")):
            try:
                facts = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(facts, dict) and not path.parent.name.startswith("."):
                by_path.setdefault(path.parent.resolve(), RunFolder(path.parent, facts))
    return sorted(
        by_path.values(),
        key=lambda run: (str(run.facts.get("written")), run.path.name),
        reverse=True,
    )


def run_folder(wanted: Path, here: Path | None = None) -> Path:
    """Return the run folder that is meant: a path, a name or the start of one, or ``@latest``.

    The name of a study (``haripur``) means its newest run. Raises `InputError` if no run, or more
    than one, is called so; a path is given back as it is, whatever is there.
    """
    word = str(wanted)
    if wanted.is_dir() or (wanted.name != word and word != LATEST):
        return wanted
    runs = run_folders(here)
    if word == LATEST:
        if not runs:
            what = "there is no run in runs/, ../runs/ or */runs/"
            raise InputError(Fault(word, what, "make one with siting run, or name its folder"))
        return runs[0].path
    named = [run for run in runs if run.path.name == word]
    named = named or [run for run in runs if run.facts.get("name") == word][:1]
    named = named or [run for run in runs if run.path.name.startswith(word)]
    if len(named) == 1:
        return named[0].path
    if named:
        what = f"is the start of {len(named)} runs"
        ids = tuple(str(run.path) for run in named)
        raise InputError(Fault(word, what, "give more of its name, or @latest", ids))
    near = difflib.get_close_matches(word, [run.path.name for run in runs], n=1, cutoff=0.6)
    fix = f"did you mean {near[0]}?" if near else "siting runs lists those near here"
    raise InputError(Fault(word, "no such run folder, and no run of that name", fix))


def names_like(incomplete: str) -> list[str]:
    """Return the names of runs that begin like a word, for the completion of the shell."""
    names = [LATEST, *(run.path.name for run in run_folders())]
    return [name for name in names if name.startswith(incomplete)]
