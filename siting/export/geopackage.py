"""One GeoPackage with every layer of a plan, its styles, and the meaning of each field."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from itertools import chain, count
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio

from siting.export.dictionary import data_dictionary_of
from siting.export.lonlat import to_lonlat
from siting.export.styles import Style
from siting.texts import visible
from siting.writing import write_whole

# The table in which QGIS stores styles, and its columns.
STYLES_TABLE = "layer_styles"
_STYLE_COLUMNS = [
    *("f_table_catalog", "f_table_schema", "f_table_name", "f_geometry_column", "styleName"),
    *("styleQML", "styleSLD", "useAsDefault", "description", "owner", "ui"),
]
# GeoPackage 1.3, annex F.9 (schema): names and descriptions of columns.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS gpkg_extensions (
  table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
  scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
CREATE TABLE IF NOT EXISTS gpkg_data_columns (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT,
  mime_type TEXT, constraint_name TEXT,
  CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
  CONSTRAINT gdc_tn UNIQUE (table_name, name));
CREATE TABLE IF NOT EXISTS gpkg_data_column_constraints (
  constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC,
  min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
  CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value));
"""
_DEFINITION = "http://www.geopackage.org/spec121/#extension_schema"


def write_geopackage(
    path: Path, layers: Mapping[str, pd.DataFrame], *,
    descriptions: Mapping[str, str] | None = None, geometry_types: Mapping[str, str] | None = None,
    styles: Mapping[str, Sequence[Style]] | None = None,
) -> None:  # fmt: skip
    """Write layers and plain tables into one GeoPackage, in lon/lat (EPSG:4326, degrees).

    Coordinates are rounded to 7 decimals; other numbers are written in full. Missing values are
    NULL. GeoPackage's schema extension stores the alias and the meaning of each field.

    `layers` are written in their order. `descriptions` and `styles` (`styles_of`) are for a GIS;
    QGIS opens a layer with its first style. `geometry_types` are used only for layers without rows.
    Raises `InputError` if a layer has no coordinate reference system.
    """

    def write(part: Path) -> None:
        fields: dict[str, list[str]] = {}
        geometry: dict[str, str] = {}
        for name, layer in layers.items():
            options: dict[str, Any] = {}
            if descriptions and name in descriptions:
                options["DESCRIPTION"] = visible(descriptions[name])
            drawn = isinstance(layer, gpd.GeoDataFrame)
            frame = storable(to_lonlat(layer, name) if drawn else layer)
            # Layers from a GIS often have a column ``fid``.
            taken = {str(column).lower() for column in frame.columns}
            options["FID"] = _free_name("fid", taken)
            if drawn:
                geometry[name] = options["GEOMETRY_NAME"] = _free_name("geom", taken)
                if layer.empty and geometry_types and name in geometry_types:
                    options["geometry_type"] = geometry_types[name]
            fields[name] = [str(c) for c in frame.columns if str(c) != "geometry"]
            pyogrio.write_dataframe(frame, part, layer=name, driver="GPKG", **options)
        _add_styles(part, styles or {}, geometry)
        _add_meanings(part, data_dictionary_of(fields))

    write_whole(path, write)


def storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with names and values that SQLite, XML and GDAL's drivers can store.

    GDAL's drivers cut a string at a null byte and write other control characters to XML unchanged.
    """
    table = frame.reset_index(drop=True)
    taken: set[str] = set()
    names = {}
    for column in table.columns:
        names[column] = _free_name(visible(str(column)), taken)
        taken.add(names[column].lower())
    table = table.rename(columns=names)
    for name in table.columns:
        if isinstance(table[name].dtype, pd.CategoricalDtype):
            table[name] = table[name].astype(table[name].cat.categories.dtype)
        if pd.api.types.is_string_dtype(table[name]) or table[name].dtype == object:
            table[name] = pd.Series([_cell(v) for v in table[name]], dtype=table[name].dtype)
    return table


def _cell(value: Any) -> Any:
    """Return a value that a table can store; a list, such as a street's names, becomes a string."""
    if isinstance(value, list | tuple):
        return _cell("; ".join(map(str, value)))
    return visible(value) if isinstance(value, str) else value


def _free_name(wanted: str, taken: Collection[str]) -> str:
    """Return a name that is not taken; SQLite treats "Name" and "name" as one column."""
    choices = chain((wanted,), (f"{wanted}_{n}" for n in count(2)))
    return next(name for name in choices if name.lower() not in taken)


def _add_styles(
    path: Path, styles: Mapping[str, Sequence[Style]], geometry: Mapping[str, str]
) -> None:
    """Add QGIS styles to a GeoPackage; `geometry` names the geometry column of each layer."""
    rows = [
        ("", "", layer, geometry[layer], style.name, style.qml, "", i == 0, style.meaning, "", "")
        for layer, layer_styles in styles.items()
        if layer in geometry
        for i, style in enumerate(layer_styles)
    ]
    if not rows:
        return
    table = pd.DataFrame(rows, columns=_STYLE_COLUMNS)
    # The time is fixed, so that a plan always gives the same file. QGIS sorts styles by this time.
    table["update_time"] = pd.Timestamp("2000-01-01")
    options = {"FID": "id", "DESCRIPTION": "Styles with which QGIS draws the layers."}
    pyogrio.write_dataframe(table, path, layer=STYLES_TABLE, driver="GPKG", append=True, **options)


def _add_meanings(path: Path, dictionary: pd.DataFrame) -> None:
    named = []
    taken: set[tuple[str, str]] = set()
    for layer, field, words, unit, meaning in dictionary.itertuples(index=False, name=None):
        # Aliases must be unique in a table, but "a_b" and "a b" have the same alias.
        choices = chain((words, field), (f"{words} ({n})" for n in count(2)))
        shown = next(name for name in choices if (layer, name) not in taken)
        taken.add((layer, shown))
        # GDAL shows `name`; the specification uses `title`.
        named.append((layer, field, shown, shown, f"{meaning} [{unit}]" if unit else meaning))
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(_SCHEMA)
        database.executemany(
            "INSERT INTO gpkg_extensions VALUES (?, NULL, 'gpkg_schema', ?, 'read-write')",
            [(t, _DEFINITION) for t in ("gpkg_data_columns", "gpkg_data_column_constraints")],
        )
        database.executemany(
            "INSERT INTO gpkg_data_columns (table_name, column_name, name, title, description) "
            "VALUES (?, ?, ?, ?, ?)",
            named,
        )
