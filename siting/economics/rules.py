"""Prices and rates of the business case, from the packaged table or a user's own."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.errors import Fault, InputError
from siting.reference import table

# Fields of `BusinessRules` and the item of money.csv each is filled from.
ITEMS = {
    "price_pkr_kwh": "driver_price",
    "tariff_pkr_kwh": "station_tariff",
    "discount_rate": "discount_rate",
    "years": "horizon",
    "payment_share": "payment_share",
    "attendant_month_pkr": "attendant_month",
    "attendants": "attendants",
    "efficiency_dc": "efficiency_dc",
    "efficiency_other": "efficiency_other",
    "first_year_share": "first_year_share",
    "full_after_years": "full_after",
}


@dataclass(frozen=True)
class BusinessRules:
    """Prices and rates of the business case.

    Take one from `business_rules`, which fills in the packaged figures.

    Parameters
    ----------
    price_pkr_kwh
        What drivers pay, PKR/kWh; above the station's tariff.
    tariff_pkr_kwh
        What the station pays for its power, PKR/kWh.
    discount_rate
        A year, 0 to 1.
    years
        Horizon, a whole number of at least 1.
    payment_share
        Share of revenue for payment and telecom, 0 to 1.
    attendant_month_pkr, attendants
        Pay of one in PKR a month, and how many a new station with DC has.
    efficiency_dc, efficiency_other
        Energy sold over energy bought: DC chargers and swap cabinets, and the others; above 0 and
        at most 1.
    first_year_share, full_after_years
        Sales of the first year over those of the target year, 0 to 1, and the year of operation
        (1: the first) from which they are full; between, they grow evenly.

    Raises
    ------
    InputError
        With every figure that cannot be right.
    """

    price_pkr_kwh: float
    tariff_pkr_kwh: float
    discount_rate: float
    years: int
    payment_share: float
    attendant_month_pkr: float
    attendants: float
    efficiency_dc: float
    efficiency_other: float
    first_year_share: float
    full_after_years: int

    def __post_init__(self) -> None:
        """Refuse figures that cannot be right, all at once."""
        least = "a number of at least 0"
        efficient = "a share above 0 and at most 1"
        wrong = [
            (name, f"{getattr(self, name)} is not {what}")
            for name, good, what in (
                ("price_pkr_kwh", 0 <= self.price_pkr_kwh < np.inf, least),
                ("tariff_pkr_kwh", 0 <= self.tariff_pkr_kwh < np.inf, least),
                ("discount_rate", 0 <= self.discount_rate <= 1, "a share of 0 to 1"),
                ("years", self.years >= 1 and float(self.years).is_integer(),
                 "a whole number of at least 1"),
                ("payment_share", 0 <= self.payment_share <= 1, "a share of 0 to 1"),
                ("attendant_month_pkr", 0 <= self.attendant_month_pkr < np.inf, least),
                ("attendants", 0 <= self.attendants < np.inf, least),
                ("efficiency_dc", 0 < self.efficiency_dc <= 1, efficient),
                ("efficiency_other", 0 < self.efficiency_other <= 1, efficient),
                ("first_year_share", 0 <= self.first_year_share <= 1, "a share of 0 to 1"),
                ("full_after_years",
                 self.full_after_years >= 1 and float(self.full_after_years).is_integer(),
                 "a whole number of at least 1"),
            )
            if not good
        ]  # fmt: skip
        faults = [Fault(f"business rules, {name}", what) for name, what in wrong]
        if not faults and self.price_pkr_kwh <= self.tariff_pkr_kwh:
            what = (
                f"{self.price_pkr_kwh:g} PKR/kWh is not above tariff_pkr_kwh, "
                f"{self.tariff_pkr_kwh:g}"
            )
            fix = "the tariff is what the station pays, the price what its drivers pay"
            faults.append(Fault("business rules, price_pkr_kwh", what, fix))
        if faults:
            raise InputError(faults)


def ramp(rules: BusinessRules) -> npt.NDArray[np.float64]:
    """Return the share of the target year's sales in each year of the horizon, 0 to 1.

    Examples
    --------
    >>> ramp(business_rules(years=5, first_year_share=0.4)).round(3).tolist()
    [0.4, 0.6, 0.8, 1.0, 1.0]
    """
    year = np.arange(rules.years)
    steps = rules.full_after_years - 1
    grown = np.minimum(year / steps, 1.0) if steps else np.ones(rules.years)
    share: npt.NDArray[np.float64] = rules.first_year_share + (1 - rules.first_year_share) * grown
    return share


def money_figures(path: Path | None = None) -> pd.DataFrame:
    """Return prices, rates and subsidy figures: value, range, unit, source and confidence mark.

    Parameters
    ----------
    path
        A user's own table in place of ``siting/reference/money.csv``, with the same columns.

    Returns
    -------
    DataFrame
        ``item``, ``value``, ``low``, ``high``, ``unit``, ``source``, ``confidence``.

    Raises
    ------
    InputError
        With every item that is missing or given twice, and every range out of order.

    Examples
    --------
    >>> money = money_figures().set_index("item")["value"]
    >>> money["driver_price"].item(), money["station_tariff"].item()
    (120.0, 39.7)
    """
    rows = table("money", path)
    where = str(path) if path else "money table"
    items = rows["item"].astype(str)
    faults = [
        Fault(f"{where}, column item", f"has {found or 'no'} {item}", "give it once")
        for item in ITEMS.values()
        if (found := int((items == item).sum())) != 1
    ]
    ends = rows[["low", "value", "high"]].to_numpy(dtype=float)
    bad = ~((ends[:, 0] <= ends[:, 1]) & (ends[:, 1] <= ends[:, 2]))
    if bad.any():
        faults.append(Fault(where, "low, value and high are out of order", "", tuple(items[bad])))
    if faults:
        raise InputError(faults)
    return rows


def business_rules(path: Path | None = None, **overrides: Any) -> BusinessRules:
    """Return the packaged prices and rates (PKR/kWh, shares), with a user's overrides.

    Parameters
    ----------
    path
        As in `money_figures`.
    **overrides
        Fields of `BusinessRules`.

    Raises
    ------
    InputError
        With every item missing, unknown field and figure that cannot be right.

    Examples
    --------
    >>> business_rules().price_pkr_kwh
    120.0
    >>> business_rules(price_pkr_kwh=39.70)
    Traceback (most recent call last):
    siting.errors.InputError: business rules, price_pkr_kwh: 39.7 PKR/kWh is not above \
tariff_pkr_kwh, 39.7; the tariff is what the station pays, the price what its drivers pay
    """
    values = money_figures(path).set_index("item")["value"]
    known = [field.name for field in fields(BusinessRules)]
    unknown = [Fault(f"business rules, {name}", "no such figure", "use " + ", ".join(known))
               for name in overrides if name not in known]  # fmt: skip
    if unknown:
        raise InputError(unknown)
    figures: dict[str, Any] = {name: float(values[item]) for name, item in ITEMS.items()}
    figures |= overrides
    for name in ("years", "full_after_years"):
        if float(figures[name]).is_integer():
            figures[name] = int(figures[name])
    return BusinessRules(**figures)
