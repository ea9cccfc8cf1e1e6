"""Styles of a GeoPackage's layers, and the meaning of each field, for a GIS."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import chain, count
from pathlib import Path

import pandas as pd
import pyogrio

from siting.export.styles import Style

# The table in which QGIS stores styles, with its own columns.
STYLES_TABLE = "layer_styles"
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


def add_styles(path: Path, styles: Mapping[str, Sequence[Style]]) -> None:
    """Add QGIS styles to a GeoPackage; the first one of each layer is the one it opens with.

    Its layers are written.
    """
    with closing(sqlite3.connect(path)) as database:
        geometry = dict(
            database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns")
        )
    rows = [
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": layer,
            "f_geometry_column": geometry[layer],
            "styleName": style.name,
            "styleQML": style.qml,
            "styleSLD": "",
            "useAsDefault": i == 0,
            "description": style.meaning,
            "owner": "",
            "ui": "",
        }
        for layer, layer_styles in styles.items()
        if layer in geometry
        for i, style in enumerate(layer_styles)
    ]
    if not rows:
        return
    table = pd.DataFrame(rows)
    # QGIS lists styles by this column; the same plan must give the same file.
    table["update_time"] = pd.Timestamp("2000-01-01")
    options = {"FID": "id", "DESCRIPTION": "How QGIS draws the layers; read by QGIS itself."}
    pyogrio.write_dataframe(table, path, layer=STYLES_TABLE, driver="GPKG", append=True, **options)


def add_meanings(path: Path, dictionary: pd.DataFrame) -> None:
    """Add each field's name in words and its meaning where a GIS shows them.

    Its layers are written; rows of `dictionary` on other tables are passed over.
    """
    rows = (
        dictionary[["layer", "field", "alias", "unit", "meaning"]].astype(str).to_numpy().tolist()
    )
    with closing(sqlite3.connect(path)) as database, database:
        tables = [row[0] for row in database.execute("SELECT table_name FROM gpkg_contents")]
        there = {
            (table, row[1])
            for table in tables
            for row in database.execute(f'PRAGMA table_info("{table}")')
        }
        named = []
        taken: set[tuple[str, str]] = set()
        for layer, field, words, unit, meaning in rows:
            if (layer, field) in there:
                # No two fields of a table may share a name; "a_b" and "a b" are equal in words.
                choices = chain((words, field), (f"{words} ({n})" for n in count(2)))
                shown = next(name for name in choices if (layer, name) not in taken)
                taken.add((layer, shown))
                # GDAL shows `name`, the specification's title; both are the field in words.
                text = f"{meaning} [{unit}]" if unit else meaning
                named.append((layer, field, shown, shown, text))
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
