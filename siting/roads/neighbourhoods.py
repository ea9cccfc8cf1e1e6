"""Names of neighbourhoods and villages from OpenStreetMap nodes with the key `place`."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import cast
from xml.etree import ElementTree

import geopandas as gpd
import pandas as pd

from siting.errors import InputError
from siting.roads.source import OSM_XML, PBF, road_suffix, unpacked

# Values of `place` by which people describe locations, in order of importance on a map.
PLACE_KINDS = (
    *("city", "town", "borough", "suburb", "quarter", "neighbourhood"),
    *("village", "hamlet", "isolated_dwelling", "locality"),
)
type Places = list[tuple[str, str, str, float, float]]


def read_neighbourhoods(path: Path) -> gpd.GeoDataFrame:
    """Return the named places of a city in a road file, as points in lon/lat (EPSG:4326).

    Only OSM XML (plain, gz or bz2) and PBF have place names; the result may be empty. Columns:
    ``name`` (in English if available), ``name_ur`` (in Urdu; blank if missing), ``kind`` (one of
    `PLACE_KINDS`), ``geometry``. Raises `InputError` if the file cannot be read.
    """
    places: Places = []
    suffix = road_suffix(path)
    if suffix in PBF:
        places = _of_pbf(path)
    elif suffix in OSM_XML:
        with unpacked(path, suffix) as file:
            places = _of_xml(file.read(), path)
    table = pd.DataFrame(places, columns=["name", "name_ur", "kind", "lon", "lat"])
    points = gpd.points_from_xy(table.pop("lon"), table.pop("lat"))
    return gpd.GeoDataFrame(table.astype("str"), geometry=points, crs=4326)


def _of_xml(text: bytes, path: Path) -> Places:
    # Most files have only roads, and need not be parsed.
    if b'k="place"' not in text and b"k='place'" not in text:
        return []
    places: Places = []
    try:
        for _, element in ElementTree.iterparse(BytesIO(text)):
            if element.tag == "node" and {"lon", "lat"} <= element.attrib.keys():
                tags = {tag.attrib["k"]: tag.attrib["v"] for tag in element}
                _take(places, tags, float(element.attrib["lon"]), float(element.attrib["lat"]))
            if element.tag in ("node", "way", "relation"):
                element.clear()
    except (ElementTree.ParseError, KeyError, ValueError) as err:
        raise InputError(str(path), f"cannot be read as OSM XML: {err}") from err
    return places


def _of_pbf(path: Path) -> Places:
    import osmium

    places: Places = []
    nodes = osmium.FileProcessor(osmium.io.File(str(path), "pbf"), osmium.osm.NODE)
    for entity in nodes.with_filter(osmium.filter.KeyFilter("place")):
        node = cast("osmium.osm.Node", entity)
        if node.location.valid():
            tags = {tag.k: tag.v for tag in node.tags}
            _take(places, tags, node.location.lon, node.location.lat)
    return places


def _take(places: Places, tags: dict[str, str], lon: float, lat: float) -> None:
    name = (tags.get("name:en") or tags.get("name") or "").strip()
    if name and tags.get("place") in PLACE_KINDS:
        places.append((name, tags.get("name:ur", "").strip(), tags["place"], lon, lat))
