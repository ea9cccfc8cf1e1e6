"""Matplotlib figures for notebooks and files, made without pyplot."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siting.errors import InputError, needs_extra
from siting.writing import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
# SVG and PDF files store text as text, not as outlines. A fixed salt keeps the element ids in SVG
# files the same in every run.
_SAVED: Any = {"svg.fonttype": "none", "svg.hashsalt": "siting", "pdf.fonttype": 42}
# Metadata without dates and program names, so that the same figure always gives the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_DPI = 160


def new_figure(width_in: float, height_in: float, **options: Any) -> Figure:
    """Return a white figure; raise `MissingExtraError` if Matplotlib is not installed."""
    with needs_extra("map", "matplotlib", "is needed to draw a picture"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Drawn
    figure = Drawn(figsize=(width_in, height_in), facecolor="white", **options)
    FigureCanvasAgg(figure)
    vars(figure)["_repr_png_"] = partial(_png, figure)  # notebooks call this, so need no pyplot
    return figure


def _png(figure: Figure) -> bytes:
    from matplotlib import rc_context

    buffer = BytesIO()
    with rc_context(_SAVED):
        figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF; the same figure always gives the same bytes.

    Raises `InputError` for any other extension.
    """
    from matplotlib import rc_context

    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise InputError(path.name, "is not a picture format", f"use {', '.join(FORMATS)}")
    how: Any = {"format": ending, "dpi": _DPI, "metadata": _METADATA[ending]}
    with rc_context(_SAVED):
        write_whole(path, lambda part: figure.savefig(part, **how))
