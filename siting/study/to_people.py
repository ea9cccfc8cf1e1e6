"""Read the population inside and outside the study area, as ``demand.people`` specifies."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from shapely import Polygon

from siting import demand, sites
from siting.cities import census_zones
from siting.config import Config, PeopleZones
from siting.errors import InputError
from siting.roads import Network

# A note is written if more than this share of the zones' people live outside the road outline.
MOST_OUTSIDE = 0.05


@dataclass(frozen=True)
class People:
    """The population by place, the population outside the area, and the zones with counts."""

    rows: gpd.GeoDataFrame  # people and geometry (lon/lat); zone_id if people are counted by zone
    outside: gpd.GeoDataFrame  # the same columns, for the population left out
    zones: gpd.GeoDataFrame | None = None
    notes: tuple[str, ...] = ()  # notes for readers on how the population was placed


def outline(network: Network, around_m: float = 0.0) -> Polygon:
    """Return the convex hull of the roads (lon/lat), buffered by `around_m`."""
    hull = network.nodes.geometry.union_all().convex_hull.buffer(around_m)
    polygon: Polygon = gpd.GeoSeries([hull], crs=network.crs).to_crs(4326).iloc[0]
    return polygon


def read_people(config: Config, network: Network) -> People:
    """Read the population by place (lon/lat) from the configured source."""
    source = config.demand.people
    if source.kind == "streets":
        rows = demand.people_on_streets(network, source.total)
        note = (
            "where people live is not known: a total was spread by length of residential street "
            f"({source.basis})"
        )
        return People(rows, rows.iloc[:0], notes=(note,))
    if source.kind == "zones":
        return _zones(config, source, network)
    if source.kind == "raster":
        area = outline(network, config.reach.max_snap_m)
        rows = demand.read_raster(source.path, area, density=source.density, nodata=source.nodata)
        return People(rows, rows.iloc[:0])
    people = demand.read_people(source.path, source.column, source.raster_deg)
    if not source.clip_to_roads:
        return People(people, people.iloc[:0])
    inside = people.geometry.representative_point().within(outline(network))
    if not inside.any():
        what = f"none of its {len(people):,} rows lies inside the outline of the roads"
        raise InputError(str(source.path), what, "give a layer that covers this area")
    return People(people[inside].reset_index(drop=True), people[~inside].reset_index(drop=True))


def _zones(config: Config, source: PeopleZones, network: Network) -> People:
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
                "no zone has a count of vehicles (demand.people.ownership_column): zones share "
                "cars in proportion to people and to census households with four rooms or more"
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
            f"{beyond / zones['people'].sum():.0%} of the zones' people would live outside the "
            "outline of the roads if they were spread evenly: all are placed inside "
            "(demand.people.clip_to_roads: true leaves that share out)"
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
        "the number of people is known only for each zone: inside a zone, people were spread by "
        f"{source.spread_by}"
    )
    without = rows.attrs["without"]
    if without:
        notes.append(
            f"{len(without):,} zones have no {source.spread_by} inside: the people of each are at "
            "one point (" + ", ".join(without[:5]) + (" …" if len(without) > 5 else "") + ")"
        )
    return People(rows, outside, zones, tuple(notes))
