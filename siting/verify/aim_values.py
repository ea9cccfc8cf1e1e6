"""Check the aims: recompute each value, bound and gap."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd

from siting.errors import InputError, naming, refuse
from siting.verify.account import Aim
from siting.verify.book import Book
from siting.verify.ledger import RELATIVE, Ledger, above, largest, shown
from siting.verify.service_recount import shares_of, worth_of

_WORDS = {
    "most_worth": "worth served",
    "net_worth": "worth served, minus the charge on money",
    "least_money": "{aim.of}",
    "worst_share": "share served in the worst-served group",
    "least_regret": "largest regret",
    "tail": "{aim.of} in the worst {share:.3g} of outcomes",
    "shortest_drives": "energy times drive",
    "least_cost_to_all": "yearly cost of stations and drivers' time",
}


def _label(aim: Aim) -> str:
    return f"{_WORDS[aim.kind].format(aim=aim, share=1 - aim.alpha)}, {aim.unit}"


def check_aims(book: Book, ledger: Ledger) -> None:
    """Check the value, bound and gap that the plan states for each aim."""
    for aim in book.account.aims:
        if aim.kind not in _WORDS:
            raise InputError("aims", f"{aim.kind!r} is not known")
        value, scale = _value(book, aim, ledger)
        ledger.equal(_label(aim), aim.value, value, scale)
        _check_proof(aim, ledger, scale)


def _value(book: Book, aim: Aim, ledger: Ledger) -> tuple[float, float]:
    """Return the value of an aim, and the scale for its tolerance."""
    if aim.kind == "least_money":
        return _money(book, aim, book.years[-1]), 0.0
    if aim.kind == "worst_share":
        return _worst_share(book, aim), 1.0
    of_slice = book.slices.set_index("slice")
    if aim.kind == "shortest_drives":
        rows = book.service
        by_slice = (rows["served_kwh_day"] * rows["travel_min"]).groupby(rows["slice"]).sum()
        counts = of_slice["weight"] * of_slice["probability"]
        return float((by_slice.reindex(counts.index).fillna(0.0) * counts).sum()), 0.0
    if aim.kind == "least_cost_to_all":
        return _to_all(book, aim), 0.0
    outcome = _by_scenario(book, worth_of(book, book.service, "served_kwh_day", drives=True))
    whole = _by_scenario(book, worth_of(book, book.demand, "demand_kwh_day", drives=False))
    chance = of_slice.groupby("scenario", sort=False)["probability"].first().to_numpy(dtype=float)
    scale = largest(whole)
    if aim.kind in ("most_worth", "net_worth"):
        must = _must_bring(book, aim) if aim.kind == "net_worth" else 0.0
        return float(outcome.to_numpy() @ chance) - must, scale
    if aim.kind == "least_regret":
        return _regret(aim, outcome, whole, ledger), scale
    loss = (whole - outcome if aim.of == "unserved" else -outcome).to_numpy(dtype=float)
    # The mean of the worst (1 - alpha) of outcomes is a minimum over thresholds (Rockafellar and
    # Uryasev 2000). The program sorts outcomes instead, so the two computations are independent.
    mean = min(u + chance @ np.maximum(loss - u, 0.0) / (1 - aim.alpha) for u in loss)
    return float(mean if aim.of == "unserved" else -mean), scale


def _to_all(book: Book, aim: Aim) -> float:
    """Return the cost of stations and drivers' time; each slice counts by year and probability."""
    costs = aim.to_all
    assert costs is not None
    faults = []
    for name, asked in (
        ("cost_pkr_year", book.offers["offer_id"]),
        ("value_pkr_h", book.service["vehicle_class"]),
        ("session_kwh", book.service["vehicle_class"]),
    ):
        missing = sorted(set(asked) - set(getattr(costs, name)))
        faults += naming(f"aims, least_cost_to_all, {name}", "figures missing", missing)
    refuse(faults)
    rows = book.service
    # astype(float) is for empty tables, whose columns would otherwise be strings.
    session_kwh, value_pkr_h = (
        rows["vehicle_class"].map(dict(by_class)).astype(float)
        for by_class in (costs.session_kwh, costs.value_pkr_h)
    )
    sessions = 365 * rows["served_kwh_day"] / session_kwh
    hours = sessions * costs.ways * rows["travel_min"] / 60
    drives = (hours * value_pkr_h).groupby(rows["slice"]).sum()
    whole = 0.0
    for one in book.slices.to_dict("records"):
        built = [o for o in book.by_year[one["year"]].values() if o not in book.kept.values()]
        stations = sum(costs.cost_pkr_year[o] for o in built)
        share = float(one["weight"]) * float(one["probability"])
        whole += share * (stations + float(drives.get(one["slice"], 0.0)))
    return whole


def _by_scenario(book: Book, by_slice: pd.Series) -> pd.Series:
    """Return the worth of each scenario: the sum over years, each multiplied by its weight."""
    rows = book.slices.set_index("slice")
    weighted = rows["weight"].astype(float) * by_slice.reindex(rows.index)
    return weighted.groupby(rows["scenario"].astype(str), sort=False).sum(min_count=1)


def _must_bring(book: Book, aim: Aim) -> float:
    """Return the worth to deduct for the money spent on the final stations or in each year."""
    if not isinstance(aim.least_gain, Mapping):
        return aim.least_gain * _money(book, aim, book.years[-1])
    money = [0.0, *(_money(book, aim, year) for year in book.years)]
    return sum(
        aim.least_gain[year] * (after - before)
        for year, (before, after) in zip(book.years, pairwise(money), strict=True)
    )


def _money(book: Book, aim: Aim, year: int) -> float:
    if aim.of == "subsidy_pkr":
        return float(sum(book.drawn[year].values()))
    return float(sum(book.offer["cost_pkr"][o] for o in book.by_year[year].values()))


def _worst_share(book: Book, aim: Aim) -> float:
    assert aim.members is not None
    last = book.slices.loc[book.slices["year"] == book.years[-1], "slice"]
    slices = set(last) if aim.slices is None else set(map(str, aim.slices))
    found = shares_of(book, aim.members)
    found = found[(found["demand_kwh_day"] > 0) & found["slice"].isin(slices)]
    return float(found["served_share"].min())


def _regret(aim: Aim, outcome: pd.Series, whole: pd.Series, ledger: Ledger) -> float:
    """Return the largest regret; also check the best worth of each scenario."""
    best = aim.best
    if best is None or set(best["scenario"].astype(str)) != set(outcome.index):
        raise InputError("aims, least_regret", "needs the best worth of every scenario")
    scale = largest(whole)
    regret = []
    for row in best.to_dict("records"):
        name, most = str(row["scenario"]), float(row["best"])
        got, there = float(outcome[name]), float(whole[name])
        found = float(row.get("found", most))
        ledger.at_most(f"{name}: worth within the best worth found", got, found, scale)
        ledger.at_most(f"{name}: best worth found within its bound", found, most, scale)
        ledger.at_most(f"{name}: best worth within the demand", most, there, scale)
        regret.append(most - got)
    return max(0.0, *regret)


def _check_proof(aim: Aim, ledger: Ledger, scale: float) -> None:
    """Check that the value is no better than its bound, and check the gap between them."""
    if aim.bound is None:
        return
    where = f"bound on {_label(aim)}"
    more = aim.kind in ("most_worth", "net_worth", "worst_share")
    more |= aim.kind == "tail" and aim.of == "served"
    low, high = (aim.value, aim.bound) if more else (aim.bound, aim.value)
    side = "below" if more else "above"
    what = f"{shown(aim.bound)} is {side} the value {shown(aim.value)}"
    ledger.wrong(above(low, high, scale), where, what)
    if aim.gap is None:
        return
    short = max(high - low, 0.0)
    close = short <= RELATIVE * max(abs(aim.value), scale)
    # The gap to a value of 0 is undefined; any claim below 100 % is an error.
    gap = 0.0 if close else short / abs(aim.value) if aim.value else 1.0
    ledger.row(f"gap of {_label(aim)}", gap, aim.gap)
    what = f"gap {shown(aim.gap)} claimed, {shown(gap)} recomputed"
    ledger.wrong(not aim.gap >= gap - RELATIVE * max(1.0, gap), where, what)
