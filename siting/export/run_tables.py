"""Write the layers and tables of a run into a folder, with styles and a data dictionary."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from siting.export.dictionary import data_dictionary_of, fields_of
from siting.export.geojson import write_geojson
from siting.export.geopackage import write_geopackage
from siting.export.layers import (
    demand_layer,
    road_layer,
    service_layer,
    site_table_layer,
    zone_layer,
)
from siting.export.qgis_project import write_qgis_project
from siting.export.styles import styles_of, write_qml
from siting.export.values import write_csv
from siting.reference.listing import LISTED

# Description of each layer, and the geometry type used if the layer has no rows.
_LAYERS = {
    "sites": ("Stations of the plan, new and existing", "Point"),
    "demand": ("Demand cells: demand for public charging, and energy served, kWh/day", "Polygon"),
    "service": ("Straight lines, not routes, from cells to their stations", "LineString"),
    "candidates": ("Candidate places for stations, including existing stations", "Point"),
    "dropped": ("Places left out: too far from a road, in an excluded area or too small", "Point"),
    "neighbourhoods": ("Names of parts of the city", "Point"),
    "isochrones": ("Areas by driving minutes to the nearest station", "MultiPolygon"),
    "roads": ("Drivable roads: length, speed and driving time", "LineString"),
    "offers": ("What could be built at each place, with its cost and capacity", ""),
    "run": ("Facts of the run", ""),
    "zones": ("Zones of the program: demand and energy served, kWh/day", "MultiPolygon"),
    "built": ("When each station is built or extended", "Point"),
    "alternative_sites": ("Number of near-best plans that build at each place", "Point"),
    "robust": ("Whether every scenario's own plan builds at a place", "Point"),
    "viability": ("Shortfall of each station's business case", ""),
    "business": ("Business case of each new station", ""),
    "concessions": ("Payment to each concession, and the concession's value", ""),
    "floors": ("Shares of demand that must be served, and the shares served", ""),
    "years": ("The plan year by year", ""),
    "scenarios": ("The plan in each scenario", ""),
    "alternatives": ("Near-best plans", ""),
    "dictionary": ("What each field of each layer and table means, with its unit", ""),
}
_AT_SITES = ("built", "alternative_sites", "robust")
# A GIS that keeps the order of the file draws the first layer on top.
_DRAWN = (
    *("sites", *_AT_SITES, "neighbourhoods", "candidates", "dropped"),
    *("service", "roads", "zones", "isochrones", "demand"),
)
# Further fields in the CSV file of a layer, and all fields of tables that are not layers.
_MORE_FIELDS = {
    "dictionary": ["layer", "field", "alias", "unit", "meaning"],
    "sites": ["lon", "lat", "note"],
    "figures": list(LISTED),
}
# Layers that are also written as GeoJSON, with the column that identifies their features.
_GEOJSON = {"sites": "site_id", "demand": "cell_id", "service": None, "candidates": "site_id",
            "isochrones": None}  # fmt: skip


def write_run_tables(
    folder: Path, plan: Any, *, credit: str = "", made: date | None = None, **shown: Any
) -> None:
    """Write a run's layers (lon/lat, degrees) and tables into a folder.

    The files are ``plan.gpkg`` (all layers, tables and styles), ``plan.qgz`` (its QGIS project),
    five layers as GeoJSON with their styles, ``sites.csv``, ``offers.csv`` and ``dictionary.csv``.

    `plan` is as for `layers_of`, and also has ``title`` and ``note``. `credit` states the owner,
    licence and date of the data (`credit_line`). `made` is the date on the print page. `shown` are
    further arguments of `layers_of`. Raises `InputError` if a table refers to unknown cells or
    sites.
    """
    title, note = plan.title, plan.note
    layers = layers_of(plan, **shown)
    layers["roads"] = road_layer(plan.edges)
    full_note = " ".join(filter(None, (note, credit)))
    about = {"fact": ["title", "note"], "value": [title, full_note]}
    layers["run"] = pd.DataFrame(about, dtype="string")
    beside = {name: ["note"] for name in ("offers", *plan.tables)} | _MORE_FIELDS
    layers["dictionary"] = data_dictionary_of(fields_of(layers, beside))
    descriptions = {}
    for name in layers:
        words = (title, _LAYERS.get(name, ("", ""))[0], full_note)
        parts = (part.strip().rstrip(".") for part in words)
        descriptions[name] = ". ".join(filter(None, parts)) + "."
    # The legend lists points first, then lines, then areas, and finally tables.
    drawn = [name for name in _DRAWN if name in layers]
    layers = {name: layers[name] for name in dict.fromkeys([*drawn, *layers])}
    styles = {name: styles_of(name, layer) for name, layer in layers.items()}
    for name, key in _GEOJSON.items():
        if name in layers:
            path = folder / f"{name}.geojson"
            write_geojson(layers[name], path, name=name, note=descriptions[name], key=key)
            write_qml(path, styles[name])
    types = {name: kind for name, (_, kind) in _LAYERS.items() if kind}
    write_geopackage(
        folder / "plan.gpkg", layers, descriptions=descriptions, geometry_types=types, styles=styles
    )
    printed = [credit, f"Made on {made:%d %B %Y} with siting." if made else ""]
    below = " ".join(filter(None, printed))
    write_qgis_project(folder / "plan.qgz", layers, styles, title, note, below)
    write_csv(plan.sites, folder / "sites.csv", note=full_note)
    write_csv(layers["offers"], folder / "offers.csv", note=full_note)
    write_csv(layers["dictionary"], folder / "dictionary.csv")


def layers_of(
    plan: Any, *, cells: gpd.GeoDataFrame | None = None, offers: pd.DataFrame | None = None,
    zone_of_cells: pd.Series | None = None, neighbourhoods: gpd.GeoDataFrame | None = None,
    isochrones: gpd.GeoDataFrame | None = None,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """Return the layers and tables of a plan by name, ready for maps and files.

    `plan` is a `siting.Plan`, or an object with the same tables as attributes. `cells` and `offers`
    replace the plan's tables. With `zone_of_cells` (the zone of each ``cell_id``), the table
    ``zones`` becomes a layer of polygons. `neighbourhoods` are named points. `isochrones` are areas
    by driving minutes to the nearest station. Tables of sites, such as ``built``, become layers of
    points.
    """
    cells = plan.cells if cells is None else cells
    places = _places(plan.sites, plan.candidates)
    layers: dict[str, pd.DataFrame] = {
        "sites": _with_case(plan.sites, plan.tables.get("viability")),
        "demand": demand_layer(cells, plan.demand),
        "service": service_layer(plan.service, cells, places),
        "candidates": plan.candidates,
        "dropped": plan.dropped,
        "roads": plan.edges.reset_index(),
        "offers": plan.offers if offers is None else offers,
    }
    more = {"neighbourhoods": neighbourhoods, "isochrones": isochrones}
    layers |= {name: layer for name, layer in more.items() if layer is not None and len(layer)}
    for name, table in plan.tables.items():
        if name == "zones" and zone_of_cells is not None:
            layers[name] = zone_layer(table, cells, zone_of_cells)
        elif name in _AT_SITES:
            layers[name] = site_table_layer(table, places)
        else:
            layers[name] = table
    return layers


def _places(sites: gpd.GeoDataFrame, candidates: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a point for every site and candidate; a site need not be a candidate."""
    points = [
        gpd.GeoDataFrame({"site_id": layer["site_id"]}, geometry=layer.geometry.array)
        for layer in (sites, candidates.to_crs(sites.crs))
    ]
    return gpd.GeoDataFrame(pd.concat(points, ignore_index=True)).drop_duplicates("site_id")


def _with_case(sites: gpd.GeoDataFrame, viability: pd.DataFrame | None) -> gpd.GeoDataFrame:
    if viability is None:
        return sites
    more = [name for name in viability.columns if name not in sites.columns]
    case = viability.set_index("site_id")[more].reindex(sites["site_id"])
    return sites.assign(**{name: case[name].to_numpy() for name in more})
