"""Electric vehicles in Pakistan by year and class, compared with published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from siting.demand.figures import weakest
from siting.demand.sales import fleet_figures, fleet_model
from siting.demand.scenarios import CENTRAL_SCENARIO, OPENING_YEAR, PROJECTED_AFTER, FleetScenario
from siting.errors import InputError, refuse
from siting.files import rows_fault
from siting.reference import table

FIGURES = ("vehicles", "low", "high")
STOCK_TOLERANCE = 0.10
SHARE_TOLERANCE = 0.02


def national_fleet(
    year: int, scenario: FleetScenario = CENTRAL_SCENARIO, path: Path | None = None
) -> pd.DataFrame:
    """Return the number of electric vehicles in the country at the end of a year, by class.

    `path` is a CSV file with a fleet that replaces the model. It has the columns of the result and
    ``year``. Between two years of the file, a figure grows at a constant rate,
    ``v(t) = v0 * (v1 / v0) ** ((t - t0) / (t1 - t0))``, or linearly if it is 0 in one of them.

    Columns: ``vehicle_class``, ``vehicles``, ``low``, ``high``, ``source``, ``confidence``. Raises
    `InputError` if the scenario is unknown, or the year is outside the model or the file. A file
    must have one row for each class and year, no negative figure, and ``low <= vehicles <= high``.

    >>> fleet = national_fleet(2030).set_index("vehicle_class")
    >>> int(fleet["vehicles"].sum().round(-4))
    2140000
    """
    if path is None:
        return _modelled(year, scenario)
    if scenario.overrides or scenario.path or scenario.sales_path:
        what = "scenarios, sales figures and overrides belong to the fleet model"
        raise InputError(str(path), what, "change the table, or leave it out")
    stock = table("fleet", path)
    _require_sound(stock, str(path))
    return _between(stock, year, str(path))


def fleet_check(scenario: FleetScenario = CENTRAL_SCENARIO) -> pd.DataFrame:
    """Return the model's vehicles and electric share of sales alongside published figures.

    This is not a test: the model's inputs were set from these figures. Two-wheelers are nine tenths
    of the vehicles, so a matching total says little about the other classes. The source of the 2.2
    million vehicles for 2030 calls this number cumulative, so it is compared both with the vehicles
    in service and with all vehicles sold by then. The tolerance is 10 % for numbers of vehicles, 2
    percentage points for the share of sales, and the published range for a class.

    Columns: ``item``, ``model``, ``published``, ``unit``, ``difference``, ``difference_share`` (of
    the published value), ``tolerance`` (in the unit), ``within``, ``source``, ``confidence``.

    >>> bool(fleet_check()["within"].all())
    True
    """
    model = fleet_model(scenario, 2030)
    of_class = model.set_index(["year", "vehicle_class"])["stock"]
    totals = model.groupby("year")[["sales", "electric_sales", "stock"]].sum()
    fleet = table("fleet")
    published = fleet[fleet["vehicle_class"] == "all"].set_index("year").T.to_dict()
    share = table("country").set_index("item").T.to_dict()["electric_share_2030"]
    opening, last = float(totals["stock"].iloc[0]), totals.iloc[-1].to_dict()
    sold = opening + float(totals["electric_sales"].to_numpy(dtype=float).sum())
    rows = [
        ("in service, 2025", opening, "vehicles", published[OPENING_YEAR]),
        ("in service, 2030", last["stock"], "vehicles", published[2030]),
        ("sold by 2030", sold, "vehicles", published[2030]),
        ("electric share of sales, 2030", last["electric_sales"] / last["sales"], "share", share),
    ]
    by_class = len(rows)  # the position of the first row of a class
    rows += [
        (f"in service, {key[0]}, {key[1]}", of_class[key], "vehicles", row)
        for row in fleet[fleet["vehicle_class"] != "all"].to_dict("records")
        if (key := (row["year"], row["vehicle_class"])) in of_class.index
    ]
    known = pd.DataFrame([row for *_, row in rows])
    check = pd.DataFrame([row[:3] for row in rows], columns=["item", "model", "unit"])
    check.insert(2, "published", known["vehicles"].fillna(known["value"]).astype(float))
    difference = check["difference"] = check["model"] - check["published"]
    check["difference_share"] = difference / check["published"]
    is_share = check["unit"] == "share"
    tolerance = (check["published"] * STOCK_TOLERANCE).mask(is_share, SHARE_TOLERANCE)
    total = pd.Series(check.index < by_class)
    check["tolerance"] = tolerance.where(total, known["high"] - known["low"])
    in_range = check["model"].between(known["low"], known["high"])
    within = (difference.abs() <= tolerance).where(total, in_range)
    return check.assign(within=within, source=known["source"], confidence=known["confidence"])


def _modelled(year: int, scenario: FleetScenario) -> pd.DataFrame:
    model = fleet_model(scenario, year)
    columns = ["vehicle_class", "stock", "stock_low", "stock_high"]
    fleet = model.loc[model["year"] == year, columns].reset_index(drop=True)
    fleet.columns = pd.Index(["vehicle_class", *FIGURES])
    figures = fleet_figures(scenario)
    by_user = figures[figures["source"] == "set by the user"]
    changed = by_user.groupby("vehicle_class")["figure"].agg(", ".join)
    fleet["source"] = [
        f"stock-and-sales model, scenario {scenario.name}"
        + (f", a projection beyond {PROJECTED_AFTER}" if year > PROJECTED_AFTER else "")
        + (f", with {changed[name]} set by the user" if name in changed else "")
        for name in fleet["vehicle_class"]
    ]
    marks = figures.groupby("vehicle_class")["confidence"].agg(weakest)
    fleet["confidence"] = marks.loc[fleet["vehicle_class"]].to_numpy()
    return fleet


def _between(stock: pd.DataFrame, year: int, where: str) -> pd.DataFrame:
    years = np.sort(stock["year"].unique())
    if not years[0] <= year <= years[-1]:
        what = f"covers {years[0]:.0f} to {years[-1]:.0f}, not {year}"
        fix = "use a fleet table of your own that covers the year"
        raise InputError(f"{where}, column year", what, fix)
    before, after = years[years <= year][-1], years[years >= year][0]
    first = stock[stock["year"] == before].set_index("vehicle_class")
    last = stock[stock["year"] == after].set_index("vehicle_class").reindex(first.index)
    share = 0.0 if after == before else float((year - before) / (after - before))
    fleet: pd.DataFrame = first.reset_index()[["vehicle_class", *FIGURES, "source", "confidence"]]
    fleet["vehicle_class"] = fleet["vehicle_class"].astype(str)
    for figure in FIGURES:
        start, end = (rows[figure].to_numpy(dtype=float) for rows in (first, last))
        grows = (start > 0) & (end > 0)
        rate = np.divide(end, start, out=np.ones_like(start), where=grows)
        fleet[figure] = np.where(grows, start * rate**share, start + (end - start) * share)
    if share:  # a figure between two published years is interpolated
        told = f"constant growth from {before:.0f} ({{}}) to {after:.0f} ({{}})".format
        fleet["source"] = list(map(told, first["source"], last["source"]))
        fleet["confidence"] = "ASSUMPTION"
    return fleet


def _require_sound(stock: pd.DataFrame, where: str) -> None:
    label = stock["vehicle_class"].astype(str) + " " + stock["year"].astype(str)
    values = stock[list(FIGURES)].to_numpy(dtype=float)
    bad = ~(np.isfinite(values) & (values >= 0)).all(axis=1)
    order = (values[:, 1] > values[:, 0]) | (values[:, 0] > values[:, 2])
    twice = stock.duplicated(["year", "vehicle_class"], keep=False)
    unnamed = stock["vehicle_class"].isna()
    counts = stock.groupby("vehicle_class")["year"].nunique()
    partial, fix = counts < stock["year"].nunique(), "give every class the same years"
    column, rule = f"{where}, column", "must be low <= vehicles <= high"
    refuse([
        *rows_fault(f"{column} vehicles, low, high", bad, label, "negative or missing"),
        *rows_fault(f"{column} vehicles, low, high", order, label, rule),
        *rows_fault(f"{column} year, vehicle_class", twice, label, "given twice"),
        *rows_fault(f"{column} vehicle_class", unnamed, label, "missing"),
        *rows_fault(f"{column} year", partial, counts.index, "some classes lack a year", fix),
    ])  # fmt: skip
