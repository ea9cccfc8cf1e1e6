"""Break-even values of single figures, at which the plan's stations need no public money.

The net present value (NPV) of a station that sells q is ``worth q - need`` (`gap_terms`). The NPV
is linear in each figure, such as the tariff or the cost of chargers. The NPV at two values of a
figure therefore determines the value at which the NPV is 0. No program is solved again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from siting.economics.case import gap_arrays
from siting.economics.cash_flows import MONTHS, Floats, sold_shares
from siting.economics.rules import ITEMS, PRICE, BusinessRules
from siting.errors import InputError
from siting.sites import Subsidy, subsidy_pkr, with_dearer

SHARE = "share of what is planned"
SALES = "sales"
LEASE = "land_bay_month"
# Items of money.csv on which the net present value depends linearly, with their units.
_RULES = {
    "station_tariff": "PKR/kWh",
    "attendants": "attendants per station with fast chargers",
    "attendants_other": "attendants per station without fast chargers",
    "fixed_charge": "PKR per kW per month",
}
# For each item, the field of `BusinessRules` with the item's value.
_FIELDS = {item: name for name, item in ITEMS.items()}
# Components of an offer's cost, each varied as a share of its planned value.
_COSTS = ("charger_cost_pkr", "grid_cost_pkr", "civil_cost_pkr")
# Smallest relative change of the net present value that counts as an effect.
_NONE = 1e-6
# A break-even value beyond this multiple of the figure's value is left blank.
FAR = 5.0
ENDS = ("half_no_money_at", "no_money_at", "first_lost_at", "all_lost_at")


@dataclass(frozen=True)
class Accounts:
    """The new stations of a plan, their sales, and the rules of their business case."""

    # As `siting.sites.make_offers` returns them, with the payment in ``subsidy_pkr``.
    offers: pd.DataFrame
    sold_kwh_day: Floats  # sales of each offer above its ``standing_kwh_day``
    rules: BusinessRules
    subsidy: Subsidy  # the caps on public money
    by_group: pd.DataFrame | None = None  # sales by charger group, as in `business_case`
    land_bay_month_pkr: float | None = None  # monthly lease of a bay (None if land is not leased)

    @property
    def npv_pkr(self) -> Floats:
        """Net present value (PKR) of each station without subsidy, at the subsidy rule's hurdle."""
        need, worth = self._terms
        return worth * self.sold_kwh_day - need

    @property
    def carried_pkr(self) -> Floats:
        """Net present value of each station with its maximum subsidy (PKR)."""
        return self.npv_pkr + subsidy_pkr(self.offers, self.subsidy).to_numpy()

    @cached_property
    def _terms(self) -> tuple[Floats, Floats]:
        return gap_arrays(self.offers, self.rules, self.subsidy, self.by_group)

    def selling(self, sold_kwh_day: Floats) -> Accounts:
        """Return the same stations with different sales; need and worth do not change."""
        other = replace(self, sold_kwh_day=sold_kwh_day)
        other.__dict__["_terms"] = self._terms
        return other

    def at(self, figure: str, value: float) -> Accounts:
        """Return the same stations at another value of a lever or of an item of money.csv."""
        offers, rules = self.offers, self.rules
        if figure == SALES:
            return self.selling(self.sold_kwh_day * value)
        if figure == LEASE:
            assert self.land_bay_month_pkr is not None
            more = (value - self.land_bay_month_pkr) * MONTHS * offers["bays_needed"].fillna(0.0)
            return replace(self, offers=offers.assign(land_pkr_year=offers["land_pkr_year"] + more))
        if figure in _COSTS:
            dearer = with_dearer(offers, figure, (value - 1.0) * offers[figure].astype(float))
            if figure == "charger_cost_pkr":
                also = ("battery_cost_pkr", "om_pkr_year")
                dearer = dearer.assign(**{c: offers[c] * value for c in also})
            return replace(self, offers=dearer)
        if figure.startswith(PRICE):
            prices = dict(rules.prices_pkr_kwh) | {figure.removeprefix(PRICE): value}
            return replace(self, rules=replace(rules, prices_pkr_kwh=prices))
        changed: dict[str, Any] = {_FIELDS[figure]: round(value) if figure == "horizon" else value}
        return replace(self, rules=replace(rules, **changed))

    def levers(self) -> dict[str, tuple[float, str]]:
        """Return the figures that can vary, each with its value and unit."""
        rules = self.rules
        shares = sold_shares(self.offers, self.by_group)
        levers = {
            PRICE + group: (float(rules.prices_pkr_kwh[group]), "PKR/kWh")
            for group in map(str, shares.columns)
            if (shares[group] > 0).any()
        }
        for item, unit in _RULES.items():
            levers[item] = (float(getattr(rules, _FIELDS[item])), unit)
        if self.land_bay_month_pkr is not None and "bays_needed" in self.offers:
            levers[LEASE] = (self.land_bay_month_pkr, "PKR per bay per month")
        levers[SALES] = (1.0, SHARE)
        return levers | dict.fromkeys(_COSTS, (1.0, SHARE))


def break_evens(accounts: Accounts) -> pd.DataFrame:
    """Return the values of each figure at which stations need no public money or are lost.

    Only one figure varies at a time. A charger group's price is varied only at the stations that
    sell more at that group than at any other. A station is lost if its shortfall exceeds its cap on
    public money.

    `accounts` contains the stations that receive public money or, if none receives any, all
    stations.

    Columns: ``figure`` (an item of money.csv or works.csv, ``sales``, or a cost component),
    ``value``, ``unit``, ``stations`` (number of affected stations), ``rising`` (whether a larger
    value helps), and four break-even values. At ``half_no_money_at``, half of the stations need no
    public money; at ``no_money_at``, no station needs any. Beyond ``first_lost_at``, the first
    station is lost; beyond ``all_lost_at``, all are lost. Break-even values below 0 or above `FAR`
    times ``value`` are blank. Figures without an effect on the NPV are left out. The figure closest
    to its break-even value comes first.
    """
    shares = sold_shares(accounts.offers, accounts.by_group)
    main = shares.idxmax(axis=1).to_numpy() if len(shares) else np.array([])
    rows = []
    for figure, (value, unit) in accounts.levers().items():
        group = figure.removeprefix(PRICE)
        mine = main == group if figure.startswith(PRICE) else np.ones(len(main), dtype=bool)
        # The tariff is varied downwards, because the business rules reject a tariff above a price.
        step = (-0.1 if figure == "station_tariff" else 0.1) * value or 0.01
        other = accounts.at(figure, value + step)
        free = _crossings(accounts.npv_pkr, other.npv_pkr, value, step)[:, mine]
        carried = _crossings(accounts.carried_pkr, other.carried_pkr, value, step)[:, mine]
        moves = np.isfinite(free[1])
        if not moves.any():
            continue
        rising = bool(np.sum(np.sign(free[0][moves])) > 0)
        last, first = (np.max, np.min) if rising else (np.min, np.max)
        moved = np.isfinite(carried[1])
        rows.append(
            {
                "figure": figure,
                "value": value,
                "unit": unit,
                "stations": int(moves.sum()),
                "rising": rising,
                "half_no_money_at": float(np.median(free[1])) if moves.all() else math.nan,
                "no_money_at": float(last(free[1])) if moves.all() else math.nan,
                "first_lost_at": float(last(carried[1][moved])) if moved.any() else math.nan,
                "all_lost_at": float(first(carried[1])) if moved.all() else math.nan,
            }
        )
    ends = list(ENDS)
    table = pd.DataFrame(rows, columns=["figure", "value", "unit", "stations", "rising", *ends])
    base = table["value"].where(table["value"] > 0)
    most = (FAR * base).fillna(np.inf)
    table[ends] = table[ends].where((table[ends] >= 0) & table[ends].le(most, axis=0))
    # Distance of a figure's value to the nearest break-even value, as a share; 1 if the value is 0.
    decides = [end for end in ends if end != "first_lost_at"]
    near = table[decides].sub(table["value"], axis=0).abs().div(base, axis=0).min(axis=1)
    table = table.assign(near=near.where(base.notna(), 1.0))[table[decides].notna().any(axis=1)]
    return table.sort_values(["near", "figure"], ignore_index=True).drop(columns="near")


def swings(
    accounts: Accounts, ends: Mapping[Any, tuple[Callable[[float], Accounts], float, float]]
) -> pd.DataFrame:
    """Return the change in the stations' total NPV (PKR) at both limits of each figure's range.

    `ends` maps each figure to a function that returns the accounts at a value of the figure, and to
    the lower and upper limits of its range. The columns are ``name``, ``low_pkr`` and ``high_pkr``
    (changes in the total net present value without subsidy), and ``swing_pkr`` (the range that 0
    and both changes span). A figure is left out if the business rules reject a limit of its range.
    """
    now = float(accounts.npv_pkr.sum())
    rows = []
    for name, (at, low, high) in ends.items():
        # The business rules may reject a limit of the range, such as a tariff above a price. The
        # change is then unknown.
        try:
            moved = [float(at(end).npv_pkr.sum()) - now for end in (low, high)]
        except InputError:
            continue
        swing = max(*moved, 0.0) - min(*moved, 0.0)
        rows.append({"name": name, "low_pkr": moved[0], "high_pkr": moved[1], "swing_pkr": swing})
    return pd.DataFrame(rows, columns=["name", "low_pkr", "high_pkr", "swing_pkr"])


def _crossings(now: Floats, then: Floats, value: float, step: float) -> Floats:
    """Return each station's change in NPV per unit of a figure, and its break-even value.

    If the change is 0, the break-even value is NaN.
    """
    slope = (then - now) / step
    level = np.abs(slope) * max(abs(value), 1.0) <= _NONE * np.maximum(np.abs(now), 1.0)
    safe = np.where(level, 1.0, slope)
    return np.array([np.where(level, 0.0, slope), np.where(level, np.nan, value - now / safe)])
