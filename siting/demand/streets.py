"""Streets as lines, each once, and points along them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from siting.roads import Network

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Shapes = npt.NDArray[np.object_]


def along(lines: Shapes, step_m: float) -> tuple[Shapes, Ints, Floats]:
    """Return the midpoints of equal pieces of lines, the line of each, its length in metres.

    No piece is longer than `step_m`.

    >>> points, line, length_m = along(np.array([shapely.LineString([(0, 0), (300, 0)])]), 150)
    >>> [p.x for p in points], line.tolist(), length_m.tolist()
    ([75.0, 225.0], [0, 0], [150.0, 150.0])
    """
    length_m = shapely.length(lines)
    pieces = np.maximum(1, np.ceil(length_m / step_m - 1e-9)).astype(np.intp)
    line = np.repeat(np.arange(len(lines)), pieces)
    nth = np.arange(len(line)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = (nth + 0.5) / pieces[line]
    points = shapely.line_interpolate_point(lines[line], share, normalized=True)
    return points, line, length_m[line] / pieces[line]


def streets_once(network: Network, highway: Collection[str]) -> Shapes:
    """Return the streets of some classes as lines, both directions of a street as one."""
    edges = network.edges
    lines = edges.geometry.to_numpy()[edges["highway"].isin(list(highway)).to_numpy()]
    # A normalised line has the same direction whichever way it was drawn.
    lines = shapely.normalize(lines)
    once: Shapes = lines[~pd.Series(shapely.to_wkb(lines)).duplicated().to_numpy()]
    return once
