"""Check the energy served: drive times, plugs, demand, capacity, and required shares."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
from scipy import sparse

from siting.errors import SolveError
from siting.verify.book import Book
from siting.verify.ledger import RELATIVE, Ledger, above, differs, largest, shown


def check_service(book: Book, ledger: Ledger) -> None:
    """Check every row of the service table, and its sums by demand row and by station."""
    a, rows = book.account, book.service
    names = rows["demand_id"].astype(str) + " by " + rows["site_id"].astype(str)
    names += book.when(rows)

    def broken(column: str, what: str, mask: Any) -> None:
        ledger.broken(f"service, column {column}", what, names, mask)

    drive = rows[["cell_id", "site_id"]].merge(book.reach, how="left")["travel_min"].to_numpy()
    minutes = rows["travel_min"].to_numpy(dtype=float)
    broken("site_id", "out of reach", np.isnan(drive))
    off = differs(minutes, drive, largest(minutes)) & ~np.isnan(drive)
    broken("travel_min", "different from the reach table", off)
    broken("travel_min", f"more than {a.cutoff_min:g} min", above(minutes, a.cutoff_min))
    ledger.row("longest drive, min", max(minutes, default=0.0), a.cutoff_min)
    here = rows.merge(book.stands[["slice", "site_id"]].drop_duplicates(), how="left",
                      indicator="there")  # fmt: skip
    broken("site_id", "served by a site that is not built", here["there"] == "left_only")
    fits = rows.merge(book.usable, how="left", indicator="there")
    broken("vehicle_class", "cannot plug in", fits["there"] == "left_only")
    demand = rows[["slice", "demand_id"]].merge(book.demand, how="left", on=["slice", "demand_id"])
    stray = demand["cell_id"] != rows["cell_id"]
    stray |= demand["vehicle_class"] != rows["vehicle_class"]
    broken("cell_id", "not the cell of the demand row", stray)

    kwh = rows["served_kwh_day"].to_numpy(dtype=float)
    most = largest(book.demand["demand_kwh_day"])
    broken("served_kwh_day", "negative or not a number", above(-kwh, 0.0, most))
    sums = rows.groupby(["slice", "demand_id"])["served_kwh_day"].sum(min_count=1).reset_index()
    wanted = sums.merge(book.demand, how="left", on=["slice", "demand_id"])["demand_kwh_day"]
    over = above(sums["served_kwh_day"], wanted, most)
    sum_names = sums["demand_id"].astype(str) + book.when(sums)
    ledger.broken("service, column served_kwh_day", "more than the demand", sum_names, over)
    ledger.row("energy served within the demand, kWh/day", kwh.sum(),
               book.demand["demand_kwh_day"].sum())  # fmt: skip
    if a.model == "capacitated":
        _check_capacity(book, ledger)
    else:
        _check_coverage(book, ledger)
    _check_claimed(book, ledger)


def _check_capacity(book: Book, ledger: Ledger) -> None:
    """Check that a station's charger groups can share its load within their capacities."""
    key = ["slice", "site_id"]
    load = book.service.groupby([*key, "vehicle_class"])["served_kwh_day"].sum().reset_index()
    whole = load.groupby(key)["served_kwh_day"].sum().reset_index()
    missing = whole["served_kwh_day"].to_numpy() - _carried(book, load, whole)
    short = missing > RELATIVE * whole["served_kwh_day"].to_numpy()
    if short.any():
        by = [f" by {shown(float(f'{kwh:.6g}'))} kWh/day" for kwh in missing[short]]
        ids = (whole["site_id"].astype(str) + book.when(whole))[short] + by
        ledger.named("service, column served_kwh_day", "serve more than their chargers can", ids)
    ledger.row("energy served within capacity, kWh/day", whole["served_kwh_day"].sum(),
               book.capacities["can_kwh_day"].sum())  # fmt: skip


def _carried(book: Book, load: pd.DataFrame, whole: pd.DataFrame) -> np.ndarray:
    """Return the load that each station can serve (kWh/day), from one joint transport problem."""
    key = ["slice", "site_id"]
    share = load.merge(whole, on=key, suffixes=("", "_whole"))
    share = share[share["served_kwh_day"] > 0].rename(columns={"served_kwh_day_whole": "whole"})
    arcs = share.merge(book.plugs, on="vehicle_class")
    arcs = arcs.merge(book.capacities, on=[*key, "charger_group"])
    arcs = arcs[arcs["whole"] > 0]
    if arcs.empty:
        return np.zeros(len(whole))
    count = len(arcs)
    ends = [arcs.groupby([*key, c], sort=False).ngroup().to_numpy()
            for c in ("vehicle_class", "charger_group")]  # fmt: skip
    sides = np.concatenate([ends[0], ends[1] + ends[0].max() + 1])
    limit = np.zeros(int(sides.max()) + 1)
    # Loads are shares of the station's total, so that the tolerances treat all stations alike.
    limit[sides[:count]] = arcs["served_kwh_day"] / arcs["whole"]
    limit[sides[count:]] = np.minimum(arcs["can_kwh_day"] / arcs["whole"], 1.0)
    spots = (sides, np.tile(np.arange(count), 2))
    matrix = sparse.csr_array((np.ones(2 * count), spots), shape=(len(limit), count))
    from scipy.optimize import linprog

    answer = linprog(-np.ones(count), A_ub=cast(Any, matrix), b_ub=limit, method="highs")
    if answer.x is None:
        raise SolveError(f"the recount of the stations' load stopped: {answer.message}")
    sent = arcs[key].assign(kwh=answer.x * arcs["whole"].to_numpy())
    got = sent.groupby(key)["kwh"].sum().reset_index()
    return whole.merge(got, on=key, how="left")["kwh"].fillna(0.0).to_numpy(dtype=float)


def _check_coverage(book: Book, ledger: Ledger) -> None:
    """Check the energy served against the demand with a compatible station in reach."""
    near = book.reach[~above(book.reach["travel_min"], book.account.cutoff_min)]
    pairs = near.merge(book.usable, on="site_id")
    pairs = pairs[["slice", "cell_id", "vehicle_class"]].drop_duplicates()
    covered = float(book.demand.merge(pairs)["demand_kwh_day"].sum())
    served = float(book.service["served_kwh_day"].sum())
    ledger.row("energy within reach of a compatible station, kWh/day", served, covered)
    off = book.account.serves_all and differs(served, covered)
    what = f"{shown(served)} kWh/day served, {shown(covered)} within reach of the stations"
    ledger.wrong(off, "service, column served_kwh_day", what)


def _check_claimed(book: Book, ledger: Ledger) -> None:
    claimed = book.account.served
    if claimed is None:
        return
    served = book.service.groupby("slice")["served_kwh_day"].sum()
    demand = book.demand.groupby("slice")["demand_kwh_day"].sum()
    worth = worth_of(book, book.service, "served_kwh_day", drives=True)
    scale = largest(list(demand))
    said = claimed.assign(slice=claimed["slice"].astype(str)).set_index("slice")
    for name in book.slices["slice"]:
        label = f"{name}: " if name else ""
        for column, words, sums, least in (
            ("served_kwh_day", "energy served, kWh/day", served, scale),
            ("demand_kwh_day", "demand, kWh/day", demand, scale),
            ("worth", "worth served", worth, 0.0),
        ):
            if column in said.columns:
                value, found = float(said[column].get(name, np.nan)), float(sums.get(name, 0.0))
                ledger.equal(f"{label}{words}", value, found, least)


def worth_of(book: Book, rows: pd.DataFrame, kwh: str, *, drives: bool) -> pd.Series:
    """Return the worth of the energy in column `kwh` by slice, with decay if `drives` is true."""
    a = book.account
    worth = rows[kwh].to_numpy(dtype=float) * book.per_kwh(rows)
    if drives and a.decay is not None:
        worth = worth * a.decay.factor(rows["travel_min"].to_numpy(dtype=float))
    sums = pd.Series(worth).groupby(rows["slice"].to_numpy()).sum(min_count=1)
    return sums.reindex(book.slices["slice"], fill_value=0.0)


def shares_of(book: Book, members: pd.DataFrame) -> pd.DataFrame:
    """Return, for each group and slice, the demand and the energy served (kWh/day).

    Columns: ``floor``, ``slice``, ``demand_kwh_day``, ``served_kwh_day`` and ``served_share``,
    which is 1 if there is no demand.
    """
    key = ["slice", "demand_id"]
    rows = book.demand[[*key, "demand_kwh_day"]].assign(served_kwh_day=0.0)
    rows = pd.concat([rows, book.service[[*key, "served_kwh_day"]].assign(demand_kwh_day=0.0)])
    rows = members[["floor", "demand_id"]].drop_duplicates().merge(rows, on="demand_id")
    out = rows.groupby(["floor", "slice"])[["demand_kwh_day", "served_kwh_day"]].sum().reset_index()
    some = out["demand_kwh_day"] > 0
    out["served_share"] = (out["served_kwh_day"] / out["demand_kwh_day"]).where(some, 1.0)
    return out


def check_floors(book: Book, ledger: Ledger) -> None:
    """Check that each floor is met in its slices, and check the shares stated for floors."""
    recounted = shares_of(book, book.members)
    rows = book.floors.assign(slice=book.floors["slice"].astype(str))
    rows = rows.merge(recounted, on=["floor", "slice"], how="left", suffixes=("_said", ""))
    # A floor without a row in `recounted` has no demand.
    rows = rows.fillna({"demand_kwh_day": 0.0, "served_kwh_day": 0.0, "served_share": 1.0})
    scale = largest(recounted["demand_kwh_day"])
    for row in rows.to_dict("records"):
        need, want = float(row["share"]), float(row["demand_kwh_day"])
        have, kwh = float(row["served_share"]), float(row["served_kwh_day"])
        label = f"floor {row['floor']}{f' in {row["slice"]}' if row['slice'] else ''}"
        ledger.row(f"{label}, share served", have, need)
        what = f"{shown(have)} of the demand served, {shown(need)} required"
        ledger.wrong(above(need * want, kwh, max(want, scale)), label, what)
        said = float(row.get("served_share_said", have))
        what = f"{shown(said)} of the demand claimed, {shown(have)} recomputed"
        ledger.wrong(differs(said, have, 1.0), label, what)
