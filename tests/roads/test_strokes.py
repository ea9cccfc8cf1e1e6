"""Roads joined into long lines: the same ground, nothing lost, and straight on at crossings."""

import numpy as np
import pytest
import shapely

from siting.roads.strokes import strokes


def lines_of(*points):
    return np.array([shapely.LineString(one) for one in points], dtype=object)


def ends_of(line):
    xy = shapely.get_coordinates(line)
    return {tuple(xy[0]), tuple(xy[-1])}


def test_two_streets_that_cross_are_two_lines_and_both_directions_one():
    centre, west, east, north, south = (0, 0), (-9, 1), (9, -1), (1, 9), (0, -9)
    lines = lines_of((west, centre), (centre, west), (centre, east), (north, centre),
                     (centre, south))  # fmt: skip
    found, of = strokes(lines, np.zeros(5, int), 1.0)
    assert len(found) == 2
    assert ends_of(found[of[0]]) == {west, east}
    assert of.tolist() == [of[0], of[0], of[0], of[3], of[3]]
    assert ends_of(found[of[3]]) == {north, south}


def test_at_a_junction_of_three_the_straight_two_are_one():
    lines = lines_of(((0, 0), (0, -9)), ((-9, 0), (0, 0)), ((0, 0), (9, 1)))
    found, of = strokes(lines, np.zeros(3, int), 1.0)
    assert of[1] == of[2] != of[0]
    assert ends_of(found[of[1]]) == {(-9, 0), (9, 1)}


def test_lines_of_two_kinds_are_not_joined():
    lines = lines_of(((0, 0), (5, 0)), ((5, 0), (9, 0)))
    assert len(strokes(lines, np.array([0, 1]), 1.0)[0]) == 2
    assert len(strokes(lines, np.array([1, 1]), 1.0)[0]) == 1


def test_a_line_that_is_shorter_than_the_grid_is_on_none():
    lines = lines_of(((0, 0), (0.2, 0)), ((0, 0), (9, 0)))
    found, of = strokes(lines, np.zeros(2, int), 1.0)
    assert len(found) == 1
    assert of.tolist() == [-1, 0]
    assert strokes(lines[:1], np.zeros(1, int), 1.0)[1].tolist() == [-1]
    assert len(strokes(lines[:0], np.zeros(0, int), 1.0)[0]) == 0


@pytest.mark.parametrize("seed", range(5))
def test_the_ground_is_the_same_and_every_line_lies_on_its_own(seed):
    """A shaken grid with loops, both directions of most streets, and names."""
    rng = np.random.default_rng(seed)
    at = {(i, j): (100 * i + rng.integers(30), 100 * j + rng.integers(30) - 300)
          for i in range(8) for j in range(8)}  # fmt: skip
    ends = [(a, b) for a in at for b in ((a[0] + 1, a[1]), (a[0], a[1] + 1))
            if b in at and rng.random() < 0.8]  # fmt: skip
    points = [(at[a], tuple(np.add(at[a], at[b]) // 2 + 3), at[b]) for a, b in ends]
    points += [one[::-1] for one in points if rng.random() < 0.7]
    points.append((at[0, 0], (-50, -350), (-20, -400), at[0, 0]))  # a street back to itself
    lines = lines_of(*points)
    kind = np.array([int(sum(map(sum, one))) % 3 for one in points])
    found, of = strokes(lines, kind, 1.0)
    once = {shapely.normalize(line).wkb: line.length for line in lines}
    assert shapely.length(found).sum() == pytest.approx(sum(once.values()))
    assert sorted(set(of.tolist())) == list(range(len(found)))
    for line, kind_of, stroke in zip(lines, kind, of, strict=True):
        assert {int(k) for k in kind[of == stroke]} == {int(kind_of)}
        corners = {tuple(xy) for xy in shapely.get_coordinates(line)}
        assert corners <= {tuple(xy) for xy in shapely.get_coordinates(found[stroke])}
    assert len(found) < 0.7 * len(once)


def test_the_last_line_may_be_joined_at_both_ends():
    lines = shapely.linestrings([[[0, 0], [9, 18]], [[9, 27], [0, 0]], [[9, 18], [9, 27]]])
    found, of = strokes(lines, np.zeros(3, int), 1.0)
    assert (len(found), of.tolist()) == (1, [0, 0, 0])
