"""The hand that edits a run and mends its hashes too, for what must be found by other means."""

import json
from pathlib import Path

from siting.manifest import SEAL, sealed, sealed_below


def text(name, old, new):
    """Return what replaces a text in a file of a folder."""

    def edit(folder):
        path = folder / name
        said = path.read_text(encoding="utf-8")
        assert old in said
        path.write_text(said.replace(old, new, 1), encoding="utf-8")

    return edit


def _record(path: Path) -> dict | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def reseal(folder: Path) -> None:
    """Make a run folder's manifest fit its files, where it has one that can be read."""
    path = folder / "stages" / "stages.json"
    record = _record(path)
    if record is None:
        return None
    path.unlink()  # it is none of the files it lists
    for hidden in [*folder.glob("stages/*/"), *folder.glob("stages/.*")]:
        if hidden.is_dir():
            return _write(path, record)
    return _write(path, sealed(record, folder))


def reseal_nation(folder: Path) -> None:
    """Make the manifest of a nation's folder fit its files, where it has one."""
    path = folder / "manifest.json"
    record = _record(path)
    if record is not None:
        kept = {key: value for key, value in record.items() if key not in ("sha256", SEAL)}
        _write(path, sealed_below(kept, folder, (path.name,)))


def _write(path: Path, record: dict) -> None:
    text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
