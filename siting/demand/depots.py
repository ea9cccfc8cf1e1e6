"""Fleets with known depots, which replace the fleet model for their vehicle classes.

The public charging energy of a fleet is assigned to the cell of its depot. Charging inside the
depot is not public. Fleet sizes have no range and are the same in every year and scenario.
"""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import shapely

from siting.errors import refuse
from siting.files import rows_fault


def place_depots(
    fleets: pd.DataFrame, vehicles: pd.DataFrame, cells: gpd.GeoDataFrame, within_m: float
) -> pd.DataFrame:
    """Return the fleets, each with the cell of its depot and its public demand (kWh/day).

    `fleets` has the columns ``depot``, ``vehicle_class``, ``lon``, ``lat`` (degrees), ``vehicles``,
    ``km_day``, ``public_share`` (0 to 1) and ``source``. A blank ``km_day`` or ``public_share``
    defaults to the class's value in `vehicles` (`vehicle_figures`). `cells` have ``zone_id`` if the
    area has zones. A depot more than `within_m` metres from every cell is outside the study area.

    The result is `fleets` with defaults, plus ``cell_id``, ``zone_id`` (``all`` without zones) and
    ``demand_kwh_day``. Raises one `InputError` that lists all depots outside the area, and all
    classes without figures.

    >>> from siting.demand import vehicle_figures
    >>> cells = gpd.GeoDataFrame({"cell_id": ["c1"], "people": 0.0, "node_id": [1], "snap_m": 0.0},
    ...     geometry=gpd.points_from_xy([73.05], [33.69]), crs=4326).to_crs(32643)
    >>> fleets = pd.DataFrame({"depot": ["Zero Point"], "vehicle_class": "bus", "lon": 73.05,
    ...     "lat": 33.69, "vehicles": 160, "km_day": [200.0], "public_share": 0.1, "source": ""})
    >>> place_depots(fleets, vehicle_figures(), cells, 500)["demand_kwh_day"].round().to_list()
    [4160.0]
    """
    points = gpd.GeoSeries(gpd.points_from_xy(fleets["lon"], fleets["lat"]), crs=4326)
    at, shapes = points.to_crs(cells.crs).to_numpy(), cells.geometry.to_numpy()
    nearest = shapely.STRtree(shapes).nearest(at)
    away = shapely.distance(at, shapes[nearest]) > within_m
    where, name = "fleets by depot", fleets["depot"].astype(str)
    strange = ~fleets["vehicle_class"].isin(vehicles["vehicle_class"])
    lost = "move it, or leave it out: a class without depots uses the fleet model"
    fix = "add its figures, or use a class that has figures"
    refuse([
        *rows_fault(where, away, name, "outside the study area", lost),
        *rows_fault(where, strange, fleets["vehicle_class"], "a class without figures", fix),
    ])  # fmt: skip
    use = vehicles.set_index("vehicle_class").loc[fleets["vehicle_class"]].reset_index()
    out = fleets.reset_index(drop=True)
    out["km_day"] = out["km_day"].astype(float).fillna(use["km_day"].astype(float))
    public = 1 - use["home_share"].astype(float)
    out["public_share"] = out["public_share"].astype(float).fillna(public)
    out["cell_id"] = cells["cell_id"].to_numpy()[nearest]
    zone = cells.get("zone_id", pd.Series("all", index=cells.index))
    out["zone_id"] = zone.astype(str).to_numpy()[nearest]
    each = use["kwh_km"] * use["electric_km_share"] / use["charging_efficiency"]
    out["demand_kwh_day"] = out["vehicles"] * out["km_day"] * each * out["public_share"]
    return out


def with_depots(
    fleet: pd.DataFrame, vehicles: pd.DataFrame, city_share: pd.DataFrame, depots: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the tables of fleet, vehicles and city shares, updated with the depots' figures.

    The first three arguments are as in `city_energy`, and `depots` is the result of `place_depots`.
    For classes with depots, the fleet's new column ``in_area`` is true, the city share is 1, and
    daily km and home share are means over the fleets.
    """
    fleet = fleet.assign(in_area=fleet["vehicle_class"].isin(depots["vehicle_class"]))
    vehicles, city_share = vehicles.copy(), city_share.copy()
    for name, class_depots in depots.groupby("vehicle_class", sort=False):
        number = float(class_depots["vehicles"].astype(float).sum())
        driven_km = class_depots["vehicles"].astype(float) * class_depots["km_day"]
        km = float(driven_km.sum())
        listed = class_depots[["vehicles", "depot", "source"]].itertuples(index=False)
        source = "; ".join(
            f"{v:,.0f} at {depot}" + (f" ({said})" if said else "") for v, depot, said in listed
        )
        row = fleet["vehicle_class"] == name
        fleet.loc[row, ["vehicles", "low", "high"]] = number
        fleet.loc[row, ["source", "confidence"]] = [f"fleets by depot: {source}", "ASSUMPTION"]
        row = city_share["vehicle_class"] == name
        city_share.loc[row, ["city_share", "low", "high"]] = 1.0
        city_share.loc[row, ["source", "confidence"]] = ["the fleets are in the area", "definition"]
        row = vehicles["vehicle_class"] == name
        public = float((driven_km * class_depots["public_share"]).sum() / km) if km else 0.0
        means = {"km_day": km / number, "home_share": 1 - public, "public_share": public}
        for figure, value in means.items():
            vehicles.loc[row, [f"{figure}{end}" for end in ("", "_low", "_high")]] = value
        for figure in ("km_day", "home_share"):
            said = ["mean over the depots' fleets", "ASSUMPTION"]
            vehicles.loc[row, [f"{figure}_source", f"{figure}_confidence"]] = said
        vehicles.loc[row, "housing_weight"] = 0.0
    return fleet, vehicles, city_share


def zones_by_depot(energy: pd.DataFrame, depots: pd.DataFrame) -> pd.DataFrame:
    """Return energy by zone and class, with the energy of depot fleets moved to the depots' zones.

    `energy` has the columns ``zone_id``, ``vehicle_class``, ``demand_kwh_day`` and, optionally,
    ``vehicles``. `depots` is the result of `place_depots`.
    """
    out = energy.copy()
    for name, class_depots in depots.groupby("vehicle_class", sort=False):
        row = out["vehicle_class"] == name
        for column in ("vehicles", "demand_kwh_day"):
            if column in out.columns:
                share = depot_shares(class_depots, column).groupby(class_depots["zone_id"]).sum()
                part = out.loc[row, "zone_id"].map(share).fillna(0.0)
                out.loc[row, column] = part * out.loc[row, column].sum()
    return out


def depot_shares(depots: pd.DataFrame, column: str = "demand_kwh_day") -> pd.Series:
    """Return each depot's share of the sum of `column` (0 to 1); equal shares if the sum is 0."""
    values = depots[column].astype(float)
    total = float(values.sum())
    return values / total if total > 0 else pd.Series(1 / len(values), index=values.index)
