"""QGIS styles beside a file format that cannot hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from siting.export.styles import Style
from siting.writing import write_whole


def write_qml(path: Path, styles: Sequence[Style]) -> list[Path]:
    """Write the first style of a layer beside its file, where QGIS looks for it; return the files.

    Parameters
    ----------
    path
        The layer's file, e.g. ``sites.geojson``; the style becomes ``sites.qml``.
    styles
        Result of `siting.export.styles.styles_of`; if empty, nothing is written.
    """
    if not styles:
        return []
    beside = path.with_suffix(".qml")

    def write(part: Path) -> None:
        part.write_text(styles[0].qml, encoding="utf-8", newline="\n")

    write_whole(beside, write)
    return [beside]
