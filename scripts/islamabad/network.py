"""Join lines at their crossings into nodes and ways."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

from .mainroads import Line, Point

# A crossing this near to the end of a line counts as that end. Nodes are rounded to whole metres,
# so that lines that meet share a node. Nodes nearer than MERGE_M to each other are merged.
TOUCH_M = 0.75
MERGE_M = 8

Node = tuple[int, int]


@dataclass(frozen=True)
class Way:
    """An OSM way, with its tags and its nodes in order."""

    tags: dict[str, str]
    nodes: tuple[Node, ...]


def join(lines: list[Line]) -> list[Way]:
    """Return the ways of the lines, with a node wherever two lines cross or touch.

    All crossings, even at bridges, are at grade: a car can turn at each crossing. Ends that may be
    trimmed are cut back to their last crossing.

    Parameters
    ----------
    lines
        Lines in the grid, metres.

    Raises
    ------
    ValueError
        If two lines overlap in more than a point, because the plan is then wrong.
    """
    crossings: list[list[tuple[float, Node]]] = [[] for _ in lines]
    pieces = [
        (i, start, a, b) for i, line in enumerate(lines) for start, a, b in _segments(line.points)
    ]
    pieces.sort(key=lambda piece: min(piece[2][0], piece[3][0]))
    for k, (i, start, a, b) in enumerate(pieces):
        right = max(a[0], b[0])
        for j, other_start, c, d in pieces[k + 1 :]:
            if min(c[0], d[0]) > right + TOUCH_M:
                break
            if i == j or max(a[1], b[1]) + TOUCH_M < min(c[1], d[1]):
                continue
            if max(c[1], d[1]) + TOUCH_M < min(a[1], b[1]):
                continue
            at = _crossing(a, b, c, d)
            if at is None:
                continue
            node = (round(at[0]), round(at[1]))
            crossings[i].append((start + math.dist(a, at), node))
            crossings[j].append((other_start + math.dist(c, at), node))
    runs = [_through(line, met) for line, met in zip(lines, crossings, strict=True)]
    merged = _merged({node for run in runs for node in run})
    ways = []
    for line, run in zip(lines, runs, strict=True):
        nodes = _without_repeats(merged[node] for node in run)
        if len(nodes) > 1:
            ways.append(Way(line.tags, nodes))
    return ways


def _merged(nodes: set[Node]) -> dict[Node, Node]:
    """Return for each node its merged node: the first node within reach, from the south-west."""
    kept: dict[Node, list[Node]] = {}
    out = {}
    for node in sorted(nodes):
        u, v = node[0] // MERGE_M, node[1] // MERGE_M
        near = [
            other
            for du in (-1, 0, 1)
            for dv in (-1, 0, 1)
            for other in kept.get((u + du, v + dv), ())
            if math.dist(node, other) < MERGE_M
        ]
        out[node] = min(near, default=node)
        if not near:
            kept.setdefault((u, v), []).append(node)
    return out


def _without_repeats(nodes: Iterable[Node]) -> tuple[Node, ...]:
    out: list[Node] = []
    for node in nodes:
        if not out or node != out[-1]:
            out.append(node)
    return tuple(out)


def _segments(points: tuple[Point, ...]) -> list[tuple[float, Point, Point]]:
    out, at = [], 0.0
    for a, b in itertools.pairwise(points):
        out.append((at, a, b))
        at += math.dist(a, b)
    return out


def _crossing(a: Point, b: Point, c: Point, d: Point) -> Point | None:
    """Return the point at which two segments cross or touch, or None."""
    r, s = (b[0] - a[0], b[1] - a[1]), (d[0] - c[0], d[1] - c[1])
    long_r, long_s = math.hypot(*r), math.hypot(*s)
    sine = (r[0] * s[1] - r[1] * s[0]) / (long_r * long_s)
    w = (c[0] - a[0], c[1] - a[1])
    if abs(sine) < 1e-6:
        return _touch(a, b, c, d, r, w, long_r)
    t = (w[0] * s[1] - w[1] * s[0]) / (sine * long_s)
    q = (w[0] * r[1] - w[1] * r[0]) / (sine * long_r)
    # t and q are metres along the two segments.
    if not (-TOUCH_M <= t <= long_r + TOUCH_M and -TOUCH_M <= q <= long_s + TOUCH_M):
        return None
    return a[0] + r[0] / long_r * t, a[1] + r[1] / long_r * t


def _touch(
    a: Point, b: Point, c: Point, d: Point, r: Point, w: Point, long_r: float
) -> Point | None:
    """Return the end point that two parallel segments share, or None if they do not meet."""
    if abs(r[0] * w[1] - r[1] * w[0]) / long_r > TOUCH_M:
        return None
    unit = (r[0] / long_r, r[1] / long_r)
    spans = sorted((p[0] - a[0]) * unit[0] + (p[1] - a[1]) * unit[1] for p in (c, d))
    low, high = max(0.0, spans[0]), min(long_r, spans[1])
    if high - low > TOUCH_M:
        raise ValueError(f"two lines lie on each other between {a}-{b} and {c}-{d}")
    if high - low < -TOUCH_M:
        return None
    return a[0] + unit[0] * low, a[1] + unit[1] * low


def _through(line: Line, met: list[tuple[float, Node]]) -> tuple[Node, ...]:
    """Return the nodes of a line in order: its points and crossings, trimmed if this is allowed."""
    own, at = [], 0.0
    for i, point in enumerate(line.points):
        if i:
            at += math.dist(line.points[i - 1], point)
        own.append((at, (round(point[0]), round(point[1]))))
    first = min((where for where, _ in met), default=0.0) if line.trim_start else -math.inf
    last = max((where for where, _ in met), default=0.0) if line.trim_end else math.inf
    return _without_repeats(node for at, node in sorted(own + met) if first <= at <= last)
