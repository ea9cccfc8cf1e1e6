"""Compute the break-even values of a plan's figures, and the effect of varying each figure.

All results follow from the stations' accounts (`siting.economics.break_even`), without a new solve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from siting import demand as people_to_energy
from siting import economics, reference, sites
from siting.config import Config
from siting.economics import PRICE, Accounts
from siting.economics.break_even import SHARE
from siting.plan import Plan
from siting.sites.chargers_text import readable_counts
from siting.sites.costs import bays_needed
from siting.study.program_inputs import Asked, subsidy_of
from siting.study.recounted import sold_by_group
from siting.study.stages import Table, stage
from siting.tables import capacity_columns

MOST = 10  # maximum number of break-even values listed
RUPEE = 1.0
BREAK_EVEN = "break even with the largest subsidy"
NAMES = {
    "price_lev": "Price at sockets for two- and three-wheelers",
    "price_lev_dc": "Price at 12 kW points for two- and three-wheelers",
    "price_ac": "Price at AC chargers",
    "price_dc": "Price at fast chargers",
    "price_swap_2w": "Price of swapping, two-wheelers",
    "price_swap_3w": "Price of swapping, three-wheelers",
    "station_tariff": "Electricity tariff paid by the station",
    "attendants": "Attendants at a station with fast chargers",
    "attendants_other": "Attendants at a station without fast chargers",
    "fixed_charge": "Fixed charges",
    "land_bay_month": "Lease of a bay",
    "sales": "Sales",
    "charger_cost_pkr": "Cost of chargers",
    "grid_cost_pkr": "Cost of grid works",
    "civil_cost_pkr": "Cost of civil works",
}
# For each item of works.csv, the column of offers that is proportional to the item.
_RECKONED = {
    "design_share": "design_cost_pkr",
    "contingency_share": "contingency_cost_pkr",
    "insurance_share": "insurance_pkr_year",
    "deposit_kw": "deposit_cost_pkr",
}
_UNITS = {
    "PKR/kWh": "PKR {} a kWh",
    "PKR per bay per month": "PKR {} per bay per month",
    "PKR per kW per month": "PKR {} per kW per month",
}


@stage()
def station_accounts(plan: Plan, asked: Asked, site_costs: sites.SiteCosts) -> Accounts | None:
    """The sales, costs and subsidies of the new stations; None if the plan builds no station."""
    case = plan.tables["business"].set_index("offer_id")
    if case.empty:
        return None
    offers = plan.offers.set_index("offer_id").loc[case.index].reset_index()
    offers = offers.assign(subsidy_pkr=case["subsidy_pkr"].to_numpy())
    leased = site_costs.land == "lease" and (offers["land_pkr_year"] > 0).any()
    return Accounts(
        offers,
        case["sold_kwh_day"].to_numpy(dtype=float),
        asked.rules,
        subsidy_of(asked.config),
        sold_by_group(asked, offers, plan.service),
        site_costs.land_bay_month_pkr if leased else None,
    )


@stage()
def break_evens(station_accounts: Accounts | None) -> Table:
    """The break-even values of the subsidised new stations, or of all if none is subsidised.

    The table has the columns of `siting.economics.break_evens`, ``draw`` (whether the stations draw
    public money) and ``text``. The figure closest to its break-even value comes first.
    """
    if station_accounts is None:
        return pd.DataFrame()
    paid = (station_accounts.offers["subsidy_pkr"] > RUPEE).to_numpy()
    of = station_accounts
    if paid.any():
        offers = of.offers[paid].reset_index(drop=True)
        of = replace(of, offers=offers, sold_kwh_day=of.sold_kwh_day[paid])
    table = economics.break_evens(of)
    # Sales cannot exceed the capacity, so break-even sales above the capacity are left blank.
    capacity = of.offers[capacity_columns(of.offers)].sum(axis=1)
    able = capacity.to_numpy() - of.offers["standing_kwh_day"]
    most = float(np.min(able / np.maximum(of.sold_kwh_day, 1e-9)))
    for end in ("half_no_money_at", "no_money_at"):
        beyond = (table["figure"] == "sales") & (table[end] > most * (1 + 1e-6))
        table[end] = table[end].mask(beyond)
    table = table.head(MOST)
    draw = bool(paid.any())
    return table.assign(draw=draw, text=[_sentence(row, draw) for row in table.to_dict("records")])


def _sentence(row: Mapping[Any, Any], draw: bool) -> str:
    """Return a row of break-even values as a sentence.

    >>> row = {"figure": "price_lev", "value": 75.0, "unit": "PKR/kWh", "stations": 45,
    ...     "rising": True, "half_no_money_at": 77.0, "no_money_at": 79.31,
    ...     "first_lost_at": 75.0, "all_lost_at": 68.84}
    >>> _sentence(row, True)
    'Price at sockets for two- and three-wheelers, PKR 75 a kWh in the plan: from 77 on, half of \
the 45 stations that draw public money need none, and from 79.4 on, none needs any; below 68.8, \
none of them can break even with the largest subsidy'
    >>> _sentence({**row, "stations": 1, "half_no_money_at": 79.31}, True)
    'Price at sockets for two- and three-wheelers, PKR 75 a kWh in the plan: from 79.4 on, the one \
station that draws public money needs none; below 68.8, it cannot break even with \
the largest subsidy'
    """
    rising, unit = bool(row["rising"]), str(row["unit"])

    def at(end: str, *, up: bool) -> str:
        # Values are rounded up or down, whichever keeps the sentence true.
        return "" if math.isnan(row[end]) else _told(row[end], unit, up=up)

    said = NAMES.get(str(row["figure"]), str(row["figure"]))
    if unit != SHARE:
        said += f", {_UNITS.get(unit, '{}').format(format(row['value'], ',.6g'))} in the plan"
    one = row["stations"] == 1
    number, s, verb = ("one", "", "draws") if one else (f"{row['stations']:,}", "s", "draw")
    stations = f"station{s} that {verb} public money" if draw else f"new station{s}"
    many = f"the {number} {stations}"
    word, parts = "below" if rising else "above", list[str]()
    half, whole = (at(end, up=rising == draw) for end in ("half_no_money_at", "no_money_at"))
    if draw:
        side = "from {} on" if rising else "at {} or less"
        if half and half != whole:
            parts.append(f"{side.format(half)}, half of {many} need none")
            parts[-1] += f", and {side.format(whole)}, none needs any" if whole else ""
        elif whole:
            none = f"{many} needs none" if one else f"none of {many} needs any"
            parts.append(f"{side.format(whole)}, {none}")
    elif whole:
        first = many if one else f"the first of {many}"
        parts.append(f"{word} {whole}, {first} needs public money")
        parts[-1] += f", and {word} {half}, half of them" if half and half != whole else ""
    first, last = (at(end, up=not rising) for end in ("first_lost_at", "all_lost_at"))
    if first == _told(row["value"], unit, up=not rising):
        first = ""  # some stations already draw the largest subsidy allowed
    if first and first != last:
        of = "them" if parts else many
        parts.append(f"{word} {first}, the first of {of} cannot {BREAK_EVEN}")
    if last and one:
        parts.append(f"{word} {last}, {'it' if parts else many} cannot {BREAK_EVEN}")
    elif last:
        parts.append(f"{word} {last}, none of {'them' if parts else many} can {BREAK_EVEN}")
    return f"{said}: {'; '.join(parts)}"


def _told(value: float, unit: str, *, up: bool) -> str:
    """Return a figure as text, rounded to three significant digits; a share is shown in per cent.

    >>> _told(79.31, "PKR/kWh", up=True), _told(0.8234, "share", up=False)
    ('79.4', '82%')
    """
    if unit.startswith("share"):
        return f"{_rounded(100 * value, 0, up=up):,.0f}%"
    # Values of at most 0.001 are rounded to whole numbers.
    places = 2 - math.floor(math.log10(value)) if value > 1e-3 else 0
    text = f"{_rounded(value, places, up=up):,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(value: float, places: int, *, up: bool) -> float:
    scale = 10.0**places
    # If a value differs from a rounded figure only by rounding error, the rounded figure is
    # shown.
    shown = value * scale
    slack = 1e-6 * max(shown, 1.0)
    return (math.ceil(shown - slack) if up else math.floor(shown + slack)) / scale


# An `At` function returns the accounts for a given value of one figure. A `Moved` iterator yields,
# for each figure, the table row with the figure's range, and the figure's `At` function.
At = Callable[[float], Accounts]
Moved = Iterator[tuple[Mapping[Hashable, Any], At]]


@stage("demand.table", "offers: chargers_csv grid_csv")
def figure_swings(
    config: Config,
    plan: Plan,
    station_accounts: Accounts | None,
    sourced_figures: Table,
    area: people_to_energy.Area,
) -> Table:
    """The change in the new stations' total NPV (PKR) as each figure varies over its range.

    Columns: ``figure``, ``of`` and ``table`` as in `assumptions`; ``low_pkr``, ``high_pkr`` and
    ``swing_pkr`` as in `siting.economics.swings`. The largest swing comes first. When a demand
    figure varies, sales vary too, up to the stations' capacity. Figures that do not enter the
    accounts, such as waits, drive times and the location of demand, are left out.
    """
    named, changes = ["figure", "of", "table"], ["low_pkr", "high_pkr", "swing_pkr"]
    if station_accounts is None:
        return pd.DataFrame(columns=[*named, *changes])
    # The NPV is computed at the plan's sales. The hurdle tests lower sales, so the hurdle is left
    # out.
    no_hurdle = replace(station_accounts.subsidy, hurdle=sites.Hurdle())
    station_accounts = replace(station_accounts, subsidy=no_hurdle)
    moved = list(_moved_money(station_accounts, sourced_figures))
    moved += _moved_costs(config, station_accounts, sourced_figures)
    if config.demand.table is None:
        moved += _moved_demand(plan, station_accounts, sourced_figures, area)
    ends = {
        tuple(str(row[column]) for column in named): (at, float(row["low"]), float(row["high"]))
        for row, at in moved
    }
    table = economics.swings(station_accounts, ends)
    table[named] = table["name"].to_list() or None
    table = table.loc[table["swing_pkr"] > RUPEE, [*named, *changes]]
    order = ["swing_pkr", "figure", "of"]
    return table.sort_values(order, ascending=[False, True, True], ignore_index=True)


def _rows(figures: pd.DataFrame, figure: str) -> list[dict[Hashable, Any]]:
    """Return the rows of a figure whose low and high values differ, as records."""
    rows = figures[(figures["figure"] == figure) & (figures["low"] < figures["high"])]
    return rows.to_dict("records")


def _moved_money(accounts: Accounts, figures: pd.DataFrame) -> Moved:
    """Yield the row and the `At` function of each figure of the business case."""
    prices = (PRICE + group for group in accounts.rules.prices_pkr_kwh)
    known = {*economics.ITEMS.values(), *prices}
    for row in _rows(figures, "business case"):
        if row["of"] in known:
            yield row, partial(accounts.at, str(row["of"]))


def _moved_costs(config: Config, accounts: Accounts, figures: pd.DataFrame) -> Moved:
    """Yield the row and the `At` function of each figure that affects the cost of stations."""
    offers = accounts.offers

    def dearer(
        row: Mapping[Any, Any], column: str, per_pkr: pd.Series[float], om_share: bool = False
    ) -> At:
        """Return the `At` function of a figure that raises `column` by `per_pkr` for each unit.

        If `om_share` is true, upkeep rises by its present share of the cost of chargers.
        """

        def at(value: float) -> Accounts:
            added = (value - float(row["value"])) * per_pkr
            moved = sites.with_dearer(offers, column, added)
            if om_share:
                kept = offers["charger_cost_pkr"] - offers["battery_cost_pkr"]
                rate = (offers["om_pkr_year"] / kept.where(kept > 0)).fillna(0.0)
                moved["om_pkr_year"] = offers["om_pkr_year"] + rate * added
            return replace(accounts, offers=moved)

        return at

    def with_om(now: float, value: float) -> Accounts:
        om = offers["om_pkr_year"] * value / now
        return replace(accounts, offers=offers.assign(om_pkr_year=om))

    types = sites.charger_catalogue(config.offers.chargers_csv)
    types = types.set_index(types["charger_id"].astype(str))
    counts = [readable_counts(str(text))[0] for text in offers["chargers"]]
    built = pd.DataFrame(counts, index=offers.index, columns=types.index).fillna(0.0)
    standing = types[(built > 0).any().to_numpy()]  # the charger types that new stations have
    for row in _rows(figures, "capex_pkr"):
        yield row, dearer(row, "charger_cost_pkr", built[str(row["of"])], om_share=True)
    grid = reference.table("grid", config.offers.grid_csv).set_index("item")
    for row in _rows(figures, "grid works"):
        item, value = str(row["of"]), float(row["value"])
        kind = str(grid["kind"].get(item, ""))
        if kind == "connection":
            yield row, dearer(row, "grid_cost_pkr", (offers["grid_item"] == item).astype(float))
        elif kind == "line" and value > 0:
            yield row, dearer(row, "grid_cost_pkr", offers["line_cost_pkr"].fillna(0.0) / value)
        elif kind == "connection_kw" and value > 0:
            tiers = grid[(grid["kind"] == "connection") & (grid["max_kw"] == grid["max_kw"][item])]
            base = offers["grid_item"].map(tiers["value"].astype(float)).astype(float)
            by_kw = (offers["connection_cost_pkr"] - base).clip(lower=0.0).fillna(0.0)
            yield row, dearer(row, "grid_cost_pkr", by_kw / value)
    for row in _rows(figures, "site costs"):
        value, bays = float(row["value"]), offers["bays_needed"].fillna(0.0).astype(float)
        if row["of"] == "civil_bay":
            yield row, dearer(row, "civil_cost_pkr", bays * (offers["civil_cost_pkr"] > 0))
        elif row["of"] == "land_bay_month" and accounts.land_bay_month_pkr is not None:
            yield row, partial(accounts.at, "land_bay_month")
        elif row["of"] == "om_share" and value > 0:
            yield row, partial(with_om, value)
        elif row["of"] in _RECKONED and value > 0:
            column = _RECKONED[str(row["of"])]
            yield row, dearer(row, column, offers[column] / value)
    for row in _rows(figures, "fee"):
        level = str(row["of"]).removeprefix("annual ")
        yield row, dearer(row, "annual_fee_pkr", (offers["neeca_level"] == level).astype(float))
    for row in _rows(figures, "bays"):
        if str(row["of"]).split()[0] in set(standing["charger_group"]):
            yield row, partial(_with_bays, accounts, built, types, str(row["of"]))
    for row in _rows(figures, "life_years"):
        if row["of"] in standing.index:
            yield row, partial(_with_life, accounts, built, types, str(row["of"]))


def _with_bays(
    accounts: Accounts, built: pd.DataFrame, types: pd.DataFrame, of: str, value: float
) -> Accounts:
    """Return the accounts if a charger group needs `value` bays per port or cabinet."""
    offers, rules, per = accounts.offers, sites.bay_figures(), built.to_numpy(dtype=float)
    here = rules["charger_group"] == of.split()[0]
    others = rules.assign(bays=rules["bays"].astype(float).mask(here, value))
    more = bays_needed(per, types, others) - bays_needed(per, types, rules)
    share = (pd.Series(more, index=offers.index) / offers["bays_needed"]).fillna(0.0)
    moved = sites.with_dearer(offers, "civil_cost_pkr", share * offers["civil_cost_pkr"])
    land = ("land_cost_pkr", "land_pkr_year")
    moved = moved.assign(**{column: offers[column] * (1.0 + share) for column in land})
    moved["cost_pkr"] += share * offers["land_cost_pkr"]
    return replace(accounts, offers=moved)


def _with_life(
    accounts: Accounts, built: pd.DataFrame, types: pd.DataFrame, charger: str, value: float
) -> Accounts:
    """Return the accounts if the charger type `charger` lasts `value` years."""
    lives = np.where(types.index == charger, value, types["life_years"].to_numpy(dtype=float))
    shortest = np.where(built.to_numpy() > 0, lives, np.inf).min(axis=1)
    known = np.where(np.isfinite(shortest), shortest, accounts.offers["charger_life_years"])
    return replace(accounts, offers=accounts.offers.assign(charger_life_years=known))


def _moved_demand(
    plan: Plan, accounts: Accounts, figures: pd.DataFrame, area: people_to_energy.Area
) -> Moved:
    """Yield the row and the `At` function of each figure behind demand.

    The range in the row, and the value given to the function, are total demands (kWh/day).
    """
    offers = accounts.offers
    served = plan.service.pivot_table("served_kwh_day", "site_id", "vehicle_class", "sum")
    served = served.reindex(offers["site_id"]).fillna(0.0)
    wanted = plan.classes.set_index("vehicle_class")["demand_kwh_day"].astype(float)
    able = offers[capacity_columns(offers)].sum(axis=1).to_numpy(dtype=float)
    stands = offers["standing_kwh_day"].to_numpy(dtype=float)
    central = float(wanted.sum())

    def with_energy(classes: list[str], total_kwh: float) -> Accounts:
        theirs = float(wanted.reindex(classes).fillna(0.0).sum())
        here = served[[c for c in classes if c in served]].sum(axis=1).to_numpy()
        factor = max(1.0 + (total_kwh - central) / theirs, 0.0) if theirs > 0 else 1.0
        sells = served.sum(axis=1).to_numpy() + (factor - 1.0) * here
        return accounts.selling(np.maximum(np.minimum(sells, able) - stands, 0.0))

    for row in people_to_energy.sensitivity(area).to_dict("records"):
        classes = [c for c in str(row["vehicle_class"]).split(", ") if c] or list(wanted.index)
        mine = figures[(figures["figure"] == row["figure"]) & figures["of"].isin([*classes, ""])]
        mine = mine.assign(low=row["low_kwh_day"], high=row["high_kwh_day"])
        for one in mine.to_dict("records"):
            yield one, partial(with_energy, classes)
