"""Edits of finished folders, a run's or a nation's: each file changed, added, removed, each value
of its JSON set to something else, what a person reads rewritten; with the hashes mended, or not.

``PYTHONPATH=.:tests python tests/hostile/edits.py run 500 1`` tries 500 of them, chosen by seed 1,
and names what is not caught and what ends in anything but a plain error.
"""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from reseal import reseal, reseal_nation
from town import write_nation_of, write_town
from typer.testing import CliRunner

import siting
from siting.cli import app

SIGNED = "signed off by the auditor"
VALUES: tuple[Any, ...] = (None, SIGNED, 1.5, -3, [], {})
# Hashes are made from the rest; edited alone they are caught as such, mended they are as before.
HASHES = re.compile(r"^(sha256|of_the_run|sha256_of_this)\b")
# The folder's own word, as `siting verify` and `siting nation` say: such an edit may pass, but ends
# in no traceback. How long it took, and how much memory; the nation's configuration, what its
# cities answered to questions but the last.
OWN_WORD = re.compile(
    r"run\.json: ((without )?seconds|peak_memory_mb|inputs\.\d+\.(sha256|file|file_date))"
    r"|run\.json: (packages\.|python)"
    r"|nation\.json: seconds|basis\.json: .*(seconds|config\.|cities\.)|answers\.json: "
)
TEXTS = (".csv", ".html", ".yaml", ".qml", ".geojson", ".svg")


@dataclass(frozen=True)
class Edit:
    """One edit of a folder."""

    name: str
    make: Callable[[Path], None]
    mended: bool = True  # whether the hashes are made to fit


def edits_of(folder: Path) -> list[Edit]:
    """Return every edit of a finished folder, in an order that does not change."""
    found: list[Edit] = []
    files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    folders = sorted({f.parent for f in files})
    for file in files:
        for mended in (False, True):
            found.append(Edit(f"remove {file}", lambda f, file=file: (f / file).unlink(), mended))
            # With its hash mended a byte that no reader reads is no edit of what a file says.
            if not (mended and file.suffix in (".parquet", ".gpkg")):
                found.append(Edit(f"byte of {file}", lambda f, file=file: _byte(f / file), mended))
            found.append(Edit(f"end of {file}", lambda f, file=file: _end(f / file), mended))
        if file.suffix in TEXTS:
            found.append(Edit(f"text of {file}", lambda f, file=file: _text(f / file)))
        if file.suffix == ".csv":
            found += list(_csv_edits(folder, file))
        if file.suffix == ".json":
            found += list(_json_edits(folder, file))
        if file.suffix == ".gpkg":
            found += [Edit(f"{what} in {file}", lambda f, file=file, sql=sql: _sql(f / file, sql))
                      for what, sql in GEOPACKAGE.items()]  # fmt: skip
    for place in folders:
        for name in ("approval.txt", ".hidden", "stages.parquet", "extra/approval.txt"):
            for mended in (False, True):
                made = lambda f, at=place / name: _add(f / at)  # noqa: E731
                found.append(Edit(f"add {place / name}", made, mended))
    return found


GEOPACKAGE = {
    "trigger": "CREATE TRIGGER t AFTER INSERT ON gpkg_contents BEGIN DELETE FROM {first}; END",
    "view": "CREATE VIEW approved AS SELECT 'by the auditor' AS signed",
    "table": "CREATE TABLE approved (signed TEXT)",
    "index": "CREATE INDEX odd ON gpkg_contents (table_name)",
    "row": "DELETE FROM {first} WHERE rowid = (SELECT min(rowid) FROM {first})",
    "description": f"UPDATE gpkg_contents SET description = '{SIGNED}'",
    "metadata": "CREATE TABLE gpkg_metadata (id INTEGER PRIMARY KEY, metadata TEXT)",
}


def _sql(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as base:
        first = base.execute("SELECT table_name FROM gpkg_contents LIMIT 1").fetchone()[0]
        for name in [r[0] for r in base.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()] if "DELETE FROM {first} WHERE" in sql else []:  # fmt: skip
            base.execute(f'DROP TRIGGER "{name}"')  # they call functions that only GDAL has
        base.execute(sql.format(first=first))
        base.commit()


def _byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: -max(path.stat().st_size // 3, 1)])


def _text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    spots = [m.end() for m in re.finditer(r"[a-z]{4,}", text)]
    at = spots[len(spots) // 2]
    path.write_text(f"{text[:at]} {SIGNED}{text[at:]}", encoding="utf-8", newline="\n")


def _add(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(SIGNED, encoding="utf-8")


def _csv_edits(folder: Path, file: Path) -> Iterator[Edit]:
    table = pd.read_csv(folder / file)
    for column in table.columns:

        def edit(f: Path, column: str = column) -> None:
            rows = pd.read_csv(f / file, dtype=object, keep_default_na=False)
            if rows.empty:
                rows = rows.reindex(range(1))
            number = pd.api.types.is_numeric_dtype(table[column]) and table[column].notna().any()
            rows.loc[0, column] = "7.25" if number else SIGNED
            rows.to_csv(f / file, index=False)

        yield Edit(f"cell of {column} in {file}", edit)
        yield Edit(f"column {column} out of {file}", lambda f, column=column: pd.read_csv(
            f / file, dtype=object, keep_default_na=False
        ).drop(columns=column).to_csv(f / file, index=False))  # fmt: skip


def _leaves(tree: Any, key: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if key:
        yield key
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(
        tree, list) else ()  # fmt: skip
    for name, below in inside:
        yield from _leaves(below, (*key, name))


def _json_edits(folder: Path, file: Path) -> Iterator[Edit]:
    tree = json.loads((folder / file).read_text(encoding="utf-8"))
    for key in _leaves(tree):
        dotted = ".".join(map(str, key))
        if HASHES.match(dotted):
            continue
        for value in VALUES:
            if _at(tree, key) == value:
                continue
            change = lambda one, k=key, v=value: _put(one, k, v)  # noqa: E731
            yield _json_edit(f"{file}: {dotted} = {value!r}", file, change)
        yield _json_edit(f"{file}: without {dotted}", file, lambda one, k=key: _put(one, k))
    yield _json_edit(f"{file}: a key more", file, lambda one: one.update(approved=SIGNED))


def _json_edit(name: str, file: Path, change: Callable[[Any], object]) -> Edit:
    def make(f: Path) -> None:
        tree = json.loads((f / file).read_text(encoding="utf-8"))
        change(tree)
        text = json.dumps(tree, ensure_ascii=False, indent=2) + "\n"
        (f / file).write_text(text, encoding="utf-8", newline="\n")

    return Edit(name, make)


def _at(tree: Any, key: tuple[Any, ...]) -> Any:
    for part in key:
        tree = tree[part]
    return tree


def _put(tree: Any, key: tuple[Any, ...], *value: Any) -> None:
    above = _at(tree, key[:-1])
    if value:
        above[key[-1]] = value[0]
    else:
        del above[key[-1]]


def tried(folder: Path, edit: Edit, scratch: Path, check: list[str]) -> str:
    """Return ``caught``, ``passed`` or the traceback that came of an edit."""
    copy = scratch / folder.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    edit.make(copy)
    if edit.mended:
        mend(copy)
    done = CliRunner().invoke(app, [*check, str(copy), "-q"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return "".join(traceback.format_exception(done.exception))
    return "caught" if done.exit_code or OWN_WORD.search(edit.name) else "passed"


def mend(folder: Path) -> None:
    """Make every list of hashes below a folder fit, as far as one is left that can be read."""
    for run in sorted({p.parents[1] for p in folder.rglob("stages/stages.json")}):
        reseal(run)
    reseal_nation(folder)


def made(kind: str, place: Path) -> Path:
    """Return a finished folder of the kind: ``run`` or ``nation``."""
    if kind == "run":
        siting.run(write_town(place / "town"), out=place / "run")
        return place / "run"
    siting.Nation(write_nation_of(place / "nation")).solve(place / "out")
    return place / "out"


def main(kind: str, count: int, seed: int) -> None:
    """Try edits, and print what is not caught."""
    with tempfile.TemporaryDirectory() as place, redirect_stderr(io.StringIO()):
        folder = made(kind, Path(place))
        check = ["verify"] if kind == "run" else ["nation"]
        edits = edits_of(folder)
        chosen = random.Random(seed).sample(edits, min(count, len(edits)))
        told = {"caught": 0, "passed": 0, "traceback": 0}
        for edit in chosen:
            with redirect_stdout(io.StringIO()):
                came = tried(folder, edit, Path(place, "scratch"), check)
            told[came if came in told else "traceback"] += 1
            if came != "caught":
                print(f"{edit.name}{'' if edit.mended else ', hashes as they were'}: {came}")
        print(f"{len(edits):,} edits, {told}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
