"""The cost to all: the yearly cost of stations and of drivers' time (PKR), without transfers.

Formulation
-----------
An offer costs K to build and R a year to run, apart from costs that depend on sales. New chargers
and batteries cost Z_t at the end of year t. At the discount rate r, the cost in each of n years is

    c = (K + sum of Z_t / (1 + r)^t) / F(r, n) + R,     F(r, n) = (1 - (1 + r)^-n) / r

Here, c is the annuity of capital and replacements, plus running costs. Tax and subsidy are
transfers, not costs to all. Power costs the same at every station and is left out.

If a session needs b one-way drives and takes e kWh, and a driver's hour costs v PKR, a minute of
driving costs

    m = 365 b v / (60 e)        PKR a year for each kWh/day

The onward drive from the charger is assumed to be no longer than the same trip without charging. If
all drivers return the way they came, b is 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from siting.economics.cash_flows import (
    discount_factors,
    fixed_costs,
    present_value_factor,
    replacements,
    require_columns,
)
from siting.economics.rules import BusinessRules
from siting.errors import naming, refuse
from siting.reference import table

DAYS, MINUTES = 365.0, 60.0
WAYS = "ways_to_charger"  # item of money.csv: one-way drives per session


@dataclass(frozen=True)
class CostToAll:
    """The yearly costs of offers and of drivers' time."""

    cost_pkr_year: Mapping[str, float]  # of each offer, by ``offer_id`` (0 for existing stations)
    # By vehicle class: the value of a driver's hour (PKR), and the energy of a session (kWh).
    value_pkr_h: Mapping[str, float]
    session_kwh: Mapping[str, float]
    ways: float  # one-way drives per session

    @property
    def pkr_kwh_min(self) -> dict[str, float]:
        """Yearly cost (PKR) of a minute of driving per kWh/day charged, by vehicle class."""
        each = self.value_pkr_h.items()
        return {k: DAYS * self.ways * v / MINUTES / self.session_kwh[k] for k, v in each}


def yearly_costs(offers: pd.DataFrame, rules: BusinessRules) -> dict[str, float]:
    """Return the yearly cost of each ``offer_id`` (PKR, before tax); 0 for an existing station."""
    require_columns(offers)
    factor = present_value_factor(rules.discount_rate, rules.years)
    capital = offers["cost_pkr"].to_numpy(dtype=float) / factor
    again = replacements(offers, rules.years) @ discount_factors(rules) / factor
    pkr_year = capital + again + fixed_costs(offers, rules).sum(axis=1).to_numpy()
    pkr_year = np.where(offers["existing"].to_numpy(dtype=bool), 0.0, pkr_year)
    return dict(zip(offers["offer_id"].astype(str), pkr_year.tolist(), strict=True))


def values_of_time(own: Mapping[str, float]) -> pd.DataFrame:
    """Return the value of a driver's hour by vehicle class (PKR), with the user's values applied.

    `own` lists values (PKR an hour) by vehicle class, which replace or extend the package's values.
    The columns are ``vehicle_class``, ``value``, ``low``, ``high``, ``unit``, ``source`` and
    ``confidence``.

    >>> rows = values_of_time({"two_wheeler": 120.0}).set_index("vehicle_class")
    >>> float(rows.at["two_wheeler", "value"]), float(rows.at["three_wheeler", "value"])
    (120.0, 190.0)
    """
    rows = table("time_values")
    stated = pd.DataFrame(
        [(k, v, v, v, "PKR/h", "set in the configuration", "ASSUMPTION") for k, v in own.items()],
        columns=rows.columns,
    )
    rows = rows[~rows["vehicle_class"].isin(list(own))]
    return pd.concat([rows, stated], ignore_index=True) if own else rows


def cost_to_all(
    offers: pd.DataFrame,
    rules: BusinessRules,
    classes: Iterable[str],
    time_values: pd.DataFrame,
    sessions: pd.DataFrame,
) -> CostToAll:
    """Return the yearly costs of offers and of drivers' time.

    `offers` is the result of `siting.sites.make_offers`. `classes` are the vehicle classes whose
    drivers' time counts. `time_values` is the result of `values_of_time`. `sessions` has
    the columns ``vehicle_class`` and ``session_kwh``. Raises one `InputError` that lists all
    classes without a value of time or without session energy.
    """
    value = time_values.set_index("vehicle_class")["value"].astype(float).to_dict()
    energy = sessions.set_index("vehicle_class")["session_kwh"].astype(float).to_dict()
    wanted = sorted(set(classes))
    missing = [name for name in wanted if name not in value]
    what, fix = "no value of time for vehicle classes", "add each in PKR per hour"
    faults = naming("money.value_of_time_pkr_h", what, missing, fix)
    missing = [name for name in wanted if name not in energy]
    what = "no session_kwh for vehicle classes"
    refuse(faults + naming("demand.profiles_csv", what, missing, "add them"))
    return CostToAll(
        yearly_costs(offers, rules),
        {name: value[name] for name in wanted},
        {name: energy[name] for name in wanted},
        float(table("money").set_index("item")["value"][WAYS]),
    )
