"""Run folders: a list of nearby runs, newest first, and a search for a run by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from siting.errors import InputError, did_you_mean

LATEST = "@latest"
# Fields of ``run.json`` that are shown in lists of runs.
LISTED = ("name", "title", "written", "status", "gap", "subsidy_pkr", "new_stations",
          "served_share")  # fmt: skip


@dataclass(frozen=True)
class RunFolder:
    """A run folder and the `LISTED` fields of its ``run.json``."""

    path: Path

    @cached_property
    def facts(self) -> dict[str, Any] | None:
        """The values of `LISTED`, if present; None if ``run.json`` cannot be read."""
        try:
            found = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return {k: found[k] for k in LISTED if k in found} if isinstance(found, dict) else None

    @property
    def written(self) -> datetime:
        """The time the run was written; the earliest possible time if unknown."""
        try:
            return datetime.fromisoformat(str((self.facts or {}).get("written"))).astimezone(UTC)
        except (ValueError, OverflowError):
            return datetime.min.replace(tzinfo=UTC)


def run_folders(here: Path = Path()) -> list[RunFolder]:
    """Return the runs in ``runs``, ``../runs`` and ``*/runs`` of a folder, newest first.

    Folders without a readable ``run.json`` are left out.
    """
    runs = [run for run in _all_folders(here) if run.facts is not None]
    return sorted(runs, key=lambda run: (run.written, run.path.name), reverse=True)


def _all_folders(here: Path = Path()) -> list[RunFolder]:
    by_path: dict[Path, RunFolder] = {}
    for place in (here / "runs", here / ".." / "runs", *sorted(here.glob("*/runs"))):
        for path in sorted(place.glob("*/run.json")):
            if not path.parent.name.startswith("."):
                by_path.setdefault(path.parent.resolve(), RunFolder(path.parent))
    return list(by_path.values())


def run_folder(wanted: Path) -> Path:
    """Return the run folder for a path, a name, the start of a name, or ``@latest``.

    A study's name selects its newest run. A path is returned unchanged, even if nothing exists
    there. Raises `InputError` if no run, or more than one run, has the name.
    """
    word = str(wanted)
    if wanted.is_dir() or (wanted.name != word and word != LATEST):
        return wanted
    if word == LATEST:
        runs = run_folders()
        if not runs:
            what = "no runs in runs/, ../runs/ or */runs/"
            raise InputError(word, what, "make one with siting run, or name its folder")
        return runs[0].path
    runs = _all_folders()
    named = [run for run in runs if run.path.name == word]
    begun = named or [run for run in runs if run.path.name.startswith(word)]
    if not named and len(begun) != 1:  # folder names do not suffice, so run.json files are read
        named = [run for run in run_folders() if (run.facts or {}).get("name") == word][:1]
    named = named or begun
    if len(named) == 1:
        return named[0].path
    if named:
        what = f"matches the start of {len(named)} runs"
        ids = tuple(str(run.path) for run in named)
        raise InputError(word, what, "give more of its name, or @latest", ids)
    names = [run.path.name for run in runs]
    fix = did_you_mean(word, names, "siting runs lists those near here")
    raise InputError(word, "no such run folder, and no run of that name", fix)


def names_like(incomplete: str) -> list[str]:
    """Return the names of runs that start with a string, for shell completion."""
    names = [LATEST, *(run.path.name for run in _all_folders())]
    return [name for name in names if name.startswith(incomplete)]
