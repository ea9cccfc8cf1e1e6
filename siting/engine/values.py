"""Values of each aim, computed from a plan's service and payments."""

from __future__ import annotations

import math

import numpy as np

from siting.engine.answer import Answer
from siting.program.aims import (
    Aim,
    Drives,
    LeastCostToAll,
    LeastMoney,
    LeastRegret,
    MostWorth,
    NetWorth,
    Tail,
    tail_mean,
)
from siting.program.instance import Floats
from siting.program.program import Program
from siting.program.slices import year_weights


def value_of(answer: Answer, aim: Aim) -> float:
    """Return an answer's value for an aim, in the aim's unit (`unit_of`)."""
    program = answer.program
    if isinstance(aim, MostWorth | NetWorth):
        slices = enumerate(program.slices)
        worth = math.fsum(s.weight * s.probability * answer.worth_in(n) for n, s in slices)
        if isinstance(aim, MostWorth):
            return worth
        return worth - _must_bring(answer, aim)
    if isinstance(aim, LeastMoney):
        return answer.subsidy_pkr if aim.of == "subsidy_pkr" else answer.cost_pkr
    if isinstance(aim, LeastCostToAll):
        return sum(cost_to_all(answer, aim))
    if isinstance(aim, Drives):
        return _over_slices(answer, answer.pairs.minutes)
    if isinstance(aim, LeastRegret):
        return float(max(0.0, (np.array(aim.best) - worth_of_scenarios(answer)).max()))
    if isinstance(aim, Tail):
        served = worth_of_scenarios(answer)
        chance = np.array([s.probability for s in program.slices if s.year == 0])
        if aim.of == "served":
            return tail_mean(served, chance, aim.alpha)
        return 0.0 - tail_mean(served - _wanted(answer), chance, aim.alpha)
    shares = []
    for group in aim.groups:
        inside = answer.pairs.floor[program.groups.index(group)][answer.pairs.row]
        for s in group.holds_in(program.slices):
            wanted = float(group.wanted(program.demand_kwh)[s])
            if wanted > 0:
                shares.append(math.fsum(answer.energy[inside, s]) / wanted)
    return min([1.0, *shares])


def cost_to_all(answer: Answer, aim: LeastCostToAll) -> tuple[float, float]:
    """Return the yearly cost of stations and drivers' time (PKR a year), years weighted."""
    program, pairs = answer.program, answer.pairs
    amount = aim.of_offers(program.instance)
    yearly = program.options.of_offers(amount)[answer.choice] @ year_weights(program.slices)
    minute = aim.of_classes(program.instance)[pairs.vehicle_class[pairs.row]]
    return math.fsum(yearly), _over_slices(answer, minute * pairs.minutes)


def _over_slices(answer: Answer, each: Floats) -> float:
    """Return the sum of an answer's energy, weighted by an amount per kWh of each pair."""
    return math.fsum(
        s.weight * s.probability * math.fsum(answer.energy[:, n] * each)
        for n, s in enumerate(answer.program.slices)
    )


def _must_bring(answer: Answer, aim: NetWorth) -> float:
    """Return the charge on an answer's money, by year where that differs."""
    if not isinstance(aim.least_gain, tuple):
        money = answer.subsidy_pkr if aim.of == "subsidy_pkr" else answer.cost_pkr
        return aim.least_gain * money
    if aim.of == "subsidy_pkr":
        drawn = answer.money["spent_pkr"].to_numpy(float)
    else:
        program = answer.program
        costs = program.options.of_offers(program.instance.offer_cost)[answer.choice]
        drawn = np.diff(costs.sum(axis=0), prepend=0.0)
    return float(np.array(aim.least_gain) @ drawn)


def unit_of(program: Program, aim: Aim) -> str:
    """Return the unit of an aim's value."""
    return aim.own_unit or program.worth_unit


def worth_of_scenarios(answer: Answer) -> Floats:
    """Return the worth served in each scenario, years weighted."""
    slices = answer.program.slices
    out = np.zeros(1 + max(s.scenario for s in slices))
    for n, one in enumerate(slices):
        out[one.scenario] += one.weight * answer.worth_in(n)
    return out


def _wanted(answer: Answer) -> Floats:
    program = answer.program
    worth = (program.per_kwh * program.demand_kwh).sum(axis=0)
    out = np.zeros(1 + max(s.scenario for s in program.slices))
    for n, one in enumerate(program.slices):
        out[one.scenario] += one.weight * float(worth[n])
    return out
