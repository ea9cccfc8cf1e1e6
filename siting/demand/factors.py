"""The factors of a cell's demand: those of the energy, and the places in the cell."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.demand.energy import Area, zone_kwh
from siting.demand.housing import home_shares, zone_class
from siting.demand.surfaces import poi_points
from siting.demand.uncertainty import Case

# Factors of public energy, from the country's vehicles on.
FACTORS = (
    *("country_vehicles", "city_share", "area_share", "zone_share"),
    *("km_day", "electric_km_share", "kwh_km", "public_share"),
)


def energy_factors(area: Area, case: str = "central") -> pd.DataFrame:
    """Return the factors of public energy by zone and vehicle class.

    `case`: ``low``, ``central`` or ``high``, as in `energy_scenarios`. Columns: ``zone_id``,
    ``vehicle_class``; `FACTORS` (vehicles, shares, km/day, kWh/km) and ``charging_efficiency``;
    ``home_share`` of the zone; ``demand_kwh_day``: the product of the factors over the efficiency
    (kWh/day).

    >>> import numpy as np
    >>> from siting.demand import Area, city_share, national_fleet, vehicle_figures
    >>> from siting.reference import table
    >>> fleet = national_fleet(2030)
    >>> shares = city_share(table("cities"), "Lahore", fleet["vehicle_class"])
    >>> rows = energy_factors(Area(fleet, vehicle_figures(), shares))
    >>> product = rows[list(FACTORS)].prod(axis=1) / rows["charging_efficiency"]
    >>> bool(np.allclose(product, rows["demand_kwh_day"]))
    True
    """
    given = Case(area)
    values = given.figures["value"].to_numpy(dtype=float)
    if case != "central":
        values = given.end(more=case == "high")
    figures = given.at(values)
    rows = zone_class(given.zones.ids, given.classes)
    home = home_shares(figures, given.zones).ravel()
    zone_factors = {
        "zone_share": given.zones.split_by(figures["ownership_weight"]).ravel(),
        "public_share": 1 - home,
    }
    for name in FACTORS:
        rows[name] = (
            zone_factors[name]
            if name in zone_factors
            else np.tile(figures[name], len(given.zones.ids))
        )
    efficiency = np.tile(figures["charging_efficiency"], len(given.zones.ids))
    return rows.assign(
        charging_efficiency=efficiency,
        home_share=home,
        demand_kwh_day=zone_kwh(figures, given.zones).ravel(),
    )


def cell_places(
    cells: gpd.GeoDataFrame, pois: gpd.GeoDataFrame, poi_weights: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the places that draw vehicles to each cell, with their weights.

    Arguments are those of `siting.demand.surfaces`. Columns: ``cell_id``, ``name``, ``tag`` (the
    row of the table of weights), ``weight`` (of that row) and ``part``: the share of the place that
    counts here, below 1 on the border of cells. The sums of ``weight`` times ``part`` are
    proportional to the cells' ``destination`` of `siting.demand.surfaces`.
    """
    places = poi_points(pois, poi_weights)
    spots = places.geometry.to_crs(cells.crs).to_numpy()
    point, cell = shapely.STRtree(cells.geometry.to_numpy()).query(spots, predicate="intersects")
    shared = np.bincount(point, minlength=len(places))
    frame = pd.DataFrame({"cell_id": cells["cell_id"].to_numpy()[cell]})
    for column in ("name", "tag", "weight"):
        frame[column] = places[column].array[point]
    frame["part"] = 1 / shared[point]
    return frame.sort_values(["cell_id", "weight"], ascending=[True, False], ignore_index=True)
