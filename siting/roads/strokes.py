"""Roads as a few long lines (strokes), for maps and not for routing.

At a crossing, the two streets that form the straightest line are joined. Source: R. C. Thomson,
D. E. Richardson: The "good continuation" principle of perceptual organization applied to the
generalization of road networks. Proceedings of the 19th International Cartographic Conference
(1999), 1215-1223.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy import sparse
from scipy.sparse.csgraph import connected_components

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Lines = npt.NDArray[np.object_]

_BITS = 31  # number of bits of a position on the grid; enough for 10,000 km in centimetres
# Ends of lines at one node are told apart by a number, written as two digits in this base. The
# digits are added to x and y, as fractions of a grid step.
_MARK = 2**11


def strokes(lines: Lines, kind: Ints, grid: float) -> tuple[Lines, Ints]:
    """Join lines into strokes; return the strokes and the index of each line's stroke.

    `lines` are linestrings. Duplicates, such as the two directions of a street, count once. Only
    lines with the same number in `kind` are joined. `grid` is the step to which coordinates are
    rounded, and the unit of the strokes' coordinates. The index is -1 for a line without length.
    """
    xy, of = shapely.get_coordinates(lines, return_index=True)
    on_grid = np.rint(xy / grid)
    again = (np.diff(of, prepend=-1) == 0) & (np.diff(on_grid, axis=0, prepend=np.nan) == 0).all(1)
    on_grid, of = on_grid[~again], of[~again]
    long = np.bincount(of, minlength=len(lines)) > 1
    there = long[of]
    stroke = np.full(len(lines), -1)
    if not there.any():
        return np.empty(0, dtype=object), stroke
    parts = shapely.linestrings(on_grid[there], indices=(np.cumsum(long) - 1)[of[there]])
    parts = shapely.normalize(parts)
    # Lines of the same kind that coincide are merged.
    texts = pd.DataFrame({"wkb": shapely.to_wkb(parts), "kind": kind[long]})
    part = texts.groupby(["wkb", "kind"], sort=False).ngroup().to_numpy()
    _, first = np.unique(part, return_index=True)
    joined, stroke_of_part = _joined(parts[first], kind[long][first])
    stroke[long] = stroke_of_part[part]
    return joined, stroke


def _joined(parts: Lines, kind: Ints) -> tuple[Lines, Ints]:
    """Join the lines of each kind into strokes, and return what `strokes` returns."""
    xy, of = shapely.get_coordinates(parts, return_index=True)
    first = np.flatnonzero(np.diff(of, prepend=-1))
    last = np.append(first[1:], len(of)) - 1
    ends, beside = np.concatenate([first, last]), np.concatenate([first + 1, last - 1])
    mark = _marks(xy[ends], xy[beside] - xy[ends], np.tile(kind, 2))
    # Two ends that must be joined move to the same new position, which no other end shares.
    xy[ends] += np.column_stack([mark // _MARK + 1, mark % _MARK + 1]) / (2 * _MARK)
    apart = np.asarray(shapely.linestrings(xy, indices=of))
    merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(apart)))
    xy, of = shapely.get_coordinates(merged, return_index=True)
    begins = xy[np.flatnonzero(np.diff(of, prepend=-1))]
    high, low = np.rint((begins - np.floor(begins)) * 2 * _MARK).astype(np.int64).T - 1
    count = len(parts)
    at = np.arange(2 * count) % count, mark % count
    links = sparse.coo_array((np.ones(2 * count), at), shape=(count, count))
    _, group = connected_components(links, directed=False)
    stroke = np.empty(len(merged), dtype=np.int64)
    stroke[group[(high * _MARK + low) % count]] = np.arange(len(merged))
    return np.asarray(shapely.linestrings(np.floor(xy), indices=of)), stroke[group]


def _marks(at: Floats, step: Floats, kind: Ints) -> Ints:
    """Return a number for each end of a line; two ends that must be joined have the same number."""
    x, y = at.astype(np.int64).T
    place, _ = pd.factorize(x * 2**_BITS + y)
    node, _ = pd.factorize(place * (int(kind.max()) + 1) + kind)
    # Doubling the angle makes opposite directions equal. Angles are measured from a node's first
    # end, so that the wrap-around of the circle does not separate nearly equal angles.
    twice = 2 * np.arctan2(step[:, 1], step[:, 0])
    order = np.argsort(node, kind="stable")
    begin = order[np.flatnonzero(np.diff(node[order], prepend=-1))]
    turn = (twice - twice[begin[node]] + np.pi / 2) % (2 * np.pi)
    order = np.lexsort((turn, node))
    same = np.diff(node[order]) == 0
    bend = np.where(same, np.diff(turn[order]), np.inf)
    before, after = np.append(np.inf, bend[:-1]), np.append(bend[1:], np.inf)
    pair = np.flatnonzero(same & (bend < before) & (bend <= after))
    mark = np.arange(len(at))
    mark[order[pair + 1]] = mark[order[pair]]
    return mark
