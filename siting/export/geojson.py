"""GeoJSON (RFC 7946) with one feature per line, so that diff can compare plans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd

from siting.errors import refuse
from siting.export.lonlat import to_lonlat
from siting.export.values import plain, rounded
from siting.files import rows_fault
from siting.writing import write_whole


def write_geojson(
    layer: gpd.GeoDataFrame, path: Path, *, name: str = "", note: str = "", key: str | None = None
) -> None:
    """Write a layer as UTF-8 GeoJSON (RFC 7946), with lon/lat in degrees and at most 7 decimals.

    Missing and infinite values are ``null``. The unit in a column's name decides how numbers are
    rounded. Each feature is one line, in the order of the rows. The same layer always gives the
    same bytes.

    `name` is the layer's name in a GIS, by default the name of the file. The `note` becomes the
    member ``description``, which GDAL and QGIS show and other readers ignore (RFC 7946, section
    6.1). The column `key` is also written as each feature's ``id``. Raises `InputError` if the
    layer has no geometry or no coordinate reference system, or two rows share a key.
    """
    head, features = _collection(layer, name or path.stem, note, key)

    def write(part: Path) -> None:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            members = [f"{_dumps(member)}: {_dumps(value)}" for member, value in head.items()]
            file.write("{\n" + ",\n".join(members) + ',\n"features": [')
            for i, feature in enumerate(features):
                file.write((",\n" if i else "\n") + _dumps(feature))
            file.write("\n]\n}\n")

    write_whole(path, write)


def geojson_of(layer: gpd.GeoDataFrame, *, name: str, note: str = "") -> dict[str, Any]:
    """Return a layer as a GeoJSON object of plain Python values; see `write_geojson`."""
    head, features = _collection(layer, name, note, None)
    collection: dict[str, Any] = json.loads(_dumps({**head, "features": list(features)}))
    return collection


def _collection(
    layer: gpd.GeoDataFrame, name: str, note: str, key: str | None
) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Return the features of a collection, preceded by a mapping of its other members."""
    if key is not None:
        twice = layer[key].duplicated()
        refuse(rows_fault(f"{name}, column {key}", twice, layer[key], "duplicate"))
    drawn = to_lonlat(layer, name)
    head: dict[str, Any] = {"type": "FeatureCollection", "name": name}
    if note:
        head["description"] = note
    if drawn.geometry.notna().any():
        head["bbox"] = [float(v) for v in drawn.total_bounds]
    return head, _features(drawn, key)


def _features(drawn: gpd.GeoDataFrame, key: str | None) -> Iterator[dict[str, Any]]:
    table = rounded(drawn.drop(columns="geometry"))
    columns = {str(name): plain(column.tolist()) for name, column in table.items()}
    for row, shape in enumerate(drawn.geometry):
        properties = {name: column[row] for name, column in columns.items()}
        feature: dict[str, Any] = {"type": "Feature"}
        if key is not None and properties[key] is not None:
            feature["id"] = properties[key]
        geometry = None if shape is None else shape.__geo_interface__
        yield {**feature, "properties": properties, "geometry": geometry}


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
