"""Warn of doubtful input: an implausible population, a wrong location, or coarse cells."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import pandas as pd
from shapely import Point, box

from siting.cities import find_city, library, tehsils
from siting.config import Config
from siting.roads.network import utm_epsg
from siting.texts import counted

# A population layer (of another year, or of built-up land only) may differ from the census by this
# ratio.
NEAR = 1.25
DENSER = 1.5  # cells may be denser than tehsils, which include uninhabited land, by this ratio
WHOLE = 0.9  # roads that cover this share of a city's bounding box cover the whole city
FAR_KM = 10.0  # the roads' centroid may lie this far from a city's bounding box, which is inexact
COARSE = 1 / 3  # cells are too coarse if crossing half a cell takes over this share of the cutoff


def doubts_of(
    config: Config,
    cells: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame | None,
    outline: Any,
    drive_kmh: float = math.inf,
) -> list[str]:
    """Return warnings about location, population and cell size, in plain words.

    `cells` (metres) has a column ``people``. `zones` has the ``name`` and the counted ``people`` of
    each zone. `outline` is a polygon around the roads (lon/lat). `drive_kmh` is the mean speed on
    the roads. If `drive_kmh` is infinite, cell sizes are not checked.
    """
    asked, people = config.demand, float(cells["people"].sum())
    if not people:
        return ["no people live in the area of the study"]
    areas_km2 = cells.area / 1e6
    km2 = float(areas_km2.sum())
    lines = _grain(math.sqrt(float(areas_km2.median())), drive_kmh, config.reach.cutoff_min)
    if people > (most := DENSER * most_people(km2)):
        lines.append(
            f"{people:,.0f} people in {counted(len(cells), 'cell')} of {km2:,.1f} km2 in total, "
            f"but nowhere in Pakistan do more than {most:,.0f} people live on as much land; are "
            "people counted twice, or is this the wrong column?"
        )
    if asked.city.casefold() not in set(library()["city"].str.casefold()):
        return lines
    row = find_city(asked.city)
    name, census = str(row["city"]), sorted({int(row["people_2023"]), int(row["zone_people"])})
    said = f"the 2023 census counts {census[0]:,} in {name}"
    if len(census) > 1:
        said += f", {census[1]:,} with all its tehsils"
    if people > NEAR * census[-1]:
        lines.append(f"{people:,.0f} people in the area of the roads, but {said}")
    own = asked.city_people
    if own is not None and not any(one / NEAR <= own <= one * NEAR for one in census):
        lines.append(f"demand.city_people is {own:,.0f}, but {said}")
    extent = box(row["west_deg"], row["south_deg"], row["east_deg"], row["north_deg"])
    lines += [*_place(name, row, extent, outline), *_tehsil(config, name, people, outline)]
    covers_city = extent.intersection(outline).area >= WHOLE * extent.area
    if covers_city and people < census[0] / NEAR:
        what = f"the roads cover the whole city and {people:,.0f} people live there"
        lines.append(f"{what}, but {said}")
    return lines + ([] if zones is None else _zone_doubts(name, zones))


def _grain(side_km: float, drive_kmh: float, cutoff_min: float) -> list[str]:
    if (half_min := side_km / 2 / drive_kmh * 60) <= COARSE * cutoff_min:
        return []
    fit_m = math.floor(2 * COARSE * cutoff_min / 60 * drive_kmh * 10) * 100
    return [
        f"cells are {side_km:,.1f} km wide: driving half a cell takes {half_min:.1f} min at a "
        f"mean speed of {drive_kmh:.0f} km/h, over a third of reach.cutoff_min ({cutoff_min:g}), "
        "so drive times from the cells' centres are rough; use cells of "
        f"{fit_m:,.0f} m or less (demand.cells)"
    ]


def _place(city: str, row: pd.Series[Any], extent: Any, outline: Any) -> list[str]:
    """Return a warning if the roads lie far from the city whose figures the demand uses."""
    places = gpd.GeoSeries([extent, outline.centroid, Point(row["lon"], row["lat"])], crs=4326)
    area, roads, middle = places.to_crs(int(row["utm_epsg"]))
    if area.distance(roads) <= FAR_KM * 1000:
        return []
    km = middle.distance(roads) / 1000
    return [
        f"demand.city is {city}, but the middle of the roads is {km:,.0f} km from this city; set "
        "demand.city to the city whose vehicles and prices apply"
    ]


def _tehsil(config: Config, city: str, people: float, outline: Any) -> Iterator[str]:
    """Yield a warning if the study names a tehsil but finds far fewer people than live there."""
    if config.demand.city_people is not None:  # the user has set the city's population
        return
    query = getattr(config.roads.source, "query", "") or ""
    said = f"{config.title} {query}"
    metres = gpd.GeoSeries([outline], crs=4326).to_crs(utm_epsg(outline.bounds))
    km2 = float(metres.area.iloc[0]) / 1e6
    for row in tehsils(city).to_dict("records"):
        tehsil, area_km2 = str(row["tehsil"]), float(row["area_km2"])
        if tehsil == city or not re.search(rf"\b{re.escape(tehsil)}\b", said):
            continue
        # If the roads cover only part of a tehsil, only that part of its people is expected.
        part = min(1.0, km2 / area_km2) if area_km2 > 0 else 1.0
        if people < part * float(row["people_2023"]) / NEAR:
            yield (
                f"{people:,.0f} people in the area of the roads, but the 2023 census counts "
                f"{row['people_2023']:,.0f} in {tehsil}: is the layer from an earlier year, or "
                "only of built-up land? Use another layer, or set demand.city_people to this "
                "layer's count for the whole city"
            )


def most_people(km2: float) -> float:
    """Return the population of an area (km2) that is as dense as the densest tehsils.

    >>> round(most_people(6))
    949878
    """
    dense = tehsils().dropna(subset=["area_km2"])
    dense = dense.assign(km2=dense["people_2023"] / dense["area_km2"])
    dense = dense.sort_values("km2", ascending=False)
    left = (km2 - dense["area_km2"].cumsum().shift(fill_value=0)).clip(lower=0)
    return float((dense["km2"] * left.clip(upper=dense["area_km2"])).sum())


def _zone_doubts(city: str, zones: gpd.GeoDataFrame) -> list[str]:
    census = tehsils(city, whole_district=True)
    census = census.drop_duplicates("tehsil", keep=False)
    counted = census.set_index(census["tehsil"].str.casefold())["people_2023"]
    names = zones["name"].astype("str").str.strip()
    there = pd.Series(names.str.casefold().map(counted).to_numpy(), index=zones.index)
    odd = (zones["people"] > NEAR * there) | (zones["people"] < there / NEAR)
    return [
        f"zone {name}: {given:,.0f} people, but the 2023 census counts {right:,.0f}"
        for name, given, right in zip(names[odd], zones["people"][odd], there[odd], strict=True)
    ]
