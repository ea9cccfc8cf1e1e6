"""Run folders: a list of nearby runs, newest first, and a search for a run by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from siting.errors import InputError, did_you_mean

LATEST = "@latest"
# Fields of ``run.json`` that are shown in lists of runs.
LISTED = ("name", "title", "written", "status", "gap", "subsidy_pkr", "new_stations",
          "served_share")  # fmt: skip


def run_folders(here: Path = Path()) -> list[tuple[Path, dict[str, Any]]]:
    """Return the runs in ``runs``, ``../runs`` and ``*/runs`` of a folder, newest first.

    Each run is a path and those fields `LISTED` that its ``run.json`` has. Folders without a
    readable ``run.json`` are left out.
    """
    runs = [(path, facts) for path in _all_folders(here) if (facts := _facts(path)) is not None]
    return sorted(runs, key=lambda run: (_written(run[1]), run[0].name), reverse=True)


def _facts(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return {k: found[k] for k in LISTED if k in found} if isinstance(found, dict) else None


def _written(facts: dict[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(facts.get("written"))).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def _all_folders(here: Path = Path()) -> list[Path]:
    by_path: dict[Path, Path] = {}
    for place in (here / "runs", here / ".." / "runs", *sorted(here.glob("*/runs"))):
        for path in sorted(place.glob("*/run.json")):
            if not path.parent.name.startswith("."):
                by_path.setdefault(path.parent.resolve(), path.parent)
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
        if runs := run_folders():
            return runs[0][0]
        what = "no runs in runs/, ../runs/ or */runs/"
        raise InputError(word, what, "run `siting run` to make one, or name the folder of a run")
    paths = _all_folders()
    named = [path for path in paths if path.name == word]
    begun = named or [path for path in paths if path.name.startswith(word)]
    if not named and len(begun) != 1:  # folder names do not suffice, so run.json files are read
        named = [path for path, facts in run_folders() if facts.get("name") == word][:1]
    named = named or begun
    if len(named) == 1:
        return named[0]
    if named:
        what, ids = f"matches the start of {len(named)} runs", tuple(map(str, named))
        raise InputError(word, what, "write more of the name, or @latest", ids)
    names = [path.name for path in paths]
    fix = did_you_mean(word, names, "run `siting runs` to list the runs near this folder")
    raise InputError(word, "no such run folder, and no run has this name", fix)


def names_like(incomplete: str) -> list[str]:
    """Return the names of runs that start with a string, for shell completion."""
    names = [LATEST, *(path.name for path in _all_folders())]
    return [name for name in names if name.startswith(incomplete)]
