"""The start of every verb's folder: its path, and the head of its record."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from siting import __version__
from siting.config import Config


def folder_for(config: Config, verb: str, now: datetime) -> Path:
    """Return where a verb writes by default: ``runs_dir/NAME-VERB-TIME``."""
    return config.output.runs_dir / f"{config.name}-{verb}-{now:%Y%m%d-%H%M%S}"


def head_of(config: Config, now: datetime | None = None) -> dict[str, Any]:
    """Return the head of a verb's JSON file: version, study and time."""
    named = {name: getattr(config, name) for name in ("name", "title", "note", "year")}
    written = {} if now is None else {"written": now.isoformat(timespec="seconds")}
    return {"siting": __version__, **named, **written}
