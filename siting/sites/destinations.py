"""Places that draw vehicles, with their OSM tags, for the surface of destinations."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd

from siting.files import read_layer
from siting.sites.places import OSM_SUFFIXES, Tags, read_osm_places


def read_destinations(path: Path, tags: Tags) -> gpd.GeoDataFrame:
    """Return the places of a file with their OSM keys as columns, in lon/lat (EPSG:4326).

    Parameters
    ----------
    path
        OSM XML (``.osm``, ``.osm.gz``, ``.osm.bz2``), or any layer with OSM keys as columns.
    tags
        Key, then the values wanted, or ``True`` for any; used for OSM XML, a layer comes whole.

    Raises
    ------
    InputError
        If the file cannot be read, or nothing in an OSM file carries one of the tags.
    """
    if path.name.lower().endswith(OSM_SUFFIXES):
        return read_osm_places(path, tags)
    return read_layer(path, unique_ids=False)
