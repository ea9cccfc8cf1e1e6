"""Files compared with the same files written again: their content must be equal."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from siting.errors import Fault, InputError
from siting.export import json_text
from siting.review.run_claims import MENDED

# Columns of a GeoPackage with the time of writing.
WHEN = ("last_change", "update_time")
NOT_SO = "is not what the run's tables give"


def file_faults(folder: Path, again: Path, names: Iterable[str]) -> list[Fault]:
    """Return a fault for each file of a folder that is not the one written again.

    A GeoPackage is compared by all that it holds, tables, views and triggers, as its bytes differ
    whenever it is written; any other file byte for byte.
    """
    faults = []
    for name in names:
        one, two = folder / name, again / name
        if name.endswith(".gpkg"):
            different = differing_parts(_contents(one), _contents(two))
            if different:
                faults.append(Fault(str(one), NOT_SO, MENDED, tuple(different)))
        elif one.read_bytes() != two.read_bytes():
            faults.append(Fault(str(one), NOT_SO, MENDED))
    return faults


def set_faults(folder: Path, stored: Iterable[str], again: Iterable[str]) -> list[Fault]:
    """Return the files of a folder that are not written again, and missing ones."""
    stored, again = set(stored), set(again)
    faults = []
    for what, odd in (("are no files of such a run", stored - again), ("lacks", again - stored)):
        if odd:
            faults.append(Fault(str(folder), what, MENDED, tuple(sorted(odd))))
    return faults


def json_faults(path: Path, read: Any) -> list[Fault]:
    """Return the fault of a JSON file with unread content, such as a repeated key."""
    if path.read_bytes() == json_text(read).encode():
        return []
    return [Fault(str(path), "is not in the form in which it was written", MENDED)]


def read_json(path: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def differing_parts(one: dict[str, Any], two: dict[str, Any]) -> list[str]:
    """Return the names under which two mappings do not hold the same."""
    return [name for name in dict.fromkeys([*one, *two]) if one.get(name) != two.get(name)]


def _contents(path: Path) -> dict[str, Any]:
    """Return the content of a GeoPackage: the definition of each part, and the rows of tables."""
    held: dict[str, Any] = {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            base.text_factory = bytes  # a text may be any bytes in a file that was edited
            for pragma in ("application_id", "user_version", "encoding"):
                held[f"PRAGMA {pragma}"] = base.execute(f"PRAGMA {pragma}").fetchall()
            parts = base.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
            for part in parts:
                kind, name = (text.decode(errors="replace") for text in part[:2])
                held[f"{kind} {name}"] = part[2:]
                if kind == "table":
                    quoted = name.replace('"', '""')
                    columns = [
                        row[1].decode(errors="replace")
                        for row in base.execute(f'PRAGMA table_info("{quoted}")')
                    ]
                    names = [c.replace('"', '""') for c in columns if c not in WHEN]
                    kept = ", ".join(f'"{name}"' for name in names)
                    rows = base.execute(f'SELECT {kept} FROM "{quoted}"').fetchall()
                    held[f"rows of {name}"] = rows
    except (sqlite3.Error, OSError) as err:
        raise InputError(str(path), f"cannot be read: {err}", MENDED) from err
    return held
