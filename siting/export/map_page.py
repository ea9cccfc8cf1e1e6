"""A page with maps of one ground: a title above them, a note below, room for a key beside them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from siting.export.figure import new_figure, put_lines
from siting.export.fonts import legible
from siting.export.ground import INK, QUIET, Ground, add_land

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EDGE_IN = 0.3


class MapPage:
    """A figure with maps in rows, its title, subtitle and note; sizes are inches.

    Urdu that cannot be drawn right is left out, and the note says so.

    Parameters
    ----------
    ground
        The ground that each map shows, with its size on paper.
    count, columns
        How many maps there are, and in how many columns; by default in one row.
    title, subtitle, note
        The lines above and below the maps.
    gap_in, head_in, side_in
        Space between the columns, above each map, and to the right of all.
    """

    def __init__(
        self, ground: Ground, count: int = 1, *, columns: int = 0, title: str, subtitle: str = "",
        note: str = "", gap_in: float = EDGE_IN, head_in: float = 0.0, side_in: float = 0.0,
    ) -> None:  # fmt: skip
        title, subtitle, note, fonts = legible(title, subtitle, note)
        self.ground, self.columns = ground, columns or count
        self.step_in = (ground.width_in + gap_in, ground.height_in + head_in)
        inner_in = self.columns * self.step_in[0] - gap_in + side_in
        above: list[tuple[list[str], float, dict[str, Any]]] = [
            (textwrap.wrap(title, int(inner_in * 7.4)), 0.27,
             {"size": 15, "weight": "bold", "color": INK}),
            (textwrap.wrap(subtitle, int(inner_in * 12.5)), 0.17, {"size": 9.5, "color": QUIET}),
        ]  # fmt: skip
        below = textwrap.wrap(note, int(inner_in * 16.0))
        above_in = sum(step * len(lines) for lines, step, _ in above)
        self.first_in = EDGE_IN + above_in + 0.19 + head_in
        rows = -(-count // self.columns)
        foot_in = EDGE_IN + 0.15 * len(below)
        self.width_in = inner_in + 2 * EDGE_IN
        self.height_in = self.first_in + rows * self.step_in[1] - head_in + foot_in
        self.figure = new_figure(self.width_in, self.height_in)
        down_in = EDGE_IN
        for lines, step, style in above:
            put_lines(self.figure, EDGE_IN, down_in, lines, **style, **fonts)
            down_in += step * len(lines) + 0.05
        down_in = self.height_in - foot_in + 0.14
        put_lines(self.figure, EDGE_IN, down_in, below, size=7.5, color=QUIET, **fonts)

    def land(self, number: int = 0) -> Axes:
        """Return the axes of one map, counted from 0."""
        row, column = divmod(number, self.columns)
        left_in = EDGE_IN + column * self.step_in[0]
        down_in = self.first_in + row * self.step_in[1]
        return add_land(self.figure, self.ground, self._box(left_in, down_in, self.ground.width_in))

    def side(self, wide_in: float) -> Axes:
        """Return axes as high as a map at the right edge of the page."""
        left_in = self.width_in - EDGE_IN - wide_in
        return self.figure.add_axes(self._box(left_in, self.first_in, wide_in))

    def _box(
        self, left_in: float, down_in: float, wide_in: float
    ) -> tuple[float, float, float, float]:
        high_in = self.ground.height_in
        return (
            left_in / self.width_in,
            1 - (down_in + high_in) / self.height_in,
            wide_in / self.width_in,
            high_in / self.height_in,
        )
