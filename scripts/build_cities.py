"""Build the schematic Faisalabad and Quetta in data/ from public facts.

    python scripts/build_cities.py

Every build gives the same bytes. Faisalabad is a radial city in the plain, and Quetta lies in a
valley between hills. Their roads are joined and written like the grid of
`scripts/build_islamabad.py`. The build needs only Python's standard library. data/README.md lists
the facts and the assumptions.
"""

from __future__ import annotations

import argparse
import bz2
import itertools
import math
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from islamabad import frame, network, output, people, places
from islamabad.mainroads import Line, Point

DEFAULT_OUT = Path(__file__).resolve().parent.parent / "data"
SOURCE = "PBS Census 2023 total of the city proper; ASSUMPTION: share by place"


@dataclass(frozen=True)
class City:
    """A city drawn in metres east and north of its centre.

    Parameters
    ----------
    name
        Its name.
    lon, lat
        Its centre, degrees.
    people
        People of the city proper, census of 2023.
    lines, spots
        Its roads, and the places beside these roads.
    homes
        The points where people live: place, relative number of people, part of the city.
    """

    name: str
    lon: float
    lat: float
    people: int
    lines: list[Line]
    spots: list[places.Place]
    homes: list[tuple[Point, float, str]]

    def write(self, folder: Path) -> str:
        """Write its roads and people into a folder, and return their numbers as text."""
        folder.mkdir(parents=True, exist_ok=True)
        at = partial(frame.lonlat_about, self.lon, self.lat)
        note = (
            f"SCHEMATIC {self.name}, not surveyed and not OpenStreetMap data: drawn by "
            "scripts/build_cities.py from public facts. Ids are made up."
        )
        ways = network.join(self.lines)
        xml = output.osm_xml(ways, self.spots, note, at).encode()
        stem = self.name.lower()
        (folder / f"{stem}_schematic.osm.bz2").write_bytes(bz2.compress(xml, 9))
        counts = people.shared_out(self.people, [share for _, share, _ in self.homes])
        points = [
            people.PeoplePoint(x, y, count, part, "residential", SOURCE)
            for ((x, y), _, part), count in zip(self.homes, counts, strict=True)
        ]
        text = output.people_csv(points, at)
        (folder / output.PEOPLE_FILE).write_text(text, "utf-8", newline="\n")
        nodes = {node for way in ways for node in way.nodes}
        return f"schematic {self.name}: {len(nodes):,} nodes, {len(self.spots)} places"


def _road(highway: str, points: list[Point], name: str = "") -> Line:
    tags = {"highway": highway, "source": "schematic"} | ({"name": name} if name else {})
    ends = highway == "residential"
    return Line(tags, tuple(points), trim_start=ends, trim_end=ends)


def _place(key: str, value: str, name: str, x: float, y: float) -> places.Place:
    tags = {key: value, "name": f"{name} (schematic)", "source": "schematic"}
    return places.Place(tags, x, y)


# --- Faisalabad: eight bazaars round a clock tower -----------------------------------------------

# Anticlockwise from east: the bazaar, and the road beyond it. The names are facts. The position of
# each road follows the town in its name.
BAZAARS = (
    ("Rail Bazaar", "Jaranwala Road"),
    ("Kutchery Bazaar", "Sheikhupura Road"),
    ("Chiniot Bazaar", "Sargodha Road"),
    ("Aminpur Bazaar", "Millat Road"),
    ("Bhawana Bazaar", "Narwala Road"),
    ("Jhang Bazaar", "Jhang Road"),
    ("Montgomery Bazaar", "Samundri Road"),
    ("Karkhana Bazaar", "Satiana Road"),
)
GATE_M, EDGE_M = 420.0, 6800.0
# Class of each ring road, by radius (m); streets between the rings separate the blocks.
RINGS = {120: "tertiary", 420: "secondary", 900: "tertiary", 1500: "secondary", 2300: "tertiary",
         3200: "primary", 4300: "tertiary", 5500: "secondary", 6800: "tertiary"}  # fmt: skip
LANES = (650, 1200, 1900, 2750, 3750, 4900, 6150)
# Relative density of people within each radius (m); ASSUMPTION.
DENSITY = {900: 0.7, 2300: 1.0, 4300: 0.7, 5500: 0.45, 6800: 0.25}


def _polar(radius: float, turn: float) -> Point:
    return radius * math.cos(math.tau * turn), radius * math.sin(math.tau * turn)


def faisalabad() -> City:
    """Return the radial city."""
    names = {120: "Gol Bazaar", 420: "Circular Road"}
    lines = [
        _road(highway, [_polar(radius, i / 64) for i in range(65)], names.get(radius, ""))
        for radius, highway in {**RINGS, **dict.fromkeys(LANES, "unclassified")}.items()
    ]
    spots = []
    for i, (bazaar, road) in enumerate(BAZAARS):
        turn = i / 8
        lines.append(_road("tertiary", [(0.0, 0.0), _polar(GATE_M, turn)], bazaar))
        lines.append(_road("primary", [_polar(GATE_M, turn), _polar(EDGE_M + 400, turn)], road))
        spots.append(_place("amenity", "parking", f"{bazaar} gate parking",
                            *_polar(GATE_M + 40, turn + 0.02)))  # fmt: skip
        for radius in (900, 2300, 3200, 4300, 5500):
            x, y = _polar(radius + 60, turn + 6 / radius)
            spots.append(_place("amenity", "fuel", f"Fuel station, {road} {radius:,} m", x, y))
        for radius in (1500, 3200, 4300):
            x, y = _polar(radius + 30, turn + 1 / 16 + 5 / radius)
            spots.append(_place("amenity", "parking", f"Market parking {i + 1}-{radius}", x, y))
        if i % 2:
            x, y = _polar(2300 - 60, turn + 8 / 2300)
            spots.append(_place("shop", "mall", f"Shopping centre, {road}", x, y))
    spots.append(_place("amenity", "bus_station", "General bus stand", *_polar(1560, 0.135)))
    for inner, spokes, highway in (
        (GATE_M, 16, "secondary"),
        (900.0, 32, "residential"),
        (2300.0, 64, "residential"),
    ):
        lines += [
            _road(highway, [_polar(inner, i / spokes), _polar(EDGE_M, i / spokes)])
            for i in range(1, spokes, 2)
        ]
    homes = []
    for low, high in itertools.pairwise([GATE_M, *LANES, EDGE_M]):
        middle = (low + high) / 2
        dense = next(share for radius, share in DENSITY.items() if middle <= radius)
        for i in range(32):
            share = dense * (high**2 - low**2)
            homes.append((_polar(middle, (i + 0.5) / 32), share, f"ring {low:.0f}-{high:.0f} m"))
    return City("Faisalabad", 73.0791, 31.4187, 3_691_999, lines, spots, homes)


# --- Quetta: a valley between hills --------------------------------------------------------------

# Northing, and west and east edges of the valley floor (m); ASSUMPTION from the hills' names.
VALLEY = ((-9000, -1900, 1300), (-5000, -3100, 1900), (-1000, -5000, 3300), (3000, -4600, 3600),
          (6000, -4700, 1200), (8500, -4200, -1500))  # fmt: skip
BLOCK_M = 430
ROADS: tuple[tuple[str, str, list[Point]], ...] = (
    ("Sariab Road", "trunk", [(-70, -300), (-250, -3000), (-500, -9000)]),
    ("Zarghun Road", "primary", [(-70, -300), (950, 1500), (2050, 4300)]),
    ("Airport Road", "primary", [(-620, 900), (-1900, 3900), (-3300, 8400)]),
    ("Jinnah Road", "secondary", [(-1400, -460), (-620, 900), (-70, -300)]),
    ("Brewery Road", "secondary", [(-1400, -460), (-3000, -250), (-4850, 190)]),
    ("Spinny Road", "secondary", [(-1400, -460), (-1250, -2500), (-500, -4500)]),
    ("Western Bypass", "trunk", [(-1500, -8900), (-2800, -5000), (-4550, -900), (-4250, 3000),
                                 (-4300, 6000), (-3900, 8400)]),
    ("Eastern Bypass", "primary", [(900, -8900), (1600, -5000), (2900, -900), (3150, 3000)]),
)  # fmt: skip
MARKETS = {
    "Liaquat Bazaar": (-330, 230), "Kandahari Bazaar": (-820, 300), "Sirki Road": (-1150, -1050),
    "Satellite Town": (330, -1900), "Sariab Mill": (-460, -5200), "Jan Muhammad Road": (-930, 720),
    "Cantonment bazaar": (1240, 2450), "Samungli Road": (-2480, 2050), "Hazara Town": (-4080, -420),
    "Marriabad": (2200, -250), "Nawa Killi": (-280, 4600), "Kuchlak Road": (-3230, 7300),
}  # fmt: skip


def _edges(y: float) -> tuple[float, float] | None:
    for (low, w0, e0), (high, w1, e1) in itertools.pairwise(VALLEY):
        if low <= y <= high:
            part = (y - low) / (high - low)
            return w0 + part * (w1 - w0), e0 + part * (e1 - e0)
    return None


def _inside(x: float, y: float) -> bool:
    edges = _edges(y)
    return edges is not None and edges[0] <= x <= edges[1]


def quetta() -> City:
    """Return the city of the valley."""
    lines = [_road(highway, points, name) for name, highway, points in ROADS]
    ys = range(VALLEY[0][0] + 100, VALLEY[-1][0], BLOCK_M)
    for i, y in enumerate(ys):
        west, east = _edges(y) or (0.0, 0.0)
        lines.append(_road("tertiary" if i % 4 == 0 else "residential",
                           [(west, y + 0.0), (east, y + 0.0)]))  # fmt: skip
    for i, x in enumerate(range(-4900, 3600, BLOCK_M)):
        inside = [y for y in range(VALLEY[0][0], VALLEY[-1][0], 50) if _inside(x, y)]
        if len(inside) > 20:
            highway = "tertiary" if i % 4 == 0 else "residential"
            lines.append(_road(highway, [(x + 0.0, inside[0]), (x + 0.0, inside[-1])]))
    spots = [
        _place("amenity", "parking", f"{name} parking", x + 30, y + 30)
        for name, (x, y) in MARKETS.items()
    ]
    spots += [
        _place("shop", "mall", f"{name} shopping centre", MARKETS[name][0] - 60, MARKETS[name][1])
        for name in ("Liaquat Bazaar", "Satellite Town", "Samungli Road")
    ]
    spots.append(_place("amenity", "bus_station", "Hazar Ganji bus terminal", -1420, -8000))
    for name, _, points in ROADS:
        length, number = 600.0, 0
        for a, b in itertools.pairwise(points):
            whole = math.dist(a, b)
            while length < whole:
                part, number = length / whole, number + 1
                x = a[0] + part * (b[0] - a[0]) + 45
                spots.append(_place("amenity", "fuel", f"Fuel station {number}, {name}", x,
                                    a[1] + part * (b[1] - a[1])))  # fmt: skip
                length += 1500
            length -= whole
    homes = []
    for y in ys:
        for x in range(-4900, 3600, BLOCK_M):
            if _inside(x, y):
                near = math.exp(-math.dist((x, y), (-300, -500)) / 4000)
                cantonment = 0.25 if x > 300 and y > 1000 else 1.0
                homes.append(((x + 200.0, y + 200.0), near * cantonment, "valley"))
    return City("Quetta", 67.001, 30.184, 1_565_546, lines, spots, homes)


def main(argv: list[str] | None = None) -> None:
    """Build both cities."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="where the folders go")
    args = parser.parse_args(argv)
    for city in (faisalabad(), quetta()):
        print(city.write(args.out / city.name.lower()))


if __name__ == "__main__":
    main()
