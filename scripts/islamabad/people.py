"""Spread the census total of people over the sectors, according to the use of each sector."""

from __future__ import annotations

from dataclasses import dataclass

from . import plan as p
from . import streets

# Urban Islamabad, 7th Population and Housing Census 2023, Pakistan Bureau of Statistics.
CENSUS_2023_URBAN = 1_108_872

# ASSUMPTION: density of people by kind of sector, relative to the densest kind. The order follows
# plot sizes: small plots and flats in most of rows G and I and in E-11, villas in F and E-7,
# hostels and staff housing on the campuses. The figures do not come from a count.
RELATIVE_DENSITY = {
    "residential_dense": 1.0,
    "residential_low": 0.4,
    "industrial": 0.4,
    "administrative": 0.15,
    "commercial": 0.15,
    "institutional": 0.1,
    "park": 0.0,
}
POINTS_A_SIDE = 4

_SOURCE = "PBS Census 2023 total; ASSUMPTION: share by sector type and area"


@dataclass(frozen=True)
class PeoplePoint:
    """The number of people at a point of the grid (m)."""

    u: float
    v: float
    people: int
    sector: str
    sector_type: str
    source: str = _SOURCE


def people() -> list[PeoplePoint]:
    """Return 16 points per sector; their people sum exactly to the census total.

    The share of a sector is its area inside the service roads times `RELATIVE_DENSITY`. The largest
    remainders are rounded up to whole people.
    """
    spots: list[tuple[float, float, str, str]] = []
    weights: list[float] = []
    for sector in p.sectors():
        _spread(spots, weights, streets.inside(sector), sector.name, sector.kind)
    blue_area = (p.FAISAL + 60.0, p.ATATURK - 60.0, float(p.FAZL_E_HAQ), float(p.NAZIMUDDIN))
    _spread(spots, weights, blue_area, "Blue Area", "commercial", rows=1)
    counts = shared_out(CENSUS_2023_URBAN, weights)
    return [
        PeoplePoint(u, v, count, name, kind)
        for (u, v, name, kind), count in zip(spots, counts, strict=True)
    ]


def shared_out(people: int, weights: list[float]) -> list[int]:
    """Divide whole people in proportion to weights; the largest remainders are rounded up."""
    total = sum(weights)
    exact = [people * weight / total for weight in weights]
    counts = [int(share) for share in exact]
    order = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
    for i in order[: people - sum(counts)]:
        counts[i] += 1
    return counts


def _spread(
    spots: list[tuple[float, float, str, str]],
    weights: list[float],
    box: streets.Box,
    name: str,
    kind: str,
    rows: int = POINTS_A_SIDE,
) -> None:
    west, east, south, north = box
    width, height = (east - west) / POINTS_A_SIDE, (north - south) / rows
    for i in range(POINTS_A_SIDE):
        for j in range(rows):
            spots.append((west + (i + 0.5) * width, south + (j + 0.5) * height, name, kind))
            weights.append(width * height * RELATIVE_DENSITY[kind])
