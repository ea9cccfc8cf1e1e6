"""Write the city as OSM XML, people as CSV and chargers as GeoJSON; always the same bytes."""

from __future__ import annotations

import bz2
import json
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import quoteattr

from .frame import to_lonlat
from .network import Node, Way
from .people import PeoplePoint
from .places import CHARGERS, Place

OSM_FILE = "islamabad_schematic.osm.bz2"
PEOPLE_FILE = "people.csv"
CHARGERS_FILE = "existing_chargers.geojson"

# The ids are arbitrary, because nothing here is an OpenStreetMap object.
FIRST_NODE, FIRST_PLACE, FIRST_WAY = 1_000_001, 2_000_001, 3_000_001

LonLat = Callable[[float, float], tuple[float, float]]

_NOTE = (
    "SCHEMATIC Islamabad, not surveyed and not OpenStreetMap data: drawn by "
    "scripts/build_islamabad.py from public facts. Ids are made up."
)


def write(folder: Path, ways: list[Way], places: list[Place], people: list[PeoplePoint]) -> None:
    """Write the three files into a folder, which is created if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    xml = osm_xml(ways, places).encode()
    (folder / OSM_FILE).write_bytes(bz2.compress(xml, 9))
    (folder / PEOPLE_FILE).write_text(people_csv(people), "utf-8", newline="\n")
    (folder / CHARGERS_FILE).write_text(chargers_geojson(), "utf-8", newline="\n")


def osm_xml(
    ways: list[Way], places: list[Place], note: str = _NOTE, to_lonlat: LonLat = to_lonlat
) -> str:
    """Return the OSM XML document with road nodes, then places, then ways."""
    nodes = sorted(
        {node for way in ways for node in way.nodes}, key=lambda node: (node[1], node[0])
    )
    ids: dict[Node, int] = {node: FIRST_NODE + i for i, node in enumerate(nodes)}
    at = {node: to_lonlat(*node) for node in nodes}
    spots = [to_lonlat(place.u, place.v) for place in places]
    lons, lats = zip(*at.values(), *spots, strict=True)
    out = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<osm version="0.6" generator="siting schematic">',
        f"  <note>{note}</note>",
        f'  <bounds minlat="{min(lats):.7f}" minlon="{min(lons):.7f}" '
        f'maxlat="{max(lats):.7f}" maxlon="{max(lons):.7f}"/>',
    ]
    for node in nodes:
        lon, lat = at[node]
        out.append(f'  <node id="{ids[node]}" version="1" lat="{lat:.7f}" lon="{lon:.7f}"/>')
    for i, (place, (lon, lat)) in enumerate(zip(places, spots, strict=True)):
        out.append(f'  <node id="{FIRST_PLACE + i}" version="1" lat="{lat:.7f}" lon="{lon:.7f}">')
        out += _tags(place.tags)
        out.append("  </node>")
    for i, way in enumerate(ways):
        out.append(f'  <way id="{FIRST_WAY + i}" version="1">')
        out += [f'    <nd ref="{ids[node]}"/>' for node in way.nodes]
        out += _tags(way.tags)
        out.append("  </way>")
    out.append("</osm>")
    return "\n".join(out) + "\n"


def _tags(tags: dict[str, str]) -> list[str]:
    return [f"    <tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in sorted(tags.items())]


def people_csv(people: list[PeoplePoint], to_lonlat: LonLat = to_lonlat) -> str:
    """Return the CSV of people, with one row for each point."""
    rows = ["lon,lat,people,sector,sector_type,source"]
    for point in people:
        lon, lat = to_lonlat(point.u, point.v)
        rows.append(
            f"{lon:.6f},{lat:.6f},{point.people},{point.sector},{point.sector_type},{point.source}"
        )
    return "\n".join(rows) + "\n"


def chargers_geojson() -> str:
    """Return the existing chargers as GeoJSON (RFC 7946), with one feature on each line."""
    features = []
    for ocm_id, name, lat, lon, power_kw, price, operational, remark in CHARGERS:
        features.append(
            json.dumps(
                {
                    "type": "Feature",
                    "geometry": {"type": "Point", "coordinates": [lon, lat]},
                    "properties": {
                        "ocm_id": ocm_id,
                        "name": name,
                        "power_kw": power_kw,
                        "price_pkr_kwh": price,
                        "operational": operational,
                        "remark": remark,
                        "source": "Open Charge Map",
                        "licence": "CC BY 4.0",
                    },
                },
                ensure_ascii=False,
            )
        )
    return '{"type": "FeatureCollection", "features": [\n' + ",\n".join(features) + "\n]}\n"
