"""Who is served by what, once the offers are chosen.

Under coverage every demand goes whole to the nearest station it can use. Under capacity the energy
is sent so that most is served and, of all such ways, drivers drive least::

    max   sum of (M - t_ij) x_ij
    s.t.  demand and capacity as in `siting.models.capacitated`

with ``t_ij`` the minutes and ``M`` so large that no saving of minutes is worth a kWh unserved:
sending one more kWh may shift others from station to station, at most once each, so ``M`` above the
longest drive times the number of stations is enough. Demand of one cell that can use the same
chargers is one row, and shared out in proportion afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linprog

from siting.errors import Fault, SolveError
from siting.models.capacitated import site_capacity_sets
from siting.models.instance import Floats, Instance

# kWh/day below which a flow is the solver's arithmetic.
LEAST_KWH = 1e-6


def assign(
    instance: Instance, offer_ids: Iterable[str], model: str = "capacitated"
) -> pd.DataFrame:
    """Return who is served by what (kWh/day, minutes) when some offers are built.

    Parameters
    ----------
    instance
        What could be built, and whom it could serve.
    offer_ids
        The offers built, existing stations included; at most one a site.
    model
        ``capacitated`` or ``coverage``, as for `siting.solve.solve`.

    Returns
    -------
    DataFrame
        `siting.tables.SERVICE`, in the order of demand, then site.

    Raises
    ------
    InputError
        If an id is not an offer that can be built, or two are at one site.
    SolveError
        If the solver fails.
    """
    chosen = instance.positions_of(offer_ids)
    capacity = np.zeros((len(instance.site_ids), len(instance.group_names)))
    capacity[instance.offer_site[chosen]] = instance.offer_capacity[chosen]
    pairs = _pairs(instance, capacity)
    if model == "coverage":
        nearest = pairs.sort_values(["demand", "minutes", "site"], kind="stable")
        served = nearest.drop_duplicates("demand").assign(kwh=lambda f: f["wanted"])
    else:
        served = _least_minutes(instance, pairs, capacity)
    served = served[served["kwh"] > LEAST_KWH].sort_values(["demand", "site"], kind="stable")
    demand, site = served["demand"].to_numpy(), served["site"].to_numpy()
    text = {
        "demand_id": instance.demand_ids[demand],
        "cell_id": instance.cell_ids[instance.demand_cell[demand]],
        "vehicle_class": np.array(instance.class_names, dtype=object)[
            instance.demand_class[demand]
        ],
        "site_id": instance.site_ids[site],
    }
    return pd.DataFrame(
        {name: pd.Series(values, dtype="str") for name, values in text.items()}
        | {
            "served_kwh_day": served["kwh"].to_numpy(dtype=float),
            "travel_min": served["minutes"].to_numpy(dtype=float),
        }
    )


def _pairs(instance: Instance, capacity: Floats) -> pd.DataFrame:
    """Return the pairs of a demand and a site that is built, in reach and can be used."""
    usable = (capacity > 0).astype(float) @ instance.uses.T.astype(float) > 0
    reach = pd.DataFrame(
        {
            "cell": np.repeat(np.arange(len(instance.cell_ids)), np.diff(instance.reach_start)),
            "site": instance.reach_site,
            "minutes": instance.reach_min,
        }
    )
    reach = reach[usable.any(axis=1)[reach["site"]]]
    wanted = pd.DataFrame(
        {
            "demand": np.arange(len(instance.demand_ids)),
            "cell": instance.demand_cell,
            "vehicle": instance.demand_class,
            "wanted": instance.demand_kwh,
        }
    )
    pairs = wanted[wanted["wanted"] > 0].merge(reach, on="cell")
    kept: pd.DataFrame = pairs[usable[pairs["site"], pairs["vehicle"]]].reset_index(drop=True)
    return kept


def _least_minutes(instance: Instance, pairs: pd.DataFrame, capacity: Floats) -> pd.DataFrame:
    """Return the pairs with the energy sent over each: most served, then fewest minutes."""
    if pairs.empty:
        return pairs.assign(kwh=0.0)
    sets = [tuple(np.flatnonzero(uses).tolist()) for uses in instance.uses]
    kinds = tuple(sorted({s for s in sets if s}))
    kind_of = np.array([kinds.index(s) if s else -1 for s in sets])
    pairs = pairs.assign(kind=kind_of[pairs["vehicle"]])
    rows = pairs.groupby(["cell", "kind", "site"], as_index=False).agg(
        wanted=("wanted", "sum"), minutes=("minutes", "first")
    )
    row_of = rows.groupby(["cell", "kind"]).ngroup().to_numpy()
    count = np.arange(len(rows))
    limits = [rows["wanted"].groupby(row_of).first().to_numpy()]
    at_row, at_column = [row_of], [count]
    size = int(row_of.max()) + 1
    site, kind = rows["site"].to_numpy(), rows["kind"].to_numpy()
    for j in np.unique(site).tolist():
        here = np.flatnonzero(site == j)
        kwh = np.bincount(kind[here], minlength=len(kinds)).astype(float)
        for members, groups in site_capacity_sets(capacity[[j]], kwh, kinds):
            users = here[np.isin(kind[here], members)]
            at_row.append(np.full(len(users), size))
            at_column.append(users)
            limits.append(np.array([capacity[j, list(groups)].sum()]))
            size += 1
    matrix = sparse.csr_array(
        (np.ones(sum(map(len, at_row))), (np.concatenate(at_row), np.concatenate(at_column))),
        shape=(size, len(rows)),
    )
    minutes = rows["minutes"].to_numpy()
    large = (float(minutes.max()) + 1.0) * (len(np.unique(site)) + 2)
    limit = np.concatenate(limits)
    answer = linprog(minutes - large, A_ub=matrix, b_ub=limit, method="highs-ds")  # type: ignore[call-overload]
    if answer.x is None:
        raise SolveError(Fault("assignment", f"the solver stopped: {answer.message}"))
    rows = rows.assign(sent=answer.x).rename(columns={"wanted": "together"})
    shared = pairs.merge(rows.drop(columns="minutes"), on=["cell", "kind", "site"])
    return shared.assign(kwh=shared["sent"] * shared["wanted"] / shared["together"])
