"""Recount the value of a plan from the data, with one linear program of flows for each slice.

The module shares no row with `siting.program`. It reads the question (demand, offers, reach, money,
limits, floors) from a program, and the stations of each slice from an answer. It reports every
broken rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

# Relative tolerance of a linear program, and rupees that count as zero.
OFF, RUPEE = 1e-6, 1.0
MILLION = 1e6


@dataclass(frozen=True, eq=False)
class Flows:
    """The possible flows from demand rows to the charger groups of stations."""

    demand: np.ndarray  # position of the demand row of each flow
    place: np.ndarray  # station x groups + group
    minutes: np.ndarray
    capacity: np.ndarray  # of each place, kWh/day

    def rows(self, demand_kwh: np.ndarray) -> tuple[sparse.csr_array, np.ndarray]:
        """Return rows that limit the flows by the demand and by the capacity of charger groups."""
        wanted, flow = len(demand_kwh), np.arange(len(self.demand))
        at = (np.r_[self.demand, wanted + self.place], np.r_[flow, flow])
        shape = (wanted + len(self.capacity), len(flow))
        return (
            sparse.csr_array((np.ones(2 * len(flow)), at), shape=shape),
            np.r_[demand_kwh, self.capacity],
        )


@dataclass(frozen=True, eq=False)
class Recounted:
    """The value of a plan for the first aim of its program, and the broken rules."""

    value: float
    broken: list[str] = field(default_factory=list)


def flows_of(instance: Any, offers: np.ndarray) -> Flows:
    """Return the flows that offers allow, with one offer for each site."""
    groups = len(instance.group_names)
    station = np.full(len(instance.site_ids), -1)
    station[instance.offer_site[offers]] = np.arange(len(offers))
    capacity = instance.offer_capacity[offers].ravel()
    first, last = (instance.reach_start[instance.demand_cell + n] for n in (0, 1))
    count = last - first
    demand = np.repeat(np.arange(len(count)), count)
    pair = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
    at = station[instance.reach_site[pair]]
    demand, pair, at = demand[at >= 0], pair[at >= 0], at[at >= 0]
    parts = []
    for g in range(groups):
        good = instance.uses[instance.demand_class[demand], g] & (capacity[at * groups + g] > 0)
        parts.append((demand[good], at[good] * groups + g, instance.reach_min[pair[good]]))
    return Flows(*(np.concatenate(part) for part in zip(*parts, strict=True)), capacity)


def most_served(instance: Any, offers: np.ndarray) -> float:
    """Return the most energy that offers can serve (kWh/day)."""
    flows = flows_of(instance, offers)
    if not len(flows.demand):
        return 0.0
    matrix, limits = flows.rows(instance.demand_kwh)
    found = linprog(-np.ones(len(flows.demand)), A_ub=matrix, b_ub=limits, method="highs")
    return -float(found.fun)


def recounted(answer: Any) -> Recounted:
    """Return the value of an answer's plan for its first aim, and the broken rules.

    The first aim must be the most energy (also with decay, years, scenarios or the viability gap)
    or the least regret.
    """
    program = answer.program
    instance = program.instance
    built = {name: table["offer_id"] for name, table in answer.built.groupby("slice")}
    stand = [np.sort(instance.positions_of(built.get(s.name, ()))) for s in program.slices]
    broken = _broken(program, stand)
    values = []
    for s, offers in enumerate(stand):
        value, why = _slice_value(program, s, offers)
        values.append(value)
        broken += why
    if program.all_aims[0].name == "least regret":
        best = np.array(program.all_aims[0].best)
        served = np.zeros(len(best))
        for one, value in zip(program.slices, values, strict=True):
            served[one.scenario] += one.weight * value
        return Recounted(float((best - served).max()), broken)
    weight = [one.weight * one.probability for one in program.slices]
    return Recounted(float(np.dot(weight, values)), broken)


def _broken(program: Any, stand: list[np.ndarray]) -> list[str]:
    """Return the broken rules on stations: one per site, no closing, money, limits, sites."""
    instance, out = program.instance, []
    by_year = [stand[[s.year for s in program.slices].index(t)] for t in _years(program)]
    for one, offers in zip(program.slices, stand, strict=True):
        if not np.array_equal(offers, by_year[one.year]):
            out.append(f"{one.name}: stations differ from the other scenarios of the year")
    if any(len(np.unique(instance.offer_site[at])) < len(at) for at in by_year):
        out.append("two offers at a site")
    if any(len(np.setdiff1d(before, after)) for before, after in pairwise(by_year)):
        out.append("a station closes")
    last = by_year[-1]
    there = np.unique(instance.offer_site[last])
    needed = np.r_[instance.required_sites, instance.offer_site[instance.offer_existing]]
    if len(np.setdiff1d(needed, there)):
        out.append("a required station is missing")
    if program.gap is None:
        drawn = np.array([instance.offer_subsidy[offers].sum() for offers in by_year])
        limit = np.array([instance.budget_pkr])
        if program.year_plan is not None:
            limit = np.array(program.year_plan.budgets_pkr)
            if program.year_plan.carry_over:
                limit = np.cumsum(limit)
            else:
                drawn = np.diff(drawn, prepend=0.0)
        if (drawn > limit * (1 + OFF) + RUPEE).any():
            out.append("more money than is available")
    for limit in instance.limits:
        amount = np.array([limit.use.get(name, 0.0) for name in instance.offer_ids])
        if limit.per_rupee:
            amount = amount * instance.offer_subsidy
        name, used = limit.name, float(amount[np.isin(np.arange(len(amount)), last)].sum())
        most, least = limit.at_most, limit.at_least
        if used > most + OFF * max(most, 1) or used < least - OFF * max(least, 1):
            out.append(f"{name}: {used:,.0f} used")
    return out


def _years(program: Any) -> range:
    return range(max(s.year for s in program.slices) + 1)


def _slice_value(program: Any, s: int, offers: np.ndarray) -> tuple[float, list[str]]:
    """Return the largest worth of stations in a slice under floors and the viability gap."""
    instance, one = program.instance, program.slices[s]
    demand = program.demand_kwh[:, s]
    flows = flows_of(instance, offers)
    rows, limits = flows.rows(demand)
    decay = program.distance_decay
    worth = np.ones(len(flows.demand)) if decay is None else decay.factor(flows.minutes)
    blocks, least = [rows], []
    for floor in program.floors:
        if floor.when == "last" and one.year < max(_years(program)):
            continue
        inside = floor.member[flows.demand]
        blocks.append(-sparse.csr_array(inside[None, :].astype(float)))
        least.append(floor.share * float(demand[floor.member].sum()) * (1 - OFF))
    limits = np.r_[limits, -np.array(least)]
    upper = np.full(len(worth), np.inf)
    matrix = sparse.vstack(blocks, format="csr")
    if program.gap is not None:
        matrix, limits, upper = _with_gap(program, offers, flows, matrix, limits)
        worth = np.r_[worth, np.zeros(len(offers))]
    if not len(worth):  # no station yet, or no demand within reach
        short = bool((limits < 0).any())
        return 0.0, [f"{one.name or 'the plan'}: floors are not met"] * short
    bounds = np.c_[np.zeros(len(worth)), upper]
    found = linprog(-worth, A_ub=matrix, b_ub=limits, bounds=bounds, method="highs")
    if not found.success:
        return 0.0, [f"{one.name or 'the plan'}: floors or money are not met ({found.message})"]
    return -float(found.fun), []


def _with_gap(
    program: Any, offers: np.ndarray, flows: Flows, rows: Any, limits: np.ndarray
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return rows with the flows and the public money paid to each station (million PKR).

    The margin on sales and public money together cover the need of a station. Public money pays at
    most a share of the need, and in all at most the budget.
    """
    instance, rule = program.instance, program.gap
    need = instance.offer_cost[offers] / MILLION
    need = np.where(instance.offer_existing[offers], 0.0, need)
    given = rule.margin_pkr
    if isinstance(given, int | float):
        given = dict.fromkeys(instance.class_names, given)
    margin = np.array([given.get(name, 0.0) for name in instance.class_names])
    station = flows.place // len(instance.group_names)
    flow = np.arange(len(station))
    earned = sparse.csr_array(
        (margin[instance.demand_class[flows.demand]] / MILLION, (station, flow)),
        shape=(len(offers), len(flow)),
    )
    money = sparse.csr_array(np.ones((1, len(offers))))
    matrix = sparse.block_array(
        [[rows, None], [-earned, -sparse.eye_array(len(offers))], [None, money]], format="csr"
    )
    budget = instance.budget_pkr / MILLION if program.budgeted else np.inf
    slack = OFF * np.maximum(need, 1.0)
    cap = rule.cap
    if isinstance(cap, Mapping):
        own = np.array([float(cap[instance.offer_ids[o]]) for o in offers])
        most = np.minimum(own / MILLION, need)
    else:
        most = cap * need
    upper = np.r_[np.full(len(flow), np.inf), most]
    return matrix, np.r_[limits, slack - need, budget * (1 + OFF)], upper
