"""Shares of demand served: floors, the worst group, and the Gini coefficient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from siting.errors import Fault
from siting.verify.book import Book
from siting.verify.ledger import Ledger, above, differs, largest, shown


def shares_of(service: pd.DataFrame, demand: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """Return the demand and service of groups in each slice (kWh/day).

    Columns: ``floor``, ``slice``, ``demand_kwh_day``, ``served_kwh_day``, ``served_share`` (1
    without demand), in order.
    """
    key = ["slice", "demand_id"]
    rows = demand[[*key, "demand_kwh_day"]].assign(served_kwh_day=0.0)
    rows = pd.concat([rows, service[[*key, "served_kwh_day"]].assign(demand_kwh_day=0.0)])
    rows = members[["floor", "demand_id"]].drop_duplicates().merge(rows, on="demand_id")
    columns = ["demand_kwh_day", "served_kwh_day"]
    out = rows.groupby(["floor", "slice"])[columns].sum().reset_index()
    some = out["demand_kwh_day"] > 0
    out["served_share"] = (out["served_kwh_day"] / out["demand_kwh_day"]).where(some, 1.0)
    return out


def check_floors(book: Book, ledger: Ledger) -> None:
    """Check that each floor holds in its slices, and the claims on it."""
    floors, members = book.account.floors, book.account.members
    if floors is None or members is None:
        return
    recounted = shares_of(book.service, book.demand, members)
    rows = floors.assign(slice=floors["slice"].astype(str))
    rows = rows.merge(recounted, on=["floor", "slice"], how="left", suffixes=("_said", ""))
    # A floor without rows has no demand.
    rows = rows.fillna({"demand_kwh_day": 0.0, "served_kwh_day": 0.0, "served_share": 1.0})
    scale = largest(recounted["demand_kwh_day"])
    for row in rows.to_dict("records"):
        need, want = float(row["share"]), float(row["demand_kwh_day"])
        have, kwh = float(row["served_share"]), float(row["served_kwh_day"])
        label = f"floor {row['floor']}{f' in {row["slice"]}' if row['slice'] else ''}"
        ledger.row(f"{label}, share served", have, need)
        if above(need * want, kwh, max(want, scale)):
            what = f"{shown(have)} of the demand served, {shown(need)} promised"
            ledger.faults.append(Fault(label, what))
        said = row.get("served_share_said")
        if said is not None and differs(said, have, 1.0):
            what = f"{shown(float(said))} of the demand claimed, {shown(have)} recounted"
            ledger.faults.append(Fault(label, what))


def gini_of(shares: pd.DataFrame, people: Mapping[str, float] | None = None) -> float:
    """Return the Gini coefficient of some shares, weighted by people or by demand.

    It is twice the area between the Lorenz curve and the diagonal.

    >>> shares = {"floor": ["a", "b"], "demand_kwh_day": [1.0, 1.0], "served_share": [0.0, 1.0]}
    >>> gini_of(pd.DataFrame(shares))
    0.5
    """
    weights = shares["demand_kwh_day"] if people is None else shares["floor"].map(dict(people))
    share, weight = shares["served_share"].to_numpy(float), weights.to_numpy(float)
    order = np.argsort(share, kind="stable")
    held = (share * weight)[order]
    if not held.sum() > 0:
        return 0.0
    curve = np.concatenate([[0.0], np.cumsum(held) / held.sum()])
    width = weight[order] / weight.sum()
    return float(1.0 - (width * (curve[1:] + curve[:-1])).sum())
