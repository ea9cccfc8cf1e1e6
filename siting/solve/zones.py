"""Who gets how much: figures by zone of what a plan serves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from siting.errors import Fault, InfeasibleError
from siting.models.rows import Zones
from siting.program.instance import Floats, Instance


def zone_table(
    instance: Instance,
    zones: Zones,
    service: pd.DataFrame,
    floors: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return one row a zone with what it wants and is served.

    Parameters
    ----------
    instance
        The data of the program.
    zones
        The zone of each demand row.
    service
        Who is served by what (`siting.tables.SERVICE`).
    floors
        Share that must be served, by zone.

    Returns
    -------
    DataFrame
        ``zone``, ``demand_kwh_day``, ``served_kwh_day``, ``served_share``, ``floor_share``.
    """
    by_row = service.groupby("demand_id")["served_kwh_day"].sum()
    ids = pd.Index(instance.demand_ids.astype(str))
    served = by_row.reindex(ids).fillna(0.0).to_numpy(float)
    inside = zones.of_demand >= 0
    kwh = np.bincount(zones.of_demand[inside], served[inside], minlength=len(zones.names))
    floors = floors or {}
    return pd.DataFrame(
        {
            "zone": pd.Series(zones.names, dtype="str"),
            "demand_kwh_day": zones.demand_kwh,
            "served_kwh_day": kwh,
            "served_share": kwh / zones.demand_kwh,
            "floor_share": [float(floors.get(name, 0.0)) for name in zones.names],
        }
    )


def gini(share: Floats, weight: Floats) -> float:
    """Return the Gini coefficient of a share over zones, 0 (all the same) to 1.

    Half the mean difference between two people (or kilowatt-hours wanted) drawn at random, over the
    mean. Where nobody has anything all have the same: 0.

    Parameters
    ----------
    share
        Share served in each zone.
    weight
        People or demand of each zone.

    Examples
    --------
    >>> gini(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    0.5
    """
    if float(share @ weight) <= 0:
        return 0.0
    # Twice the area between the Lorenz curve and the line of equal shares, which is the same.
    order = np.argsort(share, kind="stable")
    part, gets = weight[order] / weight.sum(), share[order] * weight[order]
    reached = np.concatenate([[0.0], np.cumsum(gets) / gets.sum()])
    return max(1.0 - float(part @ (reached[1:] + reached[:-1])), 0.0)


def require_in_reach(
    instance: Instance,
    zones: Zones,
    floors: Mapping[str, float] | None,
    city_floor: float | None,
) -> None:
    """Raise `InfeasibleError` for every floor above what lies in reach of any site at all.

    Parameters
    ----------
    instance
        The data of the program.
    zones
        The zones.
    floors, city_floor
        Share of its demand that must be served, by zone and in all.
    """
    kwh = np.where(instance.served_pairs, instance.demand_kwh, 0.0)
    there = {
        name: float(kwh[zones.of_demand == n].sum() / zones.demand_kwh[n])
        for n, name in enumerate(zones.names)
    }
    there["city"] = float(kwh.sum() / instance.demand_kwh_day)
    asked = {name: share for name, share in (floors or {}).items() if name in there}
    if city_floor is not None:
        asked["city"] = city_floor
    faults = [
        Fault(
            f"floor, {name}",
            f"have {there[name]:.1%} of its demand in reach of any site, need {share:.1%}",
            f"lower it to {np.floor(1e4 * there[name]) / 1e4:.4f} or less, add candidate sites "
            "there, or raise the cutoff",
        )
        for name, share in asked.items()
        if there[name] + 1e-9 < share <= 1
    ]
    if faults:
        raise InfeasibleError(faults)
