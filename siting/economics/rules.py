"""Prices and rates of the business case, from the packaged table or set by the user."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.errors import Fault, naming, refuse, refuse_unknown, wrong_figures
from siting.reference import at_preset, table
from siting.sites import Hurdle
from siting.tables import capacity_groups

# Year of the rupees in which all prices and costs are stated. Stations open in the following year
# or later.
PRICES_OF = 2026
# For each field of `BusinessRules`, the item of money.csv with the field's value.
ITEMS = {
    "tariff_pkr_kwh": "station_tariff",
    "discount_rate": "discount_rate",
    "years": "horizon",
    "payment_share": "payment_share",
    "attendant_month_pkr": "attendant_month",
    "attendants": "attendants",
    "attendants_other": "attendants_other",
    "fixed_pkr_kw_month": "fixed_charge",
    "sales_tax": "sales_tax",
    "income_tax": "income_tax",
    "efficiency_dc": "efficiency_dc",
    "efficiency_other": "efficiency_other",
}
# Prefix of the items of money.csv that state what drivers pay at a charger group.
PRICE = "price_"


@dataclass(frozen=True)
class BusinessRules:
    """Prices and rates of the business case; `business_rules` fills in the packaged figures."""

    # Price that drivers pay at each charger group, PKR/kWh with sales tax. The price before tax
    # must be above the tariff.
    prices_pkr_kwh: Mapping[str, float]
    tariff_pkr_kwh: float  # what the station pays for power, PKR/kWh
    discount_rate: float  # real yearly discount rate, 0 to 1; prices are constant
    years: int  # horizon, a whole number of at least 1
    payment_share: float  # share of revenue for payment and telecom, 0 to 1
    attendant_month_pkr: float  # an attendant's pay, PKR a month
    attendants: float  # number of attendants at a new station with DC chargers
    # Energy sold divided by energy bought, above 0 and at most 1.
    efficiency_dc: float  # of DC chargers and swap cabinets
    efficiency_other: float  # of all other chargers
    # Sales in each year of operation, as shares of the target year's sales. Later years have the
    # last share.
    sales_path: tuple[float, ...] = (1.0,)
    sales_share: float = 1.0  # assumed share of planned sales, above 0 and at most 1 (`at_hurdle`)
    attendants_other: float = 0.0  # number of attendants at a new station without DC chargers
    fixed_pkr_kw_month: float = 0.0  # fixed and demand charges, PKR per month per kW of added load
    sales_tax: float = 0.0  # sales tax as a share of the price before tax
    income_tax: float = 0.0  # income tax as a share of the profit, 0 to below 1

    def __post_init__(self) -> None:
        """Raise one `InputError` that lists every invalid figure."""
        least = "a number of at least 0"
        efficient = "a share above 0 and at most 1"
        faults = wrong_figures("business rules", self, [
            ("tariff_pkr_kwh", 0 <= self.tariff_pkr_kwh < np.inf, least),
            ("discount_rate", 0 <= self.discount_rate <= 1, "a share of 0 to 1"),
            ("years", self.years >= 1 and float(self.years).is_integer(),
             "a whole number of at least 1"),
            ("payment_share", 0 <= self.payment_share <= 1, "a share of 0 to 1"),
            ("attendant_month_pkr", 0 <= self.attendant_month_pkr < np.inf, least),
            ("attendants", 0 <= self.attendants < np.inf, least),
            ("efficiency_dc", 0 < self.efficiency_dc <= 1, efficient),
            ("efficiency_other", 0 < self.efficiency_other <= 1, efficient),
            ("attendants_other", 0 <= self.attendants_other < np.inf, least),
            ("fixed_pkr_kw_month", 0 <= self.fixed_pkr_kw_month < np.inf, least),
            ("sales_tax", 0 <= self.sales_tax <= 1, "a share of 0 to 1"),
            ("income_tax", 0 <= self.income_tax < 1, "a share of 0 to below 1"),
            ("sales_path",
             bool(self.sales_path) and all(0 <= share <= 1 for share in self.sales_path),
             "shares of 0 to 1, one per year"),
            ("sales_share", 0 < self.sales_share <= 1, efficient),
        ])  # fmt: skip
        for group, price in self.prices_pkr_kwh.items() if not faults else ():
            where = f"business rules, prices_pkr_kwh, {group}"
            if not 0 <= price < np.inf:
                faults.append(Fault(where, f"{price} is not {least}"))
            elif price / (1.0 + self.sales_tax) <= self.tariff_pkr_kwh:
                bare = price / (1.0 + self.sales_tax)
                taxed = f" ({bare:.5g} before {self.sales_tax:.0%} sales tax)"
                what = f"{price:g} PKR/kWh{taxed if self.sales_tax else ''} is not above "
                fix = "raise the price, or lower the tariff: drivers must pay more than the station"
                faults.append(Fault(where, f"{what}tariff_pkr_kwh, {self.tariff_pkr_kwh:g}", fix))
        refuse(faults)


def require_prices(
    rules: BusinessRules, offers: pd.DataFrame, known: Collection[str], stated: Collection[str] = ()
) -> None:
    """Check that each charger group in use has a price, and that each group with a price exists.

    Existing stations in `offers` are ignored. `known` lists all charger groups, and `stated` lists
    the groups whose price the user has set.
    """
    new = offers[~offers["existing"].astype(bool)]
    groups = capacity_groups(map(str, offers.columns))
    in_use = [group for group in groups if (new[f"capacity_{group}_kwh_day"] > 0).any()]
    missing = [group for group in in_use if group not in rules.prices_pkr_kwh]
    unknown = [group for group in stated if group not in set(known)]
    where, fix = "money.prices_pkr_kwh", "add what drivers pay per kWh, in PKR"
    faults = naming(where, "no price for charger groups in use", missing, fix)
    refuse(faults + naming(where, "no such charger groups", unknown, f"use {', '.join(known)}"))


def ramp(rules: BusinessRules) -> npt.NDArray[np.float64]:
    """Return the share of the target year's sales in each year of the horizon, 0 to 1.

    >>> ramp(business_rules(years=5, sales_path=(0.4, 0.7))).tolist()
    [0.4, 0.7, 0.7, 0.7, 0.7]
    """
    path = np.asarray(rules.sales_path, dtype=float)
    return rules.sales_share * path[np.minimum(np.arange(rules.years), len(path) - 1)]


def at_hurdle(rules: BusinessRules, hurdle: Hurdle) -> BusinessRules:
    """Return the rules with a hurdle's sales share and discount rate applied.

    >>> from siting.sites import Hurdle
    >>> held = at_hurdle(business_rules(), Hurdle(sales_share=0.7, real_return=0.12))
    >>> held.sales_share, held.discount_rate
    (0.7, 0.12)
    """
    rate = rules.discount_rate if hurdle.real_return is None else hurdle.real_return
    return replace(rules, sales_share=rules.sales_share * hurdle.sales_share, discount_rate=rate)


def opening_years(target_year: int, known_from: int = 0) -> range:
    """Return the years, up to the target year, over which station openings are spread evenly.

    Years before `known_from`, the first year with known demand, are left out.

    >>> opening_years(2030)
    range(2027, 2031)
    """
    figures = table("money").set_index("item")["value"].astype(float)
    first = max(target_year + 1 - int(figures["opening_spread"]), PRICES_OF + 1, known_from)
    return range(min(first, target_year), target_year + 1)


def sales_path(
    demand_kwh_day: Mapping[int, float], target_year: int, opening_years: Collection[int]
) -> tuple[float, ...]:
    """Return the sales of each year of operation relative to the target year, 0 to 1.

    Sales follow demand, but never exceed sales in the target year, for which capacity is built.
    With several opening years, the result is the mean over these years.

    `demand_kwh_day` maps each year, from the first opening year to the target year, to its demand.
    `opening_years` are the first years of operation; none may be after the target year.

    >>> demand = {2027: 20.0, 2028: 36.0, 2029: 60.0, 2030: 100.0}
    >>> sales_path(demand, 2030, [2028])
    (0.36, 0.6, 1.0)
    >>> sales_path(demand, 2030, [2029, 2030])
    (0.8, 1.0)
    """
    whole = demand_kwh_day[target_year]
    share = {y: min(kwh / whole, 1.0) if whole > 0 else 1.0 for y, kwh in demand_kwh_day.items()}
    return tuple(
        float(np.mean([share[min(first + k, target_year)] for first in opening_years]))
        for k in range(target_year - min(opening_years) + 1)
    )


def business_rules(*, preset: str = "central", **overrides: Any) -> BusinessRules:
    """Return the packaged prices and rates (PKR/kWh, shares), with the user's overrides applied.

    `preset` selects a value from the range of each figure (`siting.reference.PRESETS`). `overrides`
    are fields of `BusinessRules`. ``prices_pkr_kwh`` replaces all packaged prices. Raises one
    `InputError` that lists all unknown fields and all invalid figures.

    >>> business_rules().prices_pkr_kwh["dc"]
    112.5
    >>> business_rules(prices_pkr_kwh={"dc": 39.70})
    Traceback (most recent call last):
    siting.errors.InputError: business rules, prices_pkr_kwh, dc: 39.7 PKR/kWh (37.81 before 5% \
sales tax) is not above tariff_pkr_kwh, 39.7; raise the price, or lower the tariff: drivers must \
pay more than the station
    """
    values = at_preset(table("money"), preset).set_index("item")["value"]
    refuse_unknown("business rules", BusinessRules, overrides)
    figures: dict[str, Any] = {name: float(values[item]) for name, item in ITEMS.items()}
    prices = values[values.index.str.startswith(PRICE)].astype(float)
    figures["prices_pkr_kwh"] = prices.set_axis(prices.index.str.removeprefix(PRICE)).to_dict()
    figures |= overrides
    if float(figures["years"]).is_integer():
        figures["years"] = int(figures["years"])
    return BusinessRules(**figures)
