"""The business case of a station: earnings, costs and shortfall over the horizon (PKR).

Formulation
-----------
An offer costs K and sells q kWh a day. At each charger group, drivers pay the price p, which
includes sales tax at the rate s. The station pays the tariff w, and sells the share e of the energy
it buys. Payment and telecom services cost the share f of revenue, and h is the rate of income tax:

    margin    m = p / (1 + s) - p f - w / e                               PKR/kWh, by group
    earnings  A = 365 q m - O&M - fixed charges - staff - land lease - NEECA's fee - insurance
    PV factor F(r, n) = (1 - (1 + r)^-n) / r,   n where r = 0
    NPV       = ((1 - h) A + h K / n) F(r, n) - K - (1 - h) replacements
                                                   (year by year while q grows)
    gap       = max(0, -NPV), paid up to the subsidy rule's limit for the offer
    payback   : the time after which the cumulative flow stays at or above 0, if the flow is even
                within each year; blank if this time exceeds n years

Sales follow the demand of the fleet model up to the target year (`sales_path`). Chargers and swap
batteries that wear out before the horizon ends are replaced at today's price, at the end of the
last full year of their life. Three assumptions understate earnings: sales are constant after the
target year, cash flows occur at the ends of years, and nothing has a residual value. Two
assumptions favour the station: the cost is written off evenly over the horizon, and a loss lowers
the tax on the firm's other income. Prices are constant, the discount rate is real, and a subsidy is
not taxed.

NPV is linear in q, the sales of the target year:

    NPV   = worth q - need
    worth = (1 - h) 365 m x sum over the years t of (share of q sold in t) / (1 + r)^t
    need  = K (1 - h F / n) + (1 - h) (F x fixed costs a year + replacements)

Here, worth is the value of 1 kWh/day sold, and need is the cost to be covered. If the hurdle is
a share of q, worth is multiplied by that share. If the hurdle is a higher discount rate, need and
worth are computed at that rate. `gap_terms` returns need and worth for the integer program.

Sources: the Ministry mentioned viability-gap funding (Dunya, 6 Oct 2025), but no formula was found.
The arithmetic is from R. A. Brealey, S. C. Myers, F. Allen, Principles of Corporate Finance,
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
    opening_years,
    ramp,
    require_prices,
    sales_path,
)
from siting.economics.to_all import CostToAll, cost_to_all, values_of_time, yearly_costs

__all__ = ["ITEMS", "PRICE", "PRICES_OF", "Accounts", "BusinessRules", "CostToAll", "at_hurdle",
           "break_evens", "business_case", "business_rules", "cost_to_all", "gap_terms",
           "margin_pkr_kwh", "opening_years", "payback_years", "present_value_factor", "ramp",
           "require_prices", "sales_path", "swings", "values_of_time", "worth_pkr_kwh_day",
           "yearly_costs"]  # fmt: skip
