"""Places for stations, from OpenStreetMap, users' layers, parcels and street corners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from siting.demand.people import id_faults, shape_faults, user_columns
from siting.errors import Fault, InputError, refuse
from siting.files import (
    ABOVE_0,
    missing_columns,
    not_numbers,
    read_layer,
    row_labels,
    rows_fault,
    texts_of,
    unreadable_in_words,
)
from siting.roads import Network
from siting.roads.source import OSM_XML

Tags = Mapping[str, bool | str | Sequence[str]]

OSM_CREDIT = "OpenStreetMap contributors (ODbL)"
ID_COLUMNS = ("site_id", "id")
OWN = "user_"  # prefix of columns from a user's layer
OWN_ID = f"{OWN}id"

# For each optional figure of a site: its meaning, its smallest and its largest value.
SITE_FIGURES = {
    "headroom_kw": ("a power of at least 0 kW", 0.0, np.inf),
    "line_km": ("a distance of at least 0 km", 0.0, np.inf),
    "bays": ("at least 0 bays", 0.0, np.inf),
    "availability": ("a share of time above 0 and at most 1", ABOVE_0, 1.0),
}

# Road classes, best first. Stations need traffic and direct access, which motorways do not give.
CLASS_ORDER = (
    *("primary", "secondary", "trunk", "tertiary"),
    *("unclassified", "residential", "living_street", "service"),
    *("primary_link", "secondary_link", "tertiary_link", "trunk_link", "motorway_link"),
    "motorway",
)

SMALL = "a parcel of "  # first words of the reason for leaving out a small parcel


class NoPlaceError(InputError):
    """A source has no place of the requested kind."""


def candidates_from_pois(places: Path | gpd.GeoDataFrame, tags: Tags) -> gpd.GeoDataFrame:
    """Return the places that have certain OSM tags, as points in lon/lat (EPSG:4326).

    `places` is a file, OSM XML (``.osm``, ``.osm.gz``, ``.osm.bz2``) or any layer with OSM keys as
    columns, or a table of features, as `siting.roads.download_features` or OSMnx returns it. `tags`
    maps each OSM key to its accepted values. For example, ``{"amenity": ["fuel", "parking"],
    "shop": True}`` selects fuel stations, car parks and every shop.

    Columns: ``name`` (may be blank), ``kind`` (the tag's value, from the first key that matches),
    ``source`` and ``geometry`` (for an area, a point inside it). Raises `InputError` if the file
    cannot be read, no tags are given, or no place has one of the tags.

    >>> fuel = gpd.GeoDataFrame({"amenity": ["fuel", "bank"]},
    ...     geometry=gpd.points_from_xy([73, 73], [33, 34]), crs=4326)
    >>> candidates_from_pois(fuel, {"amenity": ["fuel"]})["kind"].to_list()
    ['fuel']
    """
    if not any(wanted is not False for wanted in tags.values()):
        raise InputError("tags", "none are given", 'name some, e.g. amenity: ["fuel"]')
    if isinstance(places, Path):
        layer, where, source = read_destinations(places, tags), str(places), places.name
        if source.lower().endswith(OSM_XML):
            source = f"{OSM_CREDIT}, {source}"
    else:
        layer, where, source = places.to_crs(4326).reset_index(drop=True), "features", OSM_CREDIT
    kind = pd.Series(pd.NA, index=layer.index, dtype="object")
    for key, wanted in tags.items():
        if wanted is not False and key in layer.columns:
            value = layer[key]
            tagged = value.notna() if wanted is True else value.isin(_values(wanted))
            kind = kind.mask(kind.isna() & tagged, value)
    chosen = kind.notna()
    if not chosen.any():
        raise NoPlaceError(where, f"no place has the tag {_in_words(tags)}", _present(layer, tags))
    picked = layer[chosen]
    _require_shapes(picked, Path(where))
    return _places(picked, "name", kind[chosen].astype(str), source)


def candidates_from_layer(
    path: Path,
    name_column: str | None = None,
    kind: str = "site",
    kind_column: str | None = None,
    id_column: str | None = None,
) -> gpd.GeoDataFrame:
    """Return the places of a user's layer, as points in lon/lat (EPSG:4326).

    `path` is a layer file, or a CSV with ``lon`` and ``lat``. `name_column` is the column of names
    (default: ``name``), and `id_column` the column of the user's ids (default: ``site_id`` or
    ``id``). `kind` is the kind of each place without a value in `kind_column`.

    Columns: ``name``, ``kind``, ``source``, ``geometry``; if the layer has them, ``headroom_kw``
    (kW), ``line_km`` (km of 11 kV line), ``bays`` and ``availability`` (share of the time with
    power); ``user_id`` (the user's ids as strings); all other columns, prefixed ``user_``. Raises
    one `InputError` that lists all errors: a file that cannot be read, missing columns, repeated
    ids, invalid site figures.
    """
    layer = read_layer(path)
    named = (name_column, kind_column, id_column)
    faults = missing_columns(layer, [column for column in named if column], str(path))
    id_column = id_column or next((c for c in ID_COLUMNS if c in layer.columns), None)
    faults += id_faults(layer, path, [id_column] if id_column else [])
    faults += figure_faults(layer, str(path), path)
    refuse(faults)
    _require_shapes(layer, path)
    kinds = pd.Series(kind, index=layer.index, dtype="object")
    if kind_column:
        kinds = kinds.mask(texts_of(layer, kind_column) != "", layer[kind_column])
    name = name_column or "name"
    places = _places(layer, name, kinds.astype(str), path.name)
    if id_column:
        places[OWN_ID] = layer[id_column].astype("str").where(layer[id_column].notna()).array
    for column in SITE_FIGURES:
        if column in layer.columns:
            places[column] = pd.to_numeric(layer[column]).astype(float).array
    # If names come from ``name:en``, the ``name`` column becomes a user column.
    used = "name:en" if name == "name" and "name:en" in layer.columns else name
    taken = ("kind" if kind_column == "kind" else "", "id" if id_column else "")
    return places.assign(**user_columns(layer, {used, *SITE_FIGURES, *taken}))


def read_destinations(path: Path, tags: Tags) -> gpd.GeoDataFrame:
    """Return the places of a file with their OSM keys as columns, in lon/lat (EPSG:4326).

    Arguments and errors are as in `candidates_from_pois`. A layer is read whole, whatever the tags.
    """
    if not path.name.lower().endswith(OSM_XML):
        return read_layer(path, unique_ids=False)
    if not path.is_file():
        raise InputError(str(path), "no such file")
    import osmnx
    from osmnx._errors import InsufficientResponseError

    wanted: dict[str, bool | str | list[str]] = {
        key: value if isinstance(value, bool | str) else list(value) for key, value in tags.items()
    }
    with unreadable_in_words(path, "cannot be read as OSM XML"):
        try:
            return osmnx.features_from_xml(path, tags=wanted).reset_index()
        except InsufficientResponseError as err:
            raise NoPlaceError(str(path), f"no place has the tag {_in_words(tags)}") from err


def _places(
    layer: gpd.GeoDataFrame, name_column: str, kind: pd.Series, source: str
) -> gpd.GeoDataFrame:
    shapes = layer.geometry
    points = shapes.where(shapes.geom_type == "Point", shapes.representative_point())
    name = pd.Series(None, index=layer.index, dtype="str")
    # By default, a place uses its English name if it has one.
    for column in (name_column, "name:en" if name_column == "name" else name_column):
        told = texts_of(layer, column)
        name = told.where(told != "", name)
    columns = {"name": name.array, "kind": kind.array, "source": source}
    return gpd.GeoDataFrame(columns, geometry=points.array, crs=layer.crs)


def _require_shapes(layer: gpd.GeoDataFrame, path: Path) -> None:
    missing = layer.geometry.isna() | layer.geometry.is_empty
    if missing.any():
        what = f"{missing.sum():,} of {len(layer):,} rows have no geometry"
        rows = row_labels(path, layer.index[missing])
        raise InputError(f"{path}, geometry", what, "leave them out", rows)


def figure_faults(layer: pd.DataFrame, where: str, ids: npt.ArrayLike | Path) -> list[Fault]:
    """Return an error for each of the `SITE_FIGURES` with invalid values; `ids` label the rows."""
    faults = []
    for column, (what, least, most) in SITE_FIGURES.items():
        if column in layer.columns:
            bad = layer[column].notna() & not_numbers(layer[column], least, most)
            faults += rows_fault(f"{where}, column {column}", bad, ids, f"not {what}")
    return faults


def _values(wanted: bool | str | Sequence[str]) -> list[str]:
    return [wanted] if isinstance(wanted, str) else list(wanted)  # type: ignore[arg-type]


def _in_words(tags: Tags) -> str:
    return " or ".join(
        f"{key}={'*' if wanted is True else '|'.join(_values(wanted))}"
        for key, wanted in tags.items()
        if wanted is not False
    )


def _present(layer: gpd.GeoDataFrame, tags: Tags) -> str:
    """Return, as text for a message, the most common values of the given OSM keys in a layer."""
    parts = (
        f"{key}: {', '.join(layer[key].dropna().astype(str).value_counts().index[:5])}"
        if key in layer.columns
        else f"no column {key}"
        for key in tags
    )
    return "it has " + "; ".join(parts)


def candidates_from_parcels(
    path: Path, network: Network, *, min_area_m2: float, kind: str = "parcel", **columns: str | None
) -> gpd.GeoDataFrame:
    """Return, for each parcel of a layer, the parcel's point nearest to a road, in lon/lat.

    `path` is a layer file with one polygon per parcel, and `min_area_m2` the minimum area of a
    parcel (m2). `kind`, `columns`, the result and the errors are as in
    `siting.sites.candidates_from_layer`. The added column ``unfit`` states if a parcel is too small
    (otherwise, it is missing). A row that is not a polygon is also an error.
    """
    layer = _read_areas(path)
    places = candidates_from_layer(path, kind=kind, **columns)
    local = layer.geometry.to_crs(network.crs)
    roads, shapes = network.edges.geometry.to_numpy(), local.to_numpy()
    at, nearest = shapely.STRtree(roads).query_nearest(shapes, all_matches=False)
    spots = shapely.get_point(shapely.shortest_line(shapes[at], roads[nearest]), 0)
    places = places.set_geometry(gpd.GeoSeries(spots, crs=network.crs).to_crs(places.crs))
    unfit = [
        f"{SMALL}{area:,.0f} m2, smaller than {min_area_m2:,.0f} m2" if area < min_area_m2 else None
        for area in local.area
    ]
    return places.assign(unfit=pd.array(unfit, dtype="str"))


def candidates_from_streets(network: Network, spacing_m: float) -> gpd.GeoDataFrame:
    """Return one street corner per square of `spacing_m` metres, in lon/lat (EPSG:4326).

    In each square, the corner on the best class of road is chosen. Ties go to the corner with the
    most streets, then to the corner nearest to the square's centre. Columns: ``name`` (of the
    street of the best class at the corner), ``kind`` ("street"), ``source``, ``geometry``. Rows are
    sorted from south to north, then from west to east.
    """
    edges = network.edges[["highway", "name"]].reset_index()
    rank = {name: i for i, name in enumerate(CLASS_ORDER)}
    edges["rank"] = edges["highway"].map(rank).fillna(len(rank))
    edges["name"] = edges["name"].astype("str").where(edges["name"].notna())
    ends = pd.concat([edges, edges.rename(columns={"u": "v", "v": "u"})])
    ends = ends.sort_values(["u", "rank", "name"], na_position="last", kind="stable")
    corners = ends.groupby("u").agg(
        rank=("rank", "first"), name=("name", "first"), streets=("v", "nunique")
    )
    points = network.nodes.geometry
    corners = corners.reindex(points.index)
    x, y = points.x.to_numpy(), points.y.to_numpy()
    column, row = np.floor(x / spacing_m), np.floor(y / spacing_m)
    off_m = np.hypot(x - (column + 0.5) * spacing_m, y - (row + 0.5) * spacing_m)
    corners = corners.assign(column=column, row=row, off_m=off_m, id=points.index)
    order = ["row", "column", "rank", "streets", "off_m", "id"]
    best = corners.sort_values(order, ascending=[True, True, True, False, True, True])
    best = best.drop_duplicates(["row", "column"])
    source = f"street grid of {spacing_m:g} m, not a surveyed place"
    columns = {"name": best["name"].array, "kind": "street", "source": source}
    shapes = points.loc[best["id"]].array
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=network.crs).to_crs(4326)


def excluded_areas(layers: Iterable[tuple[Path, str | None]]) -> gpd.GeoDataFrame:
    """Return the areas in which no station may be built: ``name`` and polygons in lon/lat.

    `layers` gives the file of each layer of polygons, and the layer's column of names (default:
    ``name``). Raises one `InputError` that lists all errors in all layers.
    """
    faults: list[Fault] = []
    parts = []
    for path, name_column in layers:
        try:
            layer = _read_areas(path)
            refuse(missing_columns(layer, () if name_column is None else (name_column,), str(path)))
        except InputError as err:
            faults += err.faults
            continue
        names = layer.get(name_column or "name", pd.Series(None, index=layer.index, dtype="str"))
        known = names.notna() & (names.astype(str).str.strip() != "")
        parts.append(layer[["geometry"]].assign(name=names.where(known, path.stem).astype("str")))
    refuse(faults)
    if not parts:
        return gpd.GeoDataFrame({"name": []}, geometry=[], crs=4326)
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=4326)


def _read_areas(path: Path) -> gpd.GeoDataFrame:
    """Return a layer; raise `InputError` if a shape is not a polygon."""
    layer = read_layer(path)
    refuse(shape_faults(layer, path, ("Polygon", "MultiPolygon"), "polygons"))
    return layer
