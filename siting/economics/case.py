"""The business case and the viability gap of each offer; see `siting.economics`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from siting.economics.cash_flows import (
    Floats,
    discount_factors,
    efficiency,
    fixed_costs,
    margin_pkr_kwh,
    payback_years,
    present_value_factor,
    replacements,
    require_columns,
    sold_shares,
)
from siting.economics.rules import BusinessRules, at_hurdle, ramp
from siting.errors import Fault, refuse, require_kind
from siting.files import rows_fault
from siting.sites import Hurdle, Subsidy, subsidy_pkr

DAYS = 365.0


def business_case(
    offers: pd.DataFrame,
    served_kwh_day: pd.Series | pd.DataFrame,
    rules: BusinessRules,
    subsidy: Subsidy | None = None,
    by_group: pd.DataFrame | None = None,
    hurdle: Hurdle | None = None,
) -> pd.DataFrame:
    """Return the business case of each station (PKR), with and without subsidy.

    Parameters
    ----------
    offers
        One offer per site, as `siting.sites.make_offers` returns them. Existing stations are left
        out: their running costs are unknown, and no decision depends on them.
    served_kwh_day
        Sales (kWh/day) by ``site_id``. A series states the sales of the target year, towards which
        sales grow (`ramp`). A table has one column per year. Sites without a row sell nothing.
    rules
        Prices and rates.
    subsidy
        The subsidy rule. By default, each station receives the ``subsidy_pkr`` of its offer.
    by_group
        Sales by site and charger group, as in `sold_shares`. By default, sales are proportional to
        capacity.
    hurdle
        The hurdle for the shortfall. The default is ``subsidy.held_to`` or, without `subsidy`, NPV
        0 at planned sales.

    Returns
    -------
    DataFrame
        One row per new station, in the order of `offers`. The first columns are ``site_id``,
        ``offer_id`` and ``margin_pkr_kwh``. Columns for the last year: ``sold_kwh_day`` (for an
        extended station, only sales above ``standing_kwh_day``), ``revenue_pkr_year`` (paid by
        drivers), ``sales_tax_pkr_year``, ``energy_pkr_year``, ``payment_pkr_year``,
        ``om_pkr_year``, ``fixed_charge_pkr_year``, ``staff_pkr_year``, ``land_pkr_year``,
        ``annual_fee_pkr``, ``insurance_pkr_year``, ``income_tax_pkr_year`` (below 0 for a loss),
        ``net_pkr_year`` (revenue less these amounts). Columns for the horizon: ``cost_pkr``,
        ``replacement_pv_pkr``, ``npv_pkr``, ``payback_years``, ``discounted_payback_years`` (both
        blank if later than the horizon), ``lacking_pkr`` (how far the NPV falls short of the
        hurdle), ``viability_gap_pkr`` (this shortfall, capped), ``subsidy_pkr``. Columns with
        subsidy: ``npv_subsidised_pkr``, ``payback_subsidised_years``,
        ``discounted_payback_subsidised_years``.

    Raises
    ------
    InputError
        If columns are missing, figures are invalid, sites repeat, or the number of years is wrong.

    Examples
    --------
    >>> from siting.economics import business_rules
    >>> offer = pd.DataFrame({"offer_id": ["s1:a"], "site_id": ["s1"], "existing": [False],
    ...     "cost_pkr": [5e6], "subsidy_pkr": [1e6], "charger_cost_pkr": [4e6],
    ...     "battery_cost_pkr": [0.0], "om_pkr_year": [2e5], "land_pkr_year": [0.0],
    ...     "annual_fee_pkr": [0.0], "charger_life_years": [10.0],
    ...     "battery_life_years": [float("nan")], "capacity_dc_kwh_day": [200.0]})
    >>> rules = business_rules(discount_rate=0.0, efficiency_dc=1.0, attendants=0.0,
    ...     income_tax=0.0, sales_tax=0.0, prices_pkr_kwh={"dc": 120.0})
    >>> case = business_case(offer, pd.Series({"s1": 50.0}), rules)
    >>> float(case["npv_pkr"].iloc[0])  # 10 (365 x 50 x 78.5 - 200,000) - 5 m
    7326250.0
    """
    require_columns(offers)
    new_offers = offers[~offers["existing"].astype(bool)]
    sold = _sold(new_offers, served_kwh_day, rules)
    shares = sold_shares(new_offers, by_group)
    fixed = fixed_costs(new_offers, rules)
    again = replacements(new_offers, rules.years)
    margin = _mean(shares, lambda group: margin_pkr_kwh(rules, group))
    cost = new_offers["cost_pkr"].to_numpy(dtype=float)

    def flows_of(share: float) -> tuple[Floats, Floats]:
        """Return yearly cash flows (PKR) before replacements and tax, and the flows after both."""
        yearly = DAYS * share * sold * margin[:, None] - fixed.sum(axis=1).to_numpy()[:, None]
        tax = rules.income_tax * (yearly - again - (cost / rules.years)[:, None])
        return yearly, yearly - again - tax

    yearly, flows = flows_of(1.0)
    discount = discount_factors(rules)
    npv = flows @ discount - cost
    hurdle = hurdle or (Hurdle() if subsidy is None else subsidy.held_to)
    held = at_hurdle(rules, hurdle)
    lacking = np.maximum(0.0, cost - flows_of(hurdle.sales_share)[1] @ discount_factors(held))
    most = subsidy_pkr(new_offers, subsidy or Subsidy(rule="gap"))
    gap = np.minimum(lacking, most.to_numpy(dtype=float))
    if subsidy is None:
        paid = new_offers["subsidy_pkr"].to_numpy(dtype=float)
    else:
        paid = gap if subsidy.fills_gap else most.to_numpy(dtype=float)
    kwh = DAYS * sold[:, -1]
    bought = _mean(shares, lambda group: 1.0 / efficiency(rules, group))
    revenue = kwh * _mean(shares, rules.prices_pkr_kwh.__getitem__)
    usual = yearly[:, -1]
    income_tax = rules.income_tax * (usual - cost / rules.years)
    left = np.maximum(cost - paid, 0.0)
    return pd.DataFrame(
        {
            "site_id": new_offers["site_id"].astype(str).to_numpy(),
            "offer_id": new_offers["offer_id"].astype(str).to_numpy(),
            "sold_kwh_day": sold[:, -1],
            "margin_pkr_kwh": margin,
            "revenue_pkr_year": revenue,
            "sales_tax_pkr_year": revenue * (1.0 - 1.0 / (1.0 + rules.sales_tax)),
            "energy_pkr_year": kwh * rules.tariff_pkr_kwh * bought,
            "payment_pkr_year": revenue * rules.payment_share,
            **{str(name): pkr.to_numpy() for name, pkr in fixed.items()},
            # Tax and net exclude replacements, which are in replacement_pv_pkr.
            "income_tax_pkr_year": income_tax,
            "net_pkr_year": usual - income_tax,
            "cost_pkr": cost,
            "replacement_pv_pkr": again @ discount,
            "npv_pkr": npv,
            "payback_years": _paybacks(cost, flows),
            "discounted_payback_years": _paybacks(cost, flows * discount),
            "lacking_pkr": lacking,
            "viability_gap_pkr": gap,
            "subsidy_pkr": paid,
            "npv_subsidised_pkr": npv + paid,
            "payback_subsidised_years": _paybacks(left, flows),
            "discounted_payback_subsidised_years": _paybacks(left, flows * discount),
        }
    )


def gap_terms(offers: pd.DataFrame, rules: BusinessRules, subsidy: Subsidy) -> pd.DataFrame:
    """Return the viability gap of each offer as a linear function of its sales (PKR).

    If the offer sells q kWh/day in the target year, its shortfall at the hurdle of `subsidy` is
    ``need_pkr - worth_pkr_kwh_day x q``, but at least 0. The payment is at most ``cap_pkr``.

    `offers` is the result of `siting.sites.make_offers`. `subsidy` is the rule with its caps
    (`siting.sites.subsidy_pkr`). The columns are ``offer_id``, ``need_pkr``, ``worth_pkr_kwh_day``
    and ``cap_pkr``. For an extended station, only sales above ``standing_kwh_day`` count.
    """
    require_columns(offers)
    need, worth = gap_arrays(offers, rules, subsidy)
    ids, cap = offers["offer_id"].astype(str).to_numpy(), subsidy_pkr(offers, subsidy).to_numpy()
    terms = {"offer_id": ids, "need_pkr": need, "worth_pkr_kwh_day": worth, "cap_pkr": cap}
    return pd.DataFrame(terms)


def gap_arrays(
    offers: pd.DataFrame,
    rules: BusinessRules,
    subsidy: Subsidy,
    by_group: pd.DataFrame | None = None,
) -> tuple[Floats, Floats]:
    """Return ``need_pkr`` and ``worth_pkr_kwh_day`` as `gap_terms` does, for checked offers."""
    rules = at_hurdle(rules, subsidy.held_to)
    factor = present_value_factor(rules.discount_rate, rules.years)
    fixed = fixed_costs(offers, rules).sum(axis=1).to_numpy()
    kept = 1.0 - rules.income_tax
    again = replacements(offers, rules.years) @ discount_factors(rules)
    cost = offers["cost_pkr"].to_numpy(dtype=float)
    # The cost is deducted from taxable profit in equal parts over the years.
    need = cost * (1.0 - rules.income_tax * factor / rules.years) + kept * (factor * fixed + again)
    return need, _mean(sold_shares(offers, by_group), lambda group: worth_pkr_kwh_day(rules, group))


def worth_pkr_kwh_day(rules: BusinessRules, group: str) -> float:
    """Return the present value of 1 kWh/day sold at a charger group in the target year (PKR).

    >>> from siting.economics import business_rules
    >>> flat = business_rules(discount_rate=0.0, income_tax=0.0)
    >>> round(worth_pkr_kwh_day(flat, "dc"))  # 10 years x 365 days x 63.2213
    230758
    """
    kept = DAYS * float(ramp(rules) @ discount_factors(rules)) * (1.0 - rules.income_tax)
    return kept * margin_pkr_kwh(rules, group)


def _mean(shares: pd.DataFrame, figure: Callable[[str], float]) -> Floats:
    """For each offer, return the mean of a figure over the charger groups, weighted by sales."""
    sold = [group for group in shares.columns if (shares[group] > 0).any()]
    return np.asarray(shares[sold].to_numpy() @ np.array([figure(group) for group in sold]))


def _paybacks(outlay: Floats, flows: Floats) -> list[float]:
    return [payback_years(float(spent), row) for spent, row in zip(outlay, flows, strict=True)]


def _sold(offers: pd.DataFrame, served: pd.Series | pd.DataFrame, rules: BusinessRules) -> Floats:
    """Return each offer's sales above its ``standing_kwh_day`` in each year (kWh/day)."""
    years = rules.years
    fix = "pass a Series of kWh/day by site_id, or a table with a column per year"
    require_kind("served_kwh_day", served, pd.Series | pd.DataFrame, fix)
    table = served.to_frame() if isinstance(served, pd.Series) else served
    ids = offers["site_id"].astype(str)
    twice = ids.duplicated(keep=False)
    sites = table.index.astype(str)
    faults = rows_fault("offers, column site_id", twice, ids, "several offers at a site")
    faults += rows_fault("served_kwh_day", sites.duplicated(), sites, "a site is given twice")
    values = table.to_numpy(dtype=float, na_value=np.nan)
    bad = ~(np.isfinite(values) & (values >= 0)).all(axis=1)
    faults += rows_fault("served_kwh_day", bad, sites, "sales must be 0 kWh/day or more")
    if table.shape[1] not in (1, years):
        what = f"has {table.shape[1]} columns, but the horizon is {years} years"
        faults.append(Fault("served_kwh_day", what, "use one column, or one per year"))
    refuse(faults)
    by_site = table.set_axis(sites, axis="index").reindex(ids).fillna(0.0).to_numpy(dtype=float)
    stands = offers.get("standing_kwh_day", pd.Series(0.0, index=offers.index))
    above = np.maximum(by_site - stands.to_numpy(dtype=float)[:, None], 0.0)
    shares = ramp(rules) if isinstance(served, pd.Series) else np.full(years, rules.sales_share)
    return np.asarray(above * shares)
