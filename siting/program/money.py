"""Viability gap: public money pays the shortfall of a business case, and nothing beyond it.

The subsidy of a site is a decision of the program, not a property of the offer::

    sum of u_ot over o in O_j  >=  sum of c_o z_ot over o in O_j
                                   - h sum of p_s v_i x_ijs over i, s in t   for each j, t   (gap)
    u_ot                       <=  cap_o z_ot                                for each o, t   (cap)
    sum of u_ot over o in O_j  >=  sum of u_o,t-1 over o in O_j              for each j, t   (paid)
    sum of payments            <=  B, or B_t                                           (budget)

where ``c_o`` is the *need* of offer ``o``: the present value, over the station's life, of all costs
except those that depend on sales (PKR). ``u_ot`` is the public money paid to the offer by the end
of year ``t`` (PKR). ``v_i`` is the present value of the margin earned if one kWh/day is sold to
row ``i`` over the station's life (PKR). The hurdle ``h`` is the share of planned sales at which a
station must break even. ``cap_o`` is the maximum public money for the offer (PKR): a share of its
need, or a fixed amount. A station whose shortfall exceeds its cap cannot be built. Existing
stations have no need and draw no money.

From its opening on, a station has one business case per year, based on the mean sales of that year
over all scenarios. Money that would lapse at the end of a year may be paid in advance for a
later shortfall. The total paid to a site is at most its largest shortfall.

The sites of a concession share one gap row, so the surplus of one site covers the shortfall of
another. Each offer has its own cap, and existing stations are in no concession. A program with
concessions has one year, because a surplus could not be paid back in a later year.

Source of the rule: Government of India, Ministry of Finance: Scheme and guidelines for financial
support to public private partnerships in infrastructure (viability gap funding), 2013.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from siting.errors import Fault, InputError, naming, refuse
from siting.program.instance import Flags, Floats, Instance, Ints

# The two sorts of money: public money drawn, and total cost.
MoneyKind = Literal["subsidy_pkr", "cost_pkr"]
MONEY: Mapping[MoneyKind, str] = {"subsidy_pkr": "public money", "cost_pkr": "total cost"}


@dataclass(frozen=True)
class GapRule:
    """The rule by which public money fills the viability gap.

    Parameters
    ----------
    margin_pkr
        Present value of the margin on one kWh/day over a station's life (PKR): one number for all
        vehicle classes, or one per class.
    cap
        Maximum public money for an offer: a share of its need, in (0, 1], or PKR by ``offer_id``.
    sales_share
        The hurdle: the share of its planned sales at which a station must break even, in (0, 1].
    concessions
        The name of each site's concession, by ``site_id``; leave out sites in no concession.
    """

    margin_pkr: float | Mapping[str, float]
    cap: float | Mapping[str, float]
    sales_share: float = 1.0
    concessions: Mapping[str, str] = field(default_factory=dict)


def caps_of(instance: Instance, rule: GapRule) -> Floats:
    """Return the maximum public money for each offer (PKR), which never exceeds its need.

    Raises `InputError` if the cap is a share outside (0, 1], or an amount is missing or negative.
    """
    need = instance.offer_cost
    if not isinstance(rule.cap, Mapping):
        if not (math.isfinite(rule.cap) and 0 < rule.cap <= 1):
            fix = "give a share above 0 and at most 1, or amounts in PKR by offer_id"
            raise InputError("cap", f"is {rule.cap}", fix)
        return rule.cap * need
    missing = [o for o in instance.offer_ids if o not in rule.cap]
    faults = naming("cap", "some offers have no amount", missing, "enter an amount for each offer")
    given = np.array([float(rule.cap.get(o, 0.0)) for o in instance.offer_ids])
    bad = instance.offer_ids[~(given >= 0)]
    what = "some amounts are negative or not numbers"
    refuse(faults + naming("cap", what, bad, "enter amounts of 0 or more"))
    capped: Floats = np.minimum(given, need)
    return capped


def cases_of(instance: Instance, rule: GapRule) -> Ints:
    """Return, for each site, the position of the first site that shares its business case."""
    case = np.arange(len(instance.site_ids))
    stands = np.isin(case, instance.offer_site[instance.offer_existing])
    first: dict[str, int] = {}
    for j in np.flatnonzero(~stands).tolist() if rule.concessions else ():
        if (name := rule.concessions.get(str(instance.site_ids[j]))) is not None:
            case[j] = first.setdefault(name, j)
    return case


def is_shared(case: Ints) -> Flags:
    """Return whether each site shares its business case with other sites."""
    return np.bincount(case, minlength=len(case))[case] > 1


def raised(instance: Instance, rule: GapRule, by: float) -> GapRule:
    """Return the rule with each offer's cap raised by the share `by` of the offer's need."""
    if not isinstance(rule.cap, Mapping):
        return replace(rule, cap=min(rule.cap + by, 1.0))
    caps = np.minimum(caps_of(instance, rule) + by * instance.offer_cost, instance.offer_cost)
    return replace(rule, cap=dict(zip(instance.offer_ids, caps.tolist(), strict=True)))


def margins_of(instance: Instance, rule: GapRule) -> Floats:
    """Return the present value of each class's margin per kWh/day (PKR), times the hurdle.

    Raises `InputError` if the rule is invalid for the instance.
    """
    given = rule.margin_pkr
    names = instance.class_names
    by_class = dict(given) if isinstance(given, Mapping) else dict.fromkeys(names, given)
    unknown = sorted(set(by_class) - set(names))
    wanted = {names[k] for k in np.unique(instance.demand_class[instance.demand_kwh > 0])}
    missing = sorted(wanted - set(by_class))
    bad = sorted(k for k, v in by_class.items() if not (math.isfinite(v) and v >= 0))
    fix = f"known names: {', '.join(names)}"
    where, fix_bad = "margin_pkr", "enter amounts of PKR 0 or more"
    faults = naming(where, "some vehicle classes are unknown", unknown, fix)
    faults += naming(where, "some vehicle classes have no margin", missing, "add their margins")
    faults += naming(where, "some margins are not finite numbers of 0 or more", bad, fix_bad)
    if not 0 < rule.sales_share <= 1:
        fix = "give a share above 0 and at most 1"
        faults.append(Fault("hurdle", f"is {rule.sales_share}", fix))
    refuse(faults)
    return rule.sales_share * np.array([float(by_class.get(name, 0.0)) for name in names])
