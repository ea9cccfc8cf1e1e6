"""Plans and bounds of floors, fairness and least cost, from max-flows of unions of zones.

The same as the plain program (`siting.solve.run`): plans filled and exchanged under exact values,
the projected program tightened by minimum cuts, its optima searched from. All of it is handed to
`siting.solve.settle`, which works every plan out anew, and goes on if something is left.

For the least cost the search fills until the floors hold, and drops what they can do without; then
it is given less money than that, and exchanges until the floors hold again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from siting.engine.clock import Clock
from siting.engine.proof import ARITHMETIC
from siting.errors import InfeasibleError
from siting.models.rows import Floor, Rows
from siting.program.instance import Floats, Instance, Ints
from siting.solve.repair import first_choice
from siting.solve.search import exchange, fill, polish, round_relaxed
from siting.solve.union_projection import Aim, UnionProjection
from siting.solve.unions import TIE, AboveFloors, Goal, Unions, UnionValuer, WorstZone, unions_of

ROUND_FROM = (1 - 1e-6, 0.5)
STARTS = 2
# As in `siting.solve.run`.
ROUNDS, GAP, FEWEST_NODES, MOST_NODES, STALLED = 60, 0.5, 100, 30_000, 1e-5
# Unions that the relaxation serves no more than this beyond their need are looked at; a plan's, if
# they share the least but for a hair.
TIGHT, HAIR = 1e-3, 1e-6
# What a cheaper plan has to be cheaper by, of the gap to the bound, at first.
FIRST_STEP, LAST_STEP = 0.7, 0.1


def floor_starts(
    instance: Instance,
    rows: Rows,
    floors: Sequence[Floor],
    clock: Clock,
    gap: float,
    **options: Any,
) -> Iterator[Ints | float]:
    """Yield plans of the most energy above floors, and bounds on it (kWh/day).

    Parameters
    ----------
    instance, rows
        The data of the program, rows of different zones apart.
    floors
        What must be served.
    clock
        Stops the search early.
    gap
        Relative gap between plan and bound that is asked for.
    options
        Threads and seed of HiGHS.
    """
    unions = _unions(rows, floors)
    search = _Search(instance, rows, unions, AboveFloors(unions.wanted), "floors", clock, options)
    return search.starts(gap)


def worst_starts(
    instance: Instance, rows: Rows, zones: Sequence[Floor], clock: Clock, gap: float, **options: Any
) -> Iterator[Ints | float]:
    """Yield plans of the largest share served in the worst zone, and bounds on it.

    Parameters
    ----------
    instance, rows, clock, gap, options
        As for `floor_starts`.
    zones
        The zones as floors; their own shares do not matter.
    """
    wanted = [zone.demand_kwh for zone in zones]
    unions = unions_of(zones, wanted, 0.0, len(rows.demand.kwh))
    goal = WorstZone(unions.wanted, max(rows.demand.reachable_kwh_day, 1e-9))
    return _Search(instance, rows, unions, goal, "worst", clock, options).starts(gap)


def cost_starts(
    instance: Instance,
    rows: Rows,
    floors: Sequence[Floor],
    price: Floats,
    clock: Clock,
    gap: float,
    **options: Any,
) -> Iterator[Ints | float]:
    """Yield plans above floors for less and less money, and bounds on the least (PKR).

    Parameters
    ----------
    instance, rows, floors, clock, gap, options
        As for `floor_starts`; the budget of the instance is all the money there could be.
    price
        What each offer costs (PKR).
    """
    unions = _unions(rows, floors)
    priced = replace(instance, offer_subsidy=price, budget_pkr=float(price.sum()) + 1.0)
    goal = AboveFloors(unions.wanted, energy=0.0)
    return _Search(priced, rows, unions, goal, "cost", clock, options).starts(gap)


def _unions(rows: Rows, floors: Sequence[Floor]) -> Unions:
    zones = [floor for floor in floors if floor.name in rows.zones.names]
    city = sum(floor.need_kwh for floor in floors if floor.name not in rows.zones.names)
    return unions_of(zones, [zone.need_kwh for zone in zones], city, len(rows.demand.kwh))


class _Search:
    """The best choice so far and a bound, in which more is better: money is counted below 0."""

    def __init__(
        self,
        instance: Instance,
        rows: Rows,
        unions: Unions,
        goal: Goal,
        aim: Aim,
        clock: Clock,
        options: dict[str, Any],
    ) -> None:
        self.aim, self.clock, self.options = aim, clock, options
        self.valuer = UnionValuer(instance, rows.demand, unions, goal)
        self.goal, self.wanted = goal, unions.wanted
        self.best: Ints | None = None
        self.value = -math.inf
        self.bound = math.inf

    def starts(self, gap: float) -> Iterator[Ints | float]:
        """Yield plans as positions of offers, and bounds as numbers."""
        valuer, clock, self.gap = self.valuer, self.clock, gap
        if not (valuer.valid.sum(axis=1) > 1).any():
            return
        try:
            valuer.base = first_choice(valuer, clock, **self.options)
        except InfeasibleError:
            return  # told by whoever asks for the reason
        projection = UnionProjection(
            valuer, clock, self.aim, price=valuer.instance.offer_subsidy, **self.options
        )
        taken = None
        while projection.look_at(valuer.active) or taken is None:
            bound, taken = projection.tighten()
            yield from self.limit(bound, projection.unit)
            if taken is None:
                return
            valuer.active |= projection.tight(taken, TIGHT)
        if isinstance(valuer.goal, WorstZone):
            valuer.goal = replace(valuer.goal, target=self.bound)
        states = []
        for least in ROUND_FROM:
            states.append(round_relaxed(valuer, taken, least, clock))
            yield from self.take(states[-1].choice)
        for state in sorted(states, key=self.rank)[:STARTS]:
            if not clock.over and self.short > gap:
                yield from self.better(state.choice)
        nodes = FEWEST_NODES
        for _ in range(ROUNDS if gap > ARITHMETIC else 0):
            if clock.over or self.short <= gap or nodes > MOST_NODES:
                return
            before = self.short
            start = valuer.base if self.best is None else self.best
            bound, choice = projection.solve_from(start, GAP * gap, nodes)
            yield from self.limit(bound, projection.unit)
            if choice is None:
                return
            yield from self.better(choice)
            projection.look_at(valuer.active)
            for cut in valuer.cuts_at(choice):
                projection.add(cut)
            if self.short > before - STALLED:
                nodes *= 4

    @property
    def short(self) -> float:
        """The relative gap between bound and plan."""
        return (self.bound - self.value) / max(abs(self.value), 1e-12)

    def rank(self, state: Any) -> float:
        """Return what states are sorted by, the best first."""
        if self.aim == "cost":
            return self.valuer.spent(state.choice) if self.holds(state.choice) else math.inf
        return -float(state.value)

    def holds(self, choice: Ints) -> bool:
        """Return whether all floors hold."""
        served = self.valuer.served(choice)
        return bool((served >= self.wanted * (1 - 1e-7) - self.valuer.noise).all())

    def worth(self, choice: Ints) -> float:
        """Return the objective of a choice, minus infinity if a floor does not hold."""
        if self.aim == "worst":
            assert isinstance(self.goal, WorstZone)
            return float(self.goal.shares(self.valuer.served(choice)).min())
        if not self.holds(choice):
            return -math.inf
        if self.aim == "cost":
            return -self.valuer.spent(choice)
        return float(self.valuer.served(choice)[-1])

    def limit(self, bound: float, unit: float) -> Iterator[float]:
        """Keep and yield a bound if it is better."""
        if math.isfinite(bound) and bound * unit < self.bound:
            self.bound = bound * unit
            yield -self.bound if self.aim == "cost" else self.bound

    def take(self, choice: Ints) -> Iterator[Ints]:
        """Keep and yield a choice if it is better; look at unions it shows to bind from now on."""
        served = self.valuer.served(choice)
        if isinstance(self.goal, WorstZone):
            shares = served / np.maximum(self.wanted, 1e-12)
            shares[self.wanted <= 0] = np.inf
            self.valuer.active |= shares <= shares.min() * (1 + HAIR)
        else:
            self.valuer.active |= served < self.wanted
        worth = self.worth(choice)
        if worth > self.value:
            self.best, self.value = choice, worth
            yield self.valuer.offers_of(choice)

    def better(self, choice: Ints) -> Iterator[Ints]:
        """Search from a choice, and yield what is better than before."""
        valuer, clock = self.valuer, self.clock
        yield from self.take(choice)
        if self.aim != "cost":
            enough = self.bound / (1 + self.gap)
            if isinstance(self.goal, WorstZone):
                enough *= (1 + TIE) * self.goal.unit
            state = fill(valuer, valuer.at(choice), clock)
            state = exchange(valuer, state, clock, enough=enough)
            yield from self.take(state.choice)
            return
        state = polish(valuer, fill(valuer, valuer.at(choice), clock), clock)
        yield from self.take(state.choice)
        step = FIRST_STEP
        while step > LAST_STEP and not clock.over and self.best is not None:
            room = max(-self.value - -self.bound, 0.0) if math.isfinite(self.bound) else 0.0
            most = -self.value - max(step * room, 1e-6 * -self.value)
            found = self.within(state.choice, most)
            before = self.value
            yield from self.take(found)
            if self.value > before:
                state = valuer.at(found)
            else:
                step /= 2

    def within(self, choice: Ints, most: float) -> Ints:
        """Return a choice for at most some money, exchanged until the floors hold, if they do."""
        valuer, clock = self.valuer, self.clock
        whole = valuer.room.budget_pkr
        state = valuer.at(choice)
        while valuer.spent(state.choice) > most and not clock.over:
            saved = valuer.subsidy[valuer.sites, state.choice][:, None] - valuer.subsidy
            down = valuer.valid & (saved > 0)
            if not down.any():
                return choice
            loss = np.where(down, (state.value - state.upper) / np.where(down, saved, 1.0), np.inf)
            j, option = np.unravel_index(int(loss.argmin()), loss.shape)
            lower = state.choice.copy()
            lower[j] = option
            state = valuer.at(lower)
        valuer.room.budget_pkr = most
        try:
            state = fill(valuer, state, clock)
            state = exchange(valuer, state, clock, enough=-valuer.noise)
            return polish(valuer, state, clock).choice
        finally:
            valuer.room.budget_pkr = whole
