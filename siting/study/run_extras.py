"""What the run folder holds for its readers beside the plan: limits, zones, years cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from siting.models import Limit, limit_tables


def limits_used(limits: tuple[Limit, ...], offers: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return what a plan uses of each limit, and what there is, in the limit's own unit.

    Limits of spacing are left out: there is one for every two places that are too near.

    Parameters
    ----------
    limits
        The limits of the program.
    offers
        Ids of the offers that stand.

    Returns
    -------
    list of dict
        ``limit``, ``kind``, ``unit``, ``used``, ``at_most``, by name.

    Examples
    --------
    >>> limits_used((Limit("bikes", "envelope", "PKR", 9.0, {"a": 2.0, "b": 3.0}),), ("b",))
    [{'limit': 'bikes', 'kind': 'envelope', 'unit': 'PKR', 'used': 3.0, 'at_most': 9.0}]
    """
    use, there = limit_tables(limit for limit in limits if limit.kind != "spacing")
    used = use[use["offer_id"].isin(offers)].groupby("limit")["use"].sum()
    there.insert(3, "used", there["limit"].map(used).fillna(0.0).astype(float))
    return [{str(k): v for k, v in row.items()} for row in there.to_dict("records")]


def with_zones(cells: gpd.GeoDataFrame, zones: pd.Series | None) -> gpd.GeoDataFrame:
    """Return the cells with the ``zone`` of the program each lies in, where it has zones."""
    if zones is None:
        return cells
    out = cells.assign(zone=cells["cell_id"].astype(str).map(zones).fillna("").astype(str))
    return out[[*(c for c in out.columns if c != "geometry"), "geometry"]]


def cells_by_year(
    demand: Mapping[int, pd.DataFrame], service: Mapping[int, pd.DataFrame]
) -> pd.DataFrame:
    """Return what each cell wants and is served in each year of a plan.

    Parameters
    ----------
    demand, service
        `siting.tables.DEMAND` and `siting.tables.SERVICE` by year.

    Returns
    -------
    DataFrame
        ``year``, ``cell_id``, ``vehicle_class``, ``demand_kwh_day``, ``served_kwh_day`` and
        ``site_id``, the station that serves most of it (the first by id of equals; blank: none).
    """
    parts = []
    for year, wanted in demand.items():
        rows = service[year].sort_values(["served_kwh_day", "site_id"], ascending=[False, True])
        main = rows.drop_duplicates("demand_id").set_index("demand_id")["site_id"]
        got = rows.groupby("demand_id")["served_kwh_day"].sum()
        ids = wanted["demand_id"]
        parts.append(
            pd.DataFrame(
                {
                    "year": year,
                    "cell_id": wanted["cell_id"].to_numpy(),
                    "vehicle_class": wanted["vehicle_class"].to_numpy(),
                    "demand_kwh_day": wanted["demand_kwh_day"].to_numpy(dtype=float),
                    "served_kwh_day": ids.map(got).fillna(0.0).to_numpy(dtype=float),
                    "site_id": ids.map(main).to_numpy(dtype=object),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def file_date(path: Path) -> str:
    """Return the day a file was last written, as ISO text."""
    return date.fromtimestamp(path.stat().st_mtime).isoformat()
