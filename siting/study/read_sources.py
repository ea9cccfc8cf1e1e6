"""Read or download the sources that a configuration names: roads, people, places and sites."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import MultiPolygon, Polygon

from siting import demand, reference, roads, sites
from siting.cities import census_zones
from siting.config import Config, PeopleZones
from siting.config.offers import Offers, choices_of
from siting.config.sources import SiteSource
from siting.errors import Fault, InputError
from siting.export.dictionary import is_own
from siting.export.layers import one_each
from siting.files import read_layer, sha256
from siting.roads import Network
from siting.study.stages import Context, Layer, Row, Table, stage
from siting.texts import counted

log = logging.getLogger(__name__)

MOST_OUTSIDE = 0.05  # share of people outside the outline of the roads above which a note is added
RESERVED = {"fid", "geom", "geometry"}  # column names that a GeoPackage reserves
OUTSIDE, FAR = "outside the area", "too far from a road"


def download_settings(config: Config) -> roads.Download:
    """Return the download settings in the form that `siting.roads` expects."""
    return roads.Download(**config.download.model_dump())


@stage(
    "roads",
    told="roads",
    found=lambda n: "; ".join(
        filter(None, (f"{len(n.nodes):,} nodes, {len(n.edges):,} directed edges", n.cut_off))
    ),
    stored="network",
)
def network(config: Config, context: Context, city: Row) -> Network:
    """The road network, directed and strongly connected, in UTM metres."""
    group = config.roads.speeds or str(city["speed_group"])
    speeds = reference.table("speeds", config.roads.speeds_csv)
    key = _source_key(config) | {"speed_group": group, "peak": config.roads.peak}
    key["speeds"] = speeds.to_csv(index=False)
    folder = context.cache_dir / "roads"
    return roads.cached_network(folder, key, lambda: read_network(config, speeds, group))


def _source_key(config: Config) -> dict[str, Any]:
    """Return the cache key of the roads' source; a file is identified by its hash."""
    source = config.roads.source
    key: dict[str, Any] = source.model_dump(mode="json")
    for name in ("path", "clip"):
        if (path := getattr(source, name, None)) is not None:
            key[name] = sha256(path)
            key[f"{name}_ending"] = "".join(path.suffixes[-2:])
    if source.kind != "file":
        key["overpass_url"] = config.download.overpass_url
    return key


def read_network(config: Config, speeds: Table, group: str) -> Network:
    """Read the configured road network from its file, or download it."""
    source, peak = config.roads.source, config.roads.peak
    about = {"kind": source.kind, "licence": source.licence, "attribution": source.attribution}
    if source.kind != "file":
        where = source.query if source.kind == "place" else area_polygon(config)
        if source.kind == "place":
            about["query"] = source.query
        graph = roads.download_streets(where, download_settings(config))
        return roads.build_network(graph, speeds, group, peak=peak, source=about)
    about |= {"file": source.path.name, "sha256": sha256(source.path)}
    clip = None if source.clip is None else read_area(source.clip)
    return roads.network_from_file(source.path, speeds, group, peak=peak, source=about, clip=clip)


def area_polygon(config: Config) -> Polygon | MultiPolygon:
    """Return the area (lon/lat) in which roads are downloaded: a place, a box or a file's area."""
    source = config.roads.source
    if source.kind == "place":
        return roads.geocode(source.query, download_settings(config))
    if source.kind == "bbox":
        return shapely.box(source.west_deg, source.south_deg, source.east_deg, source.north_deg)
    return read_area(source.path)


def read_area(path: Path) -> Polygon | MultiPolygon:
    """Return the union of a layer file's polygons, lon/lat."""
    area = read_layer(path).geometry.union_all()
    if not isinstance(area, Polygon | MultiPolygon) or area.is_empty:
        fix = "use a layer of polygons"
        raise InputError(f"{path}, geometry", f"{area.geom_type} is not an area", fix)
    return area


@dataclass(frozen=True)
class People:
    """The population by place, inside and outside the area, and the zones with their counts."""

    rows: gpd.GeoDataFrame  # people and geometry (lon/lat); zone_id if people are counted by zone
    outside: gpd.GeoDataFrame  # the same columns, for the population left out
    zones: gpd.GeoDataFrame | None = None
    notes: tuple[str, ...] = ()  # notes for readers on how the population was placed


def outline(network: Network, around_m: float = 0.0) -> Polygon:
    """Return the convex hull of the roads (lon/lat), buffered by `around_m`."""
    hull = network.nodes.geometry.union_all().convex_hull.buffer(around_m)
    polygon: Polygon = gpd.GeoSeries([hull], crs=network.crs).to_crs(4326).iloc[0]
    return polygon


@stage(
    "demand: people city like wealth",
    "reach.max_snap_m",
    told="people",
    found=lambda p: f"{p.rows['people'].sum():,.0f} people in {len(p.rows):,} rows",
    stored="people",
)
def people_read(config: Config, network: Network) -> People:
    """The population inside and outside the area, the zones, and notes for readers."""
    source = config.demand.people
    if source.kind == "streets":
        rows = demand.people_on_streets(network, source.total)
        note = (
            "it is not known where people live, so the total population was spread in proportion "
            f"to the length of residential streets ({source.basis})"
        )
        return People(rows, rows.iloc[:0], notes=(note,))
    if source.kind == "zones":
        return _people_by_zone(config, source, network)
    if source.kind == "raster":
        area = outline(network, config.reach.max_snap_m)
        rows = demand.read_raster(source.path, area, density=source.density, nodata=source.nodata)
        return People(rows, rows.iloc[:0])
    people = demand.read_people(source.path, source.column, source.raster_deg)
    if not source.clip_to_roads:
        return People(people, people.iloc[:0])
    inside = people.geometry.representative_point().within(outline(network))
    if not inside.any():
        what = f"none of its {len(people):,} rows lies in the area covered by the road network"
        raise InputError(str(source.path), what, "use a layer that covers this area")
    return People(people[inside].reset_index(drop=True), people[~inside].reset_index(drop=True))


def _people_by_zone(config: Config, source: PeopleZones, network: Network) -> People:
    census, near = source.counts == "census", config.demand.like or config.demand.city
    zones = demand.read_zones(
        source.path,
        None if census else source.column,
        source.id_column,
        source.name_column,
        source.renting_column,
        source.high_rise_column,
        source.ownership_column,
    )
    notes = list(zones.attrs["warnings"])
    if census:
        where = f"{source.path}, column {source.name_column or 'name'}"
        counts = census_zones(zones["name"].to_list(), near, where)
        zones = zones.assign(**{name: counts[name].to_numpy() for name in counts.columns})
    elif source.ownership_column is None and config.demand.wealth is None and len(zones) > 1:
        with suppress(InputError):  # raised if a zone is not a tehsil of the census
            counts = census_zones(zones["name"].to_list(), near, "")
            zones = zones.assign(ownership=counts["ownership"].to_numpy(dtype=float))
            notes.append(
                "no zone has a count of vehicles (demand.people.ownership_column), so cars are "
                "divided among zones in proportion to people and to the share of census households "
                "with four rooms or more"
            )
    area = outline(network)
    inside = demand.clip_zones(zones, area)
    outside = zones.iloc[:0][["zone_id", "people", "geometry"]]
    beyond = float(zones["people"].sum() - inside["people"].sum())
    if source.clip_to_roads:
        beyond_roads = zones.geometry.difference(area)
        kept = inside.set_index("zone_id")["people"].reindex(zones["zone_id"], fill_value=0.0)
        left = zones["people"].to_numpy() - kept.to_numpy()
        outside = zones[["zone_id"]].assign(people=np.maximum(left, 0.0))
        outside = gpd.GeoDataFrame(outside, geometry=beyond_roads.to_numpy(), crs=4326)
        outside = outside[(outside["people"] > 0) & ~beyond_roads.is_empty.to_numpy()]
        zones = inside
    elif beyond > MOST_OUTSIDE * zones["people"].sum():
        notes.append(
            "if the people of each zone were spread evenly, "
            f"{beyond / zones['people'].sum():.0%} of them would live outside the area covered by "
            "the road network; all people are placed inside (demand.people.clip_to_roads: true "
            "leaves this share out)"
        )
    if source.spread_by == "streets":
        rows = demand.spread_zones(zones, network)
    elif source.spread_by == "buildings":
        assert source.spread_path is not None  # required by the section
        layer = sites.read_destinations(source.spread_path, {"building": True})
        built = layer.geometry.geom_type.isin(["Polygon", "MultiPolygon"])
        rows = demand.spread_zones(zones, buildings=layer[built])
    else:
        assert source.spread_path is not None
        layer = sites.read_destinations(source.spread_path, {"amenity": True, "shop": True})
        rows = demand.spread_zones(zones, pois=layer)
    notes.append(
        "the number of people is known only for whole zones, so the people of each zone were "
        f"spread by {source.spread_by}"
    )
    if without := rows.attrs["without"]:
        notes.append(
            f"the people of {counted(len(without), 'zone')} without {source.spread_by} are at one "
            "point per zone (" + ", ".join(without[:5]) + (" …" if len(without) > 5 else "") + ")"
        )
    return People(rows, outside, zones, tuple(notes))


@stage(
    "demand.surfaces.places",
    "reach.max_snap_m",
    seen=("roads.source",),
    told="places",
    found=lambda p: None if p is None else f"{len(p):,} places that attract vehicles",
)
def places(config: Config, network: Network, poi_weights: Table) -> Layer | None:
    """Places that attract vehicles, e.g. markets (lon/lat, with OSM keys); None if not set."""
    surfaces = config.demand.surfaces
    if surfaces is None or surfaces.places is None:
        return None
    tags: dict[str, bool | str | list[str]] = {}
    for key, rows in poi_weights.groupby("osm_key", sort=False):
        values = rows["osm_value"].astype(str).to_list()
        tags[str(key)] = True if "*" in values else values
    source = surfaces.places
    if source.kind == "osm_download":
        return roads.download_features(_area_of(config, network), tags, download_settings(config))
    try:
        known = sites.read_destinations(source.path, tags)
    except sites.NoPlaceError as err:
        fix = "name another layer, or leave out demand.surfaces to place demand where people live"
        raise InputError([Fault(f.where, f.what, fix, f.ids) for f in err.faults]) from err
    # The layer may extend beyond the roads, but places far from any road must not receive energy.
    inside = known.geometry.representative_point().within(outline(network, config.reach.max_snap_m))
    return gpd.GeoDataFrame(known[inside].reset_index(drop=True))


def no_neighbourhoods() -> Layer:
    """Return an empty layer of named parts of the city."""
    return gpd.GeoDataFrame({"name": [], "kind": []}, geometry=[], crs=4326)


def candidate_layers(config: Config, network: Network) -> tuple[list[Layer], Table]:
    """Return the layers of places, and a table of the sources that yield no place.

    Existing stations, if configured, are the first layer. Each source that yields a place adds a
    layer (lon/lat). The table has the columns ``key`` and ``what`` (what is missing). Raises
    `InputError` if no source yields a place.
    """
    layers = []
    if config.candidates.existing is not None:
        layers.append(sites.existing_stations(config.candidates.existing.path))
    empty: dict[int, sites.NoPlaceError] = {}
    for n, source in enumerate(config.candidates.sources):
        try:
            layers.append(_layer_of(config, network, source))
        except sites.NoPlaceError as err:
            log.warning("candidates.sources.%d yields no place: %s", n, err)
            empty[n] = err
    if empty and len(empty) == len(config.candidates.sources):
        faults = [fault for err in empty.values() for fault in err.faults]
        fix = "add places along the streets: {kind: streets, spacing_m: 1000}"
        what = "none of the sources contains a usable site"
        raise InputError([*faults, Fault("candidates.sources", what, fix)])
    told = {
        "key": [f"candidates.sources.{n}" for n in empty],
        "what": ["; ".join(map(str, err.faults)) for err in empty.values()],
    }
    return layers, pd.DataFrame(told, dtype="str")


def _layer_of(config: Config, network: Network, source: SiteSource) -> Layer:
    if source.kind == "osm_file" or (source.kind == "layer" and source.tags is not None):
        return sites.candidates_from_pois(source.path, tags_of(source))
    if source.kind == "osm_download":
        area, tags = _area_of(config, network), tags_of(source)
        features = roads.download_features(area, tags, download_settings(config))
        return sites.candidates_from_pois(features, tags)
    if source.kind == "streets":
        return sites.candidates_from_streets(network, source.spacing_m)
    columns = {name: getattr(source, name) for name in ("name_column", "kind_column", "id_column")}
    columns["kind"] = source.site_kind
    if source.kind == "layer":
        return sites.candidates_from_layer(source.path, **columns)
    columns["min_area_m2"] = source.min_area_m2
    return sites.candidates_from_parcels(source.path, network, **columns)


def with_own_names(
    places: Layer, layers: Sequence[str] = ("candidates", "sites", "viability")
) -> Layer:
    """Return places with the prefix ``user_`` removed from the user's columns.

    The prefix stays if the shorter name is already in use, for example for a column of `layers`.
    """
    own = [str(c) for c in places.columns if str(c).startswith(sites.OWN) and c != sites.OWN_ID]
    bare = {name: name.removeprefix(sites.OWN) for name in own}
    taken = {str(column).casefold() for column in places.columns} | RESERVED
    free = {
        name: short
        for name, short in bare.items()
        if is_own(short.casefold(), layers) and short.casefold() not in taken
    }
    return places.rename(columns=free)


def with_columns_of(people: Layer, cells: Layer) -> Layer:
    """Return cells with the user's columns of the people layer; mixed values become blank."""
    if not (own := [c for c in people.columns if str(c).startswith(sites.OWN)]):
        return cells
    at = people.to_crs(cells.crs)
    at = at.set_geometry(at.representative_point())
    inside = at.sjoin(cells[["cell_id", "geometry"]], predicate="within")
    inside = inside[~inside.index.duplicated()]
    told = one_each(pd.DataFrame(inside[own]), inside["cell_id"], cells["cell_id"])
    return with_own_names(cells.join(told), ("demand",))


def left_out(dropped: Table) -> dict[str, int]:
    """Return the number of places left out, by reason; `OUTSIDE` and `FAR` are always listed."""
    reason = dropped["reason"].astype(str)
    begins = {OUTSIDE: sites.OUTSIDE, "in excluded areas": sites.EXCLUDED}
    begins["on parcels that are too small"] = sites.SMALL
    counts = {words: int(reason.str.startswith(begin).sum()) for words, begin in begins.items()}
    counts[FAR] = len(dropped) - sum(counts.values())
    return {words: count for words, count in counts.items() if count or words in (OUTSIDE, FAR)}


def on_the_grid(config: Config, candidates: Layer, line_detour: float) -> Layer:
    """Return the candidates, each with its feeder, headroom and distance to the 11 kV grid."""
    offers = config.offers
    if offers.feeders is not None:
        within_m = float("inf") if offers.feeder_within_m is None else offers.feeder_within_m
        candidates = sites.assign_feeders(candidates, read_layer(offers.feeders), within_m)
    if offers.lines is not None:
        candidates = sites.nearest_line_km(candidates, read_layer(offers.lines), line_detour)
    return candidates


def tags_of(source: Any) -> dict[str, bool | str | list[str]]:
    """Return the OSM tags of a source, with sequences of values as lists."""
    return {key: list(values) for key, values in source.tags.items()}


def _area_of(config: Config, network: Network) -> Polygon | MultiPolygon:
    return outline(network) if config.roads.source.kind == "file" else area_polygon(config)


def configurations_of(offers: Offers, chargers: Table | None = None) -> dict[str, dict[str, int]]:
    """Return the number of chargers of each type, by name of the configuration or size.

    Sizes have the names that offers use. `chargers` is by default the catalogue of `offers`.
    """
    if chargers is None:
        chargers = sites.charger_catalogue(offers.chargers_csv)
    return sites.with_sizes(*choices_of(offers), chargers)
