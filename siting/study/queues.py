"""Queues at a plan's ports: expected waits by the Erlang C formula, and simulated days.

On the ``planned`` day, only the drivers whom the plan serves arrive, each at the planned station.
On the ``free`` day, all drivers choose a station by drive time, queue and charging time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from siting import simulation
from siting.config.offers import Service
from siting.plan import Plan
from siting.simulation import Sessions, expected_waits, station_ports
from siting.sites import charger_catalogue

WORDS = {"planned": "as planned", "free": "with free choice"}


@dataclass(frozen=True, eq=False)
class Waiting:
    """The inputs from which the queues of a plan are computed."""

    sessions: Sessions
    chargers: pd.DataFrame
    standard: Service  # `offers.service`: a wait, and the share of drivers who may exceed it

    @classmethod
    def of(cls, study: Any) -> Waiting:
        """Return the inputs of a study's queues."""
        offers = study.config.offers
        classes, taper = list(study.config.demand.vehicle_classes), offers.service.swap_taper
        sessions = Sessions.from_tables(classes, study.sessions, study.compatibility, taper)
        return cls(sessions, charger_catalogue(offers.chargers_csv), offers.service)

    def ports(self, plan: Plan) -> pd.DataFrame:
        """Return the ports of a plan's stations (`siting.simulation.station_ports`)."""
        return station_ports(plan.sites, plan.offers, self.chargers)

    def expected(self, plan: Plan) -> pd.DataFrame:
        """Return the Erlang C waits at a plan's ports (`siting.simulation.expected_waits`)."""
        wait_min = self.standard.wait_min
        return expected_waits(self.ports(plan), allotted(plan), self.sessions, wait_min)


def allotted(plan: Plan) -> pd.DataFrame:
    """Return the energy that each station of a plan serves, in a column ``kwh_day``."""
    return plan.service.rename(columns={"served_kwh_day": "kwh_day"})


def late_share(expected: pd.DataFrame) -> float:
    """Return the share of drivers who wait too long in the busiest hour of their queue."""
    count = expected["peak_sessions"].to_numpy(dtype=float)
    late = expected["late_share"].to_numpy(dtype=float)
    return float(late @ count / count.sum()) if count.sum() > 0 else 0.0


def simulated(
    plan: Plan,
    waiting: Waiting,
    demand: pd.DataFrame,
    reach: pd.DataFrame,
    rules: simulation.Rules,
    told: Callable[[str], None] | None = None,
) -> dict[str, simulation.Days]:
    """Return the simulated days ``planned`` and ``free`` of a plan that has at least one station.

    `told` is called with a line of text after each day.
    """
    ports, sessions = waiting.ports(plan), waiting.sessions
    wanted = demand.rename(columns={"demand_kwh_day": "kwh_day"})
    days_by_case: dict[str, simulation.Days] = {}
    # On the planned day, each driver has one station, so each place is a pair of cell and station.
    sent = allotted(plan)
    sent["place"] = sent["cell_id"] + " to " + sent["site_id"]
    for case, wants, near in (
        ("planned", sent, sent.drop_duplicates("place")),
        ("free", wanted.assign(place=wanted["cell_id"]),
         reach.rename(columns={"cell_id": "place"})),
    ):  # fmt: skip
        # The order is fixed, so that the same seed draws the same drivers.
        rows = wants.sort_values(["place", "vehicle_class"], ignore_index=True)
        queues = simulation.Queues.of(ports, sessions, simulation.sessions_per_day(rows, sessions))
        choices = simulation.choices_of(rows, near, queues, sessions)
        days_by_case[case] = simulation.simulate_days(
            rows, choices, queues, sessions, rules, wait_min=waiting.standard.wait_min
        )
        if told is not None:
            told(WORDS[case])
    return days_by_case
