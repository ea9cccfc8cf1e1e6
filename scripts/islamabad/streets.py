"""Draw the streets inside a sector by one rule: service roads, market ring, spines, streets.

Every sector has a service road along each side. A sector with a market also has a ring road around
the market, and a spine road from the ring to each side. The spines divide the sector into four
sub-sectors, numbered clockwise from the south-west as in the real city. Streets fill each
sub-sector in one of four patterns, chosen by row, column and number.
"""

from __future__ import annotations

from .mainroads import OVERSHOOT_M, Line, Point
from .plan import SRINAGAR, Sector

SERVICE_INSET_M = 75.0
SRINAGAR_INSET_M = 105.0
RING_HALF_M = 180.0

# Numbers of streets of a sub-sector along u and v, by pattern. A few real sub-sectors are nearly
# square; most have long rows.
_PATTERNS = ((3, 3), (2, 5), (5, 2), (4, 4))

# Positions of the two gates of each side. Facing sides differ, so that the gates of neighbouring
# sectors do not meet on the road between them.
_GATES = {"W": (0.25, 0.75), "E": (0.2, 0.8), "S": (0.25, 0.75), "N": (0.2, 0.8)}

_SPINE = {"highway": "tertiary", "maxspeed": "50", "source": "schematic"}
_SERVICE = {"highway": "tertiary", "maxspeed": "40", "source": "schematic"}
_STREET = {"highway": "residential", "maxspeed": "30", "source": "schematic"}

Box = tuple[float, float, float, float]


def inside(sector: Sector) -> Box:
    """Return west, east, south and north of a sector's service roads, metres in the grid."""
    south = SRINAGAR_INSET_M if sector.south == SRINAGAR else SERVICE_INSET_M
    north = SRINAGAR_INSET_M if sector.north == SRINAGAR else SERVICE_INSET_M
    return (
        sector.west + SERVICE_INSET_M,
        sector.east - SERVICE_INSET_M,
        sector.south + south,
        sector.north - north,
    )


def streets(sector: Sector) -> list[Line]:
    """Return all lines inside a sector; a park has none."""
    if sector.kind == "park":
        return []
    box = inside(sector)
    out = _service_roads(sector, box)
    if sector.markaz is None:
        return out + _sparse(sector, box)
    out += _market(sector, box)
    out += _gates(sector, box)
    for number in (1, 2, 3, 4):
        out += _sub_sector(sector, number)
    return out


def ring(sector: Sector) -> Box:
    """Return west, east, south and north of the road around a sector's market."""
    assert sector.markaz is not None
    u, v = sector.markaz
    return u - RING_HALF_M, u + RING_HALF_M, v - RING_HALF_M, v + RING_HALF_M


def sub_sector_box(sector: Sector, number: int) -> Box:
    """Return west, east, south and north of a sub-sector, from spine to service road."""
    assert sector.markaz is not None
    west, east, south, north = inside(sector)
    u, v = sector.markaz
    return (
        west if number in (1, 2) else u,
        u if number in (1, 2) else east,
        south if number in (1, 4) else v,
        v if number in (1, 4) else north,
    )


def corner(sector: Sector, number: int) -> Point:
    """Return a street corner near the middle of a sub-sector, metres in the grid."""
    west, east, south, north = sub_sector_box(sector, number)
    along, across = _pattern(sector, number)
    return (
        round(west + (across + 1) // 2 * (east - west) / (across + 1)),
        round(south + (along + 1) // 2 * (north - south) / (along + 1)),
    )


def _pattern(sector: Sector, number: int) -> tuple[int, int]:
    rule = 3 * "CDEFGHI".index(sector.row) + 5 * sector.column + number
    return _PATTERNS[rule % len(_PATTERNS)]


def _line(tags: dict[str, str], name: str, *points: Point, trim: str = "") -> Line:
    return Line({**tags, "name": name}, points, "start" in trim, "end" in trim)


def _service_roads(sector: Sector, box: Box) -> list[Line]:
    west, east, south, north = box
    corners = {
        "West": ((west, south), (west, north)),
        "North": ((west, north), (east, north)),
        "East": ((east, north), (east, south)),
        "South": ((east, south), (west, south)),
    }
    return [
        _line(_SERVICE, f"Service Road {side} {sector.name}", *ends)
        for side, ends in corners.items()
    ]


def _outward(sector: Sector, box: Box, side: str, at: float) -> tuple[Point, Point]:
    """Return a point of a service road, and a target point beyond the road outside the sector."""
    west, east, south, north = box
    if side in "WE":
        edge, line = (west, sector.west) if side == "W" else (east, sector.east)
        over = OVERSHOOT_M if line > edge else -OVERSHOOT_M
        return (edge, at), (line + over, at)
    edge, line = (south, sector.south) if side == "S" else (north, sector.north)
    over = OVERSHOOT_M if line > edge else -OVERSHOOT_M
    return (at, edge), (at, line + over)


def _market(sector: Sector, box: Box) -> list[Line]:
    assert sector.markaz is not None
    u, v = sector.markaz
    west, east, south, north = ring(sector)
    name = f"{sector.name} Markaz Road"
    out = [
        _line(
            _SPINE,
            name,
            (west, south),
            (west, north),
            (east, north),
            (east, south),
            (west, south),
        )
    ]
    starts = {"W": (west, v), "E": (east, v), "S": (u, south), "N": (u, north)}
    for side, start in starts.items():
        edge, beyond = _outward(sector, box, side, v if side in "WE" else u)
        end = beyond if side in sector.open_to else edge
        out.append(_line(_SPINE, name, start, end, trim="end"))
    return out


def _gates(sector: Sector, box: Box) -> list[Line]:
    """Return the short roads from the service road to the road outside, two on each open side."""
    out = []
    for side in sector.open_to:
        low, high = (box[2], box[3]) if side in "WE" else (box[0], box[1])
        for part in _GATES[side]:
            at = round(low + part * (high - low))
            ends = _outward(sector, box, side, at)
            out.append(_line(_SERVICE, f"Service Road {sector.name}", *ends, trim="end"))
    return out


def _sub_sector(sector: Sector, number: int) -> list[Line]:
    west, east, south, north = sub_sector_box(sector, number)
    ring_west, ring_east, ring_south, ring_north = ring(sector)
    if east - west < 2 * RING_HALF_M or north - south < 2 * RING_HALF_M:
        return []  # the market is too near the side to leave room for streets
    along, across = _pattern(sector, number)
    out = []
    for i in range(1, across + 1):
        u = round(west + i * (east - west) / (across + 1))
        low, high = south, north
        if ring_west <= u <= ring_east:
            low, high = (low, ring_south) if number in (1, 4) else (ring_north, high)
        out.append(((u, low), (u, high)))
    for i in range(1, along + 1):
        v = round(south + i * (north - south) / (along + 1))
        low, high = west, east
        if ring_south <= v <= ring_north:
            low, high = (low, ring_west) if number in (1, 2) else (ring_east, high)
        out.append(((low, v), (high, v)))
    return [
        _line(_STREET, f"Street {i}, {sector.name}/{number} (schematic)", *ends)
        for i, ends in enumerate(out, start=1)
    ]


def _sparse(sector: Sector, box: Box) -> list[Line]:
    """Return a few streets for a sector of offices, campuses or villas without a market."""
    west, east, south, north = box
    out = _gates(sector, box)
    narrow = east - west < 800
    for i, part in enumerate((0.5,) if narrow else (0.35, 0.65), start=1):
        u = round(west + part * (east - west))
        name = f"{sector.name} road {i} (schematic)"
        out.append(_line(_STREET, name, (u, south), (u, north)))
    for i, part in enumerate((0.25, 0.5, 0.75) if narrow else (0.35, 0.65), start=3):
        v = round(south + part * (north - south))
        name = f"{sector.name} road {i} (schematic)"
        out.append(_line(_STREET, name, (west, v), (east, v)))
    return out
