"""Yearly earnings and costs of an offer (PKR), as formulated in `siting.economics`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.economics.rules import BusinessRules
from siting.errors import Fault, InputError, refuse
from siting.files import missing_columns, rows_fault
from siting.tables import capacity_groups, load_kw

Floats = npt.NDArray[np.float64]

MONTHS = 12.0
# Prefixes of the groups whose chargers convert AC to DC.
RECTIFIED = ("dc", "lev_dc", "swap")

NEEDED = ("cost_pkr", "subsidy_pkr", "charger_cost_pkr", "battery_cost_pkr", "om_pkr_year",
          "land_pkr_year", "annual_fee_pkr", "charger_life_years",
          "battery_life_years")  # fmt: skip


def margin_pkr_kwh(rules: BusinessRules, group: str) -> float:
    """Return the margin on a kWh: the price less tax, electricity and payment fees (PKR/kWh).

    `group` is the charger group that sells the kWh. Raises `InputError` if it has no price.

    >>> from siting.economics import business_rules
    >>> round(margin_pkr_kwh(business_rules(), "dc"), 4)  # 112.5 (1 / 1.05 - 0.015) - 39.70 / 0.94
    63.2213
    """
    if group not in rules.prices_pkr_kwh:
        where = f"business rules, prices_pkr_kwh, {group}"
        raise InputError(where, "no price for this charger group", "add it in PKR/kWh")
    price = rules.prices_pkr_kwh[group]
    kept = price / (1.0 + rules.sales_tax) - price * rules.payment_share
    return float(kept - rules.tariff_pkr_kwh / efficiency(rules, group))


def efficiency(rules: BusinessRules, group: str) -> float:
    """Return the energy sold divided by the energy bought at a charger group."""
    return rules.efficiency_dc if group.startswith(RECTIFIED) else rules.efficiency_other


def present_value_factor(rate: float, years: int) -> float:
    """Return the present value of 1 PKR paid at each year's end, at a yearly discount rate.

    >>> round(present_value_factor(0.15, 10), 4), present_value_factor(0.0, 10)
    (5.0188, 10.0)
    """
    # expm1 and log1p stay accurate at small rates.
    return float(-np.expm1(-years * np.log1p(rate)) / rate if rate > 0 else years)


def fixed_costs(offers: pd.DataFrame, rules: BusinessRules) -> pd.DataFrame:
    """Return the yearly costs that do not depend on sales (PKR/year)."""
    none = np.zeros(len(offers))

    def column(name: str) -> Floats:
        return offers[name].to_numpy(dtype=float) if name in offers else none

    fast = column("capacity_dc_kwh_day") > 0
    people = np.where(fast, rules.attendants, rules.attendants_other)
    people = people * (1.0 - column("extends"))  # an extended station already has attendants
    drawn = load_kw(offers).to_numpy(dtype=float) if "power_kw" in offers else none
    added_kw = drawn - column("standing_kw")
    return pd.DataFrame(
        {
            "om_pkr_year": column("om_pkr_year"),
            "fixed_charge_pkr_year": rules.fixed_pkr_kw_month * MONTHS * added_kw,
            "staff_pkr_year": people * rules.attendant_month_pkr * MONTHS,
            "land_pkr_year": column("land_pkr_year"),
            "annual_fee_pkr": column("annual_fee_pkr"),
            "insurance_pkr_year": column("insurance_pkr_year"),
        },
        index=offers.index,
    )


def sold_shares(offers: pd.DataFrame, by_group: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the share of sales at each charger group: one row per offer, one column per group.

    `by_group` lists sales in any unit, with a row per ``site_id`` and a column per charger group.
    Without `by_group`, or for an offer without sales, shares are proportional to capacity.
    """
    groups = capacity_groups(map(str, offers.columns))
    able = np.array([offers[f"capacity_{group}_kwh_day"].to_numpy(float) for group in groups])
    able = able.reshape(len(groups), len(offers))
    if by_group is not None:
        at = by_group.index.get_indexer(pd.Index(offers["site_id"].astype(str)))
        rows = by_group.reindex(columns=groups).to_numpy(dtype=float)
        sold = np.where(at >= 0, np.nan_to_num(rows)[at].T, 0.0) if len(rows) else 0.0 * able
        able = np.where(sold.sum(axis=0) > 0, sold, able)
    whole = np.nansum(able, axis=0)
    return pd.DataFrame((able / np.where(whole > 0, whole, 1.0)).T, columns=groups)


def replacements(offers: pd.DataFrame, years: int) -> Floats:
    """Return the spending on new chargers and batteries at the end of each year (PKR)."""
    battery = offers["battery_cost_pkr"].to_numpy(dtype=float)
    spent = np.zeros((len(offers), years))
    for cost, column in (
        (offers["charger_cost_pkr"].to_numpy(dtype=float) - battery, "charger_life_years"),
        (battery, "battery_life_years"),
    ):
        life = offers[column].to_numpy(dtype=float, na_value=np.nan)
        for i in np.flatnonzero((cost > 0) & np.isfinite(life)):
            for k in range(1, int(np.ceil(years / life[i]))):
                spent[i, max(int(np.floor(k * life[i])), 1) - 1] += cost[i]
    return spent


def discount_factors(rules: BusinessRules) -> Floats:
    """Return the present value of 1 PKR paid at the end of each year of the horizon."""
    return (1.0 + rules.discount_rate) ** -np.arange(1.0, rules.years + 1)


def require_columns(offers: pd.DataFrame) -> None:
    """Check the columns that a business case needs, and raise one error that lists all faults."""
    refuse(missing_columns(offers, ("offer_id", "site_id", "existing", *NEEDED), "offers"))
    faults: list[Fault] = []
    ids = offers["offer_id"].astype(str)
    for column in NEEDED:
        values = offers[column].to_numpy(dtype=float, na_value=np.nan)
        life = column.endswith("_life_years")
        bad = (np.isnan(values) & (not life)) | (values < 0) | (life & (values == 0))
        what = "must be above 0" if life else "must be at least 0"
        faults += rows_fault(f"offers, column {column}", bad, ids, what)
    refuse(faults)


def payback_years(outlay_pkr: float, flows_pkr: Floats) -> float:
    """Return the number of years after which the cumulative flow stays at or above 0.

    `outlay_pkr` is the outlay at the start, at least 0. `flows_pkr` lists the cash flow of each
    year, which is spread evenly over the year. The result is NaN if the flows never pay the outlay
    back.

    >>> payback_years(1000.0, np.full(10, 400.0)), payback_years(1000.0, np.full(2, 400.0))
    (2.5, nan)
    """
    total = np.concatenate([[-outlay_pkr], np.cumsum(flows_pkr) - outlay_pkr])
    # The tolerance is a billionth of the outlay.
    below = np.flatnonzero(total < -1e-9 * max(outlay_pkr, 1.0))
    if not len(below):
        return 0.0
    last = int(below[-1])
    if last == len(total) - 1:
        return float("nan")
    return float(last + total[last] / (total[last] - total[last + 1]))
