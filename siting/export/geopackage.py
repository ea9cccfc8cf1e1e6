"""One GeoPackage with every layer of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio

from siting.export.dictionary import data_dictionary_of
from siting.export.geopackage_styles import add_meanings, add_styles
from siting.export.lonlat import to_lonlat
from siting.export.styles import Style
from siting.texts import visible
from siting.writing import write_whole


def write_geopackage(
    path: Path,
    layers: Mapping[str, pd.DataFrame],
    *,
    descriptions: Mapping[str, str] | None = None,
    geometry_types: Mapping[str, str] | None = None,
    styles: Mapping[str, Sequence[Style]] | None = None,
) -> None:
    """Write layers and plain tables into one GeoPackage, in lon/lat (EPSG:4326, degrees).

    Coordinates are those of the GeoJSON files; other numbers are written in full. Whole numbers,
    flags and text keep their type; missing values are NULL. Each field has its name in words and
    its meaning, in the schema extension of GeoPackage.

    Parameters
    ----------
    path
        The file; it appears whole or not at all.
    layers
        Name of each layer and its rows, written in this order. A table without geometry becomes a
        table of attributes.
    descriptions
        The description of each layer in a GIS.
    geometry_types
        The geometry type of a layer, needed only where it may be empty.
    styles
        QGIS styles of each layer (`styles_of`), written to the table ``layer_styles``; the layer
        opens with the first one.

    Raises
    ------
    InputError
        If a layer has no coordinate reference system.
    """

    def write(part: Path) -> None:
        fields: dict[str, list[str]] = {}
        for name, layer in layers.items():
            options: dict[str, Any] = {}
            if descriptions and name in descriptions:
                options["DESCRIPTION"] = visible(descriptions[name])
            if isinstance(layer, gpd.GeoDataFrame):
                frame: pd.DataFrame = to_lonlat(layer, name)
                if layer.empty and geometry_types and name in geometry_types:
                    options["geometry_type"] = geometry_types[name]
            else:
                frame = layer
            frame = storable(frame)
            options["FID"] = _free_name("fid", frame)
            if isinstance(frame, gpd.GeoDataFrame):
                options["GEOMETRY_NAME"] = _free_name("geom", frame)
            fields[name] = [str(c) for c in frame.columns if str(c) != "geometry"]
            pyogrio.write_dataframe(frame, part, layer=name, driver="GPKG", **options)
        if styles:
            add_styles(part, styles)
        add_meanings(part, data_dictionary_of(fields))

    write_whole(path, write)


def storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with names and values as SQLite, XML and the drivers of GDAL hold them.

    A driver ends a text at a zero byte, and writes other control characters into XML as they are.
    """
    table = frame.reset_index(drop=True)
    taken: set[str] = set()
    names = {}
    for column in table.columns:
        # SQLite treats "Name" and "name" as one column.
        new, count = visible(str(column)), 1
        while new.lower() in taken:
            count += 1
            new = f"{visible(str(column))}_{count}"
        taken.add(new.lower())
        names[column] = new
    table = table.rename(columns=names)
    for name in table.columns:
        if isinstance(table[name].dtype, pd.CategoricalDtype):
            table[name] = table[name].astype(table[name].cat.categories.dtype)
        if pd.api.types.is_string_dtype(table[name]) or table[name].dtype == object:
            table[name] = pd.Series([_cell(v) for v in table[name]], dtype=table[name].dtype)
    return table


def _cell(value: Any) -> Any:
    """Return the items of a list as one text; OSM streets may have several names."""
    if isinstance(value, list | tuple):
        return _cell("; ".join(map(str, value)))
    return visible(value) if isinstance(value, str) else value


def _free_name(wanted: str, frame: pd.DataFrame) -> str:
    """Return a name that no column has: layers that were in a GIS before often bring a ``fid``."""
    taken = {str(column).lower() for column in frame.columns}
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    return name
