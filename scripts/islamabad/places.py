"""Points beside the roads: places where a charger could stand, and existing chargers.

A name that ends in "(schematic)" is not that of a real place, but of a kind of place typical of the
market or junction. The few real names belong to well-known places and are marked.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import mainroads, streets
from . import plan as p
from .frame import to_grid


@dataclass(frozen=True)
class Place:
    """A place in the grid, metres, with its OSM tags."""

    tags: dict[str, str]
    u: float
    v: float


# Junctions with a fuel station near one corner: name, place, and offset to the corner.
_FUEL_JUNCTIONS = (
    ("Srinagar Highway at Grand Trunk Road", (-13180, p.SRINAGAR), (120, 60)),
    ("Srinagar Highway at G-13", (p.LINE_12_13, p.SRINAGAR), (-60, 60)),
    ("Srinagar Highway at H-12", (p.LINE_11_12, p.SRINAGAR), (-60, -60)),
    ("Srinagar Highway at G-11", (p.LINE_10_11, p.SRINAGAR), (-60, 60)),
    ("Srinagar Highway at 10th Avenue", (p.TENTH, p.SRINAGAR), (60, 60)),
    ("Srinagar Highway at 9th Avenue", (p.NINTH, p.SRINAGAR), (80, -70)),
    ("Khayaban-e-Suhrwardy at 7th Avenue", (p.SEVENTH, p.SUHRWARDY), (60, 50)),
    ("Ataturk Avenue at Fazl-e-Haq Road", (p.ATATURK, p.FAZL_E_HAQ), (-50, -50)),
    ("Jinnah Avenue at 7th Avenue", (p.SEVENTH, p.JINNAH), (70, 60)),
    ("Nazim-ud-Din Road at F-11", (p.LINE_10_11, p.JINNAH), (-50, 50)),
    ("Margalla Road at 10th Avenue", (p.TENTH, p.MARGALLA), (-60, -50)),
    ("Margalla Road at E-11", (p.LINE_11_12, p.MARGALLA), (60, 60)),
    ("9th Avenue at Faiz Ahmed Faiz Road", (p.NINTH, -3313), (70, 50)),
    ("9th Avenue at I-8", (p.NINTH, p.LINE_H_I), (70, -60)),
    ("Expressway at I-8", (p.FAISAL, p.LINE_H_I), (-70, -60)),
    ("10th Avenue at I-10", (p.TENTH, p.LINE_H_I), (-60, -60)),
    ("IJP Road at I-9", (p.NINTH, -6140), (-70, 60)),
    ("IJP Road at I-10", (p.TENTH, p.IJP), (-60, 60)),
    ("IJP Road at I-11", (p.LINE_10_11, p.IJP), (-60, 60)),
    ("IJP Road at I-12", (p.LINE_11_12, p.IJP), (-60, 60)),
    ("Grand Trunk Road at I-14", (-11150, p.LINE_H_I), (-90, 50)),
    ("Murree Road at Faizabad", (p.FAISAL, -6160), (-90, -110)),
)

# Real malls (The Centaurus: longitude and latitude to 4 decimals; Safa Gold: at its market).
_CENTAURUS = (73.0499, 33.7079)

# Existing chargers of Islamabad: Open Charge Map, survey of Feb to Apr 2026. Id, name, latitude,
# longitude, kW of the largest unit, PKR/kWh, operational, remark.
CHARGERS: tuple[
    tuple[int, str, float, float, float | None, float | None, bool, str | None], ...
] = (
    (475404, "HUBCO Green, PSO Marwat, I-8 Markaz", 33.6681, 73.0772, 60, 120, True, None),
    (479876, "Tesla Industries, I-10/3", 33.6544, 73.0362, 120, 125, True, None),
    (479895, "Elite, Aramco, Embassy Road, G-6/4", 33.7149, 73.0971, 120, 125, True, None),
    (479896, "Attock, Jinnah Avenue, Blue Area", 33.7167, 73.0678, 180, 110, True, None),
    (479901, "Centaurus Mall", 33.7081, 73.0502, 60, 125, True, "115 PKR/kWh off-peak"),
    (480715, "Attock, F-11 Markaz", 33.6853, 72.9857, None, None, False, "not operational"),
)


def places() -> list[Place]:
    """Return all places, first by sector and then along the main roads."""
    out: list[Place] = []
    for sector in p.sectors():
        if sector.markaz is not None:
            out += _market(sector)
        elif sector.kind == "park":
            out += _park(sector)
        else:
            out += _campus(sector)
    for name, (u, v), (du, dv) in _FUEL_JUNCTIONS:
        out.append(_place("amenity", "fuel", f"Fuel station, {name}", u + du, v + dv))
    for number, u in enumerate(mainroads.BLUE_AREA_LINKS, start=1):
        v = p.FAZL_E_HAQ + 40 if number % 2 else p.NAZIMUDDIN - 40
        out.append(_place("amenity", "parking", f"Blue Area parking {number}", u + 25, v))
    tags = {"shop": "mall", "name": "The Centaurus", "source": "real place, 4 decimals"}
    out.append(Place(tags, *to_grid(*_CENTAURUS)))
    out.append(
        _place("amenity", "bus_station", "Faizabad bus terminal", p.FAISAL - 110, -6160 + 40)
    )
    return out


def _place(key: str, value: str, name: str, u: float, v: float) -> Place:
    return Place({key: value, "name": f"{name} (schematic)", "source": "schematic"}, u, v)


def _market(sector: p.Sector) -> list[Place]:
    assert sector.markaz is not None
    u, v = sector.markaz
    west, east, south, north = streets.ring(sector)
    market = f"{sector.name} Markaz"
    out = [
        _place("amenity", "fuel", f"{market} fuel station 1", west + 25, v + 40),
        _place("amenity", "fuel", f"{market} fuel station 2", east - 25, v - 40),
        _place("amenity", "parking", f"{market} parking 1", u - 60, north - 30),
        _place("amenity", "parking", f"{market} parking 2", u + 60, south + 30),
    ]
    if sector.name == "F-7":
        tags = {"shop": "mall", "name": "Safa Gold Mall", "source": "real name, place schematic"}
        out.append(Place(tags, u + 120, v + 40))
    else:
        out.append(_place("shop", "mall", f"{market} shopping centre", u + 120, v + 40))
    number = sector.column % 4 + 1
    u, v = streets.corner(sector, number)
    name = f"{sector.name}/{number} local market parking"
    out.append(_place("amenity", "parking", name, u + 20, v + 20))
    return out


def _park(sector: p.Sector) -> list[Place]:
    """Return the car parks of Fatima Jinnah Park, one at each of its inner corners."""
    name = "Fatima Jinnah Park (F-9) parking"
    corners = [(u, v) for u in (sector.west + 70, sector.east - 70)
               for v in (sector.south + 60, sector.north - 60)]  # fmt: skip
    return [
        _place("amenity", "parking", f"{name} {number}", u, v)
        for number, (u, v) in enumerate(corners, start=1)
    ]


def _campus(sector: p.Sector) -> list[Place]:
    west, east, south, north = streets.inside(sector)
    v = (south + north) / 2
    if east - west < 800:
        spots = [((west + east) / 2, v)]
    else:
        spots = [
            (west + part * (east - west), south + part * (north - south)) for part in (0.35, 0.65)
        ]
    what = "office" if sector.kind == "administrative" else "visitor"
    return [
        _place("amenity", "parking", f"{sector.name} {what} parking {number}", u + 25, at + 25)
        for number, (u, at) in enumerate(spots, start=1)
    ]
