"""The main roads with names, classes, speed limits and courses, and their carriageways.

The limits are those of December 2023 (propakistani.pk, 21 Dec 2023): Srinagar Highway, Expressway
and Murree Road 80; Jinnah, Constitution, Faisal, 7th and 9th Avenue 70; IJP Road 60; other major
roads 50; service roads 40; streets in the sectors 30 km/h. No figure was found for the Grand Trunk
Road, so the speed of its road class applies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from . import plan as p

Point = tuple[float, float]

# Length drawn past a junction, so that a road reaches the far carriageway. Joining the lines cuts
# off the rest.
OVERSHOOT_M = 60.0


@dataclass(frozen=True)
class Line:
    """A line to be joined with the other lines: one carriageway, or a two-way street.

    Parameters
    ----------
    tags
        Its OSM tags.
    points
        Its course in the grid, metres; a one-way line runs from the first to the last point.
    trim_start, trim_end
        Whether a loose end is cut back to the last crossing.
    """

    tags: dict[str, str]
    points: tuple[Point, ...]
    trim_start: bool = False
    trim_end: bool = False


@dataclass(frozen=True)
class Road:
    """A main road.

    Parameters
    ----------
    name
        Its name.
    highway
        Its OSM class.
    limit_kmh
        Its speed limit for cars; ``None`` if no figure was found.
    points
        The course of its centre line in the grid, metres.
    half_gap_m
        Half the distance between its carriageways; 0 for one two-way carriageway.
    ends
        How it begins and ends: ``meet`` (a junction with a road that passes or ends there),
        ``join`` (continues under another name) or ``turn`` (leaves the map: traffic turns back).
    alt_name
        Another name in use.
    """

    name: str
    highway: str
    limit_kmh: int | None
    points: tuple[Point, ...]
    half_gap_m: float = 12
    ends: tuple[str, str] = ("meet", "meet")
    alt_name: str = ""
    lanes: int = field(default=0)

    @property
    def tags(self) -> dict[str, str]:
        """Return its OSM tags without ``oneway``."""
        lanes = self.lanes or {"trunk": 3, "primary": 2}.get(self.highway, 2)
        tags = {"highway": self.highway, "name": self.name, "lanes": str(lanes)}
        if self.alt_name:
            tags["alt_name"] = self.alt_name
        if self.limit_kmh is not None:
            tags["maxspeed"] = str(self.limit_kmh)
        return tags


_ZERO_POINT = (p.FAISAL, p.SRINAGAR)
_TENTH_JINNAH = (p.TENTH, p.JINNAH)

ROADS = (
    Road(
        "Srinagar Highway",
        "trunk",
        80,
        ((-13180, p.SRINAGAR), (-4200, p.SRINAGAR), (4330, p.SRINAGAR), (4430, -3000)),
        22,
        alt_name="Kashmir Highway",
    ),
    Road(
        "Islamabad Expressway",
        "trunk",
        80,
        (_ZERO_POINT, (p.FAISAL, -7600)),
        20,
        ("join", "turn"),
        alt_name="Islamabad Highway",
    ),
    Road("Faisal Avenue", "primary", 70, (_ZERO_POINT, (p.FAISAL, 2300)), 20, ("join", "turn")),
    Road("7th Avenue", "primary", 70, ((p.SEVENTH, p.SRINAGAR), (p.SEVENTH, p.MARGALLA))),
    Road(
        "9th Avenue",
        "primary",
        70,
        ((p.NINTH, p.MARGALLA), (p.NINTH, -6140)),
        20,
        alt_name="Agha Shahi Avenue",
    ),
    Road("10th Avenue", "secondary", 50, ((p.TENTH, p.MARGALLA), (p.TENTH, p.IJP)), 10),
    Road("Jinnah Avenue", "primary", 70, (_TENTH_JINNAH, (4685, p.JINNAH)), 14, ("join", "meet")),
    Road(
        "Nazim-ud-Din Road",
        "primary",
        50,
        (
            (p.LINE_11_12, p.JINNAH - 25),
            (p.TENTH - 300, p.JINNAH - 25),
            (p.TENTH - 100, p.JINNAH),
            _TENTH_JINNAH,
        ),
        14,
        ("meet", "join"),
    ),
    Road(
        "Nazim-ud-Din Road",
        "secondary",
        50,
        ((p.NINTH, p.NAZIMUDDIN), (p.ATATURK, p.NAZIMUDDIN)),
        0,
    ),
    Road(
        "Fazl-e-Haq Road",
        "secondary",
        50,
        ((p.FAISAL, p.FAZL_E_HAQ), (p.ATATURK, p.FAZL_E_HAQ)),
        0,
        alt_name="Sher-e-Bangla A K Fazlul Huq Road",
    ),
    Road(
        "Ibn-e-Sina Road",
        "secondary",
        50,
        ((p.LINE_11_12, p.IBN_E_SINA), (p.FAISAL, p.IBN_E_SINA)),
        0,
    ),
    Road(
        "Margalla Road",
        "primary",
        50,
        ((p.LINE_11_12, p.MARGALLA), (4960, p.MARGALLA)),
        10,
        alt_name="Khayaban-e-Iqbal",
    ),
    Road(
        "IJP Road",
        "primary",
        60,
        ((-9990, p.IJP - 10), (-4000, p.IJP), (p.NINTH, -6140), (p.FAISAL, -6060)),
    ),
    Road(
        "Murree Road",
        "primary",
        80,
        (
            (-2890, -8490),
            (-1900, -7750),
            (-900, -6890),
            (-300, -6370),
            (p.FAISAL, -6160),
            (3300, -5080),
            (4000, -4750),
            (4430, -3000),
            (4750, -2800),
        ),
        12,
        ("turn", "turn"),
    ),
    Road(
        "Constitution Avenue",
        "primary",
        70,
        (
            (4330, p.SRINAGAR),
            (4480, -1750),
            (4620, -900),
            (4685, p.JINNAH),
            (4800, 150),
            (4930, 700),
            (4960, p.MARGALLA),
        ),
        alt_name="Shahrah-e-Dastoor",
    ),
    Road(
        "Ataturk Avenue",
        "secondary",
        50,
        ((p.ATATURK, p.SUHRWARDY), (p.ATATURK, p.MARGALLA)),
        0,
        alt_name="Embassy Road",
    ),
    Road(
        "Khayaban-e-Suhrwardy",
        "primary",
        50,
        ((p.FAISAL, p.SUHRWARDY), (4360, p.SUHRWARDY)),
        10,
    ),
    Road(
        "Grand Trunk Road (N-5)",
        "trunk",
        None,
        (
            (-13550, -1500),
            (-13180, p.SRINAGAR + 20),
            (-13000, -2800),
            (-12780, -3280),
            (-11150, -4350),
            (-10850, -4750),
            (-10250, -5880),
            (-9850, -6330),
            (-9400, -6850),
        ),
        14,
        ("turn", "turn"),
    ),
    Road("Faiz Ahmed Faiz Road", "secondary", 50, ((p.NINTH, -3313), (p.FAISAL, -3313)), 0),
    # No certain public name is known for the roads below.
    Road("F-10/F-11 avenue", "secondary", 50, ((p.LINE_10_11, p.IJP), (p.LINE_10_11, 3390)), 0),
    Road("F-11/F-12 avenue", "secondary", 50, ((p.LINE_11_12, p.IJP), (p.LINE_11_12, 5225)), 0),
    Road(
        "G-12/G-13 avenue", "secondary", 50, ((p.LINE_12_13, p.SRINAGAR), (p.LINE_12_13, -476)), 0
    ),
    Road(
        "G-13/G-14 avenue", "secondary", 50, ((p.LINE_13_14, p.SRINAGAR), (p.LINE_13_14, -476)), 0
    ),
    Road("G-13 north road", "secondary", 50, ((p.LINE_13_14, -476), (p.LINE_12_13, -476)), 0),
    Road("D-12/E-11 road", "secondary", 50, ((-9295, 3390), (p.LINE_10_11, 3390)), 0),
    Road("H/I divide road", "secondary", 50, ((-9295, p.LINE_H_I), (p.FAISAL, p.LINE_H_I)), 0),
    Road("I-14 north road", "secondary", 50, ((-13155, p.LINE_H_I), (-11190, p.LINE_H_I)), 0),
    Road(
        "I-14 link road",
        "secondary",
        50,
        ((p.LINE_13_14 - 75, -5230), (-10590, -5230)),
        0,
        ("join", "meet"),
    ),
)

# Short roads across Blue Area, between the roads that bound rows F and G.
BLUE_AREA_LINKS = (520, 960, 1450, 1900, 2420, 2880, 3420, 3820)
LINKS = (
    *(((u, p.NAZIMUDDIN), (u, p.FAZL_E_HAQ)) for u in BLUE_AREA_LINKS),
    *(((u, p.NAZIMUDDIN), (u, p.IBN_E_SINA)) for u in (-1200, -720)),
    *(((u, p.JINNAH), (u, p.IBN_E_SINA)) for u in (-4350, -5150, -6150, -6900)),
)


def carriageways(road: Road) -> list[Line]:
    """Return a road's lines: two one-way carriageways, or one line for both directions.

    Pakistan drives on the left. The carriageway along the course therefore lies to the left of the
    centre line, and the opposite carriageway to the right.
    """
    meets = [end == "meet" for end in road.ends]
    course = _lengthened(road.points, *(OVERSHOOT_M if meet else 0.0 for meet in meets))
    schematic = {**road.tags, "source": "schematic"}
    if not road.half_gap_m:
        return [Line(schematic, course, *meets)]
    for end, inner in ((0, 1), (-1, -2)):
        if road.ends[end] == "turn":  # the carriageways converge over the last metres
            near = _towards(course[end], course[inner], OVERSHOOT_M)
            course = (
                (course[0], near, *course[1:]) if end == 0 else (*course[:-1], near, course[-1])
            )
    there = _beside(course, road.half_gap_m)
    back = _beside(course, -road.half_gap_m)
    if road.ends[0] == "turn":
        there, back = (course[0], *there[1:]), (course[0], *back[1:])
    if road.ends[1] == "turn":
        there, back = (*there[:-1], course[-1]), (*back[:-1], course[-1])
    tags = {**schematic, "oneway": "yes"}
    return [Line(tags, there, *meets), Line(tags, back[::-1], *reversed(meets))]


def links() -> list[Line]:
    """Return the short roads that link the roads on both sides of Blue Area."""
    tags = {"highway": "tertiary", "maxspeed": "50", "source": "schematic"}
    return [
        Line(
            {**tags, "name": f"Blue Area link {number} (schematic)"},
            _lengthened(course, OVERSHOOT_M / 2, OVERSHOOT_M / 2),
            trim_start=True,
            trim_end=True,
        )
        for number, course in enumerate(LINKS, start=1)
    ]


def _lengthened(points: tuple[Point, ...], at_start: float, at_end: float) -> tuple[Point, ...]:
    out = list(points)
    out[0] = _towards(points[0], points[1], -at_start)
    out[-1] = _towards(points[-1], points[-2], -at_end)
    return tuple(out)


def _towards(point: Point, other: Point, by_m: float) -> Point:
    share = by_m / math.dist(point, other)
    return point[0] + (other[0] - point[0]) * share, point[1] + (other[1] - point[1]) * share


def _beside(points: tuple[Point, ...], left_m: float) -> tuple[Point, ...]:
    """Return the course shifted to the left, with mitred bends."""
    out = []
    for i, (u, v) in enumerate(points):
        normals = []
        for a, b in ((i - 1, i), (i, i + 1)):
            if a >= 0 and b < len(points):
                du, dv = points[b][0] - points[a][0], points[b][1] - points[a][1]
                length = math.hypot(du, dv)
                normals.append((-dv / length, du / length))
        nu = sum(n[0] for n in normals) / len(normals)
        nv = sum(n[1] for n in normals) / len(normals)
        square = nu * nu + nv * nv
        out.append((u + nu / square * left_m, v + nv / square * left_m))
    return tuple(out)
