"""What of the people of a study is hard to believe, beside the census of 2023."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
from shapely import box

from siting.cities import find_city, library, tehsils
from siting.config import Config

# Layers of other years, and of built-up land only, differ from the census by less than this.
NEAR = 1.25
# Cells hold inhabited land only, tehsils also what is empty.
DENSER = 1.5
# Roads that cover so much of a city's box cover the city.
WHOLE = 0.9


def people_doubts(
    config: Config, cells: gpd.GeoDataFrame, zones: gpd.GeoDataFrame | None, outline: Any
) -> list[str]:
    """Return in plain words what of the people may be wrong; nothing of it is sure to be.

    Parameters
    ----------
    config
        The study's configuration.
    cells
        Its demand cells with ``people`` (persons).
    zones
        The zones that people are counted by, with ``name`` and ``people``; none: not by zone.
    outline
        Outline of the roads, lon/lat.
    """
    asked, people = config.demand, float(cells["people"].sum())
    if not people:
        return ["no people live in the area of the study"]
    lines = []
    km2 = float(cells.to_crs(cells.estimate_utm_crs()).area.sum()) / 1e6
    most = DENSER * most_people(km2)
    if people > most:
        lines.append(
            f"{people:,.0f} people in {len(cells):,} cells of {km2:,.1f} km2 together: nowhere in "
            f"Pakistan do more than {most:,.0f} live in as much land; are they counted twice, or "
            "is the column another one?"
        )
    known = library()
    if asked.city.casefold() not in set(known["city"].str.casefold()):
        return lines
    row = find_city(asked.city)
    name, census = str(row["city"]), sorted({int(row["people_2023"]), int(row["zone_people"])})
    said = f"the census of 2023 counts {census[0]:,} in {name}"
    if len(census) > 1:
        said += f", {census[1]:,} with all its tehsils"
    if people > NEAR * census[-1]:
        lines.append(f"{people:,.0f} people in the area of the roads, but {said}")
    if asked.city_people is not None and not any(
        one / NEAR <= asked.city_people <= one * NEAR for one in census
    ):
        lines.append(f"demand.city_people is {asked.city_people:,.0f}, but {said}")
    extent = box(row["west_deg"], row["south_deg"], row["east_deg"], row["north_deg"])
    covers_city = extent.intersection(outline).area >= WHOLE * extent.area
    if covers_city and people < census[0] / NEAR:
        lines.append(
            f"the roads cover the whole city and {people:,.0f} people live there, but {said}"
        )
    return lines + ([] if zones is None else _zone_doubts(name, zones))


def most_people(km2: float) -> float:
    """Return how many people live in the densest tehsils of the census that make up an area.

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
        f"zone {name}: {given:,.0f} people, but the census of 2023 counts {right:,.0f}"
        for name, given, right in zip(names[odd], zones["people"][odd], there[odd], strict=True)
    ]
