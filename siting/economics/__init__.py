"""The business case of a station: earnings, costs and shortfall over the horizon (PKR).

Formulation
-----------
An offer costs K and sells q kWh a day. At a charger group drivers pay the price p, with sales tax
s, and the station pays the tariff w. The share e of the energy bought is sold, the share f of
revenue goes to payment and telecom, and h is the rate of income tax:

    margin    m = p / (1 + s) - p f - w / e                               PKR/kWh, by group
    a year    A = 365 q m - O&M - fixed charges - staff - land lease - NEECA's annual fee
    PV factor F(r, n) = (1 - (1 + r)^-n) / r,   n where r = 0
    NPV       = ((1 - h) A + h K / n) F(r, n) - K - (1 - h) replacements
                                                   (year by year while q grows)
    gap       = max(0, -NPV), paid up to the subsidy rule's limit for the offer
    payback   : the time from which the running total of the flows stays at or above 0, linear
                within a year; blank if not within n years

The plan's energy is for the target year. Earlier sales follow the demand of the fleet model from
the opening year on (`sales_path`); later sales stay constant. Flows fall at the ends of years.
Chargers and swap batteries are replaced at today's price at the end of the last full year of their
life, if that is before the horizon, and have no residual value. These assumptions understate a
station's earnings. Prices are constant, and the discount rate is real. The cost is written off
evenly over the horizon, and a loss lowers the tax on other income of the firm; both assumptions
favour the station. A subsidy is not taxed.

NPV is linear in q, the sales of the target year: NPV = worth q - need, with worth = (1 - h) 365 m x
the sum over the years t of (share of q sold in t) / (1 + r)^t, and need = K (1 - h F / n) + (1 - h)
(F x fixed costs a year + replacements). A hurdle requires NPV 0 at a share of q, or at a higher
rate: worth is multiplied by the share, or need and worth are computed at that rate. `gap_terms`
returns need and worth for the rows of the integer program under the rules `need` and `gap`.

Sources: the Ministry named viability-gap funding (Dunya, 6 Oct 2025), but no formula for it was
found; the arithmetic is from R. A. Brealey, S. C. Myers, F. Allen, Principles of Corporate Finance,
chapters 2 and 5.
"""

from siting.economics.break_even import Accounts, break_evens, swings
from siting.economics.case import business_case, gap_terms, worth_pkr_kwh_day
from siting.economics.cash_flows import margin_pkr_kwh, payback_years, present_value_factor
from siting.economics.rules import (
    ITEMS,
    PRICE,
    PRICES_OF,
    BusinessRules,
    at_hurdle,
    business_rules,
    money_figures,
    opening_years,
    ramp,
    require_prices,
    sales_path,
)
from siting.economics.to_all import CostToAll, cost_to_all, values_of_time, yearly_costs

__all__ = [
    "ITEMS",
    "PRICE",
    "PRICES_OF",
    "Accounts",
    "BusinessRules",
    "CostToAll",
    "at_hurdle",
    "break_evens",
    "business_case",
    "business_rules",
    "cost_to_all",
    "gap_terms",
    "margin_pkr_kwh",
    "money_figures",
    "opening_years",
    "payback_years",
    "present_value_factor",
    "ramp",
    "require_prices",
    "sales_path",
    "swings",
    "values_of_time",
    "worth_pkr_kwh_day",
    "yearly_costs",
]
