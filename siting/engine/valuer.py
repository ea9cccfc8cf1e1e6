"""Exact and fast evaluation of choices, and bounds on the value after each one-step change.

Exact evaluation is possible if every part can be served optimally without a linear program
(`siting.engine.cuts`), the aim depends only on the value of the energy served in each scenario, and
all other constraint rows contain only options. The minimum cuts of a choice bound the value of
every other choice, so only a few changes have to be evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from siting import settings
from siting.engine.cuts import Cutter
from siting.engine.frame import Frame
from siting.engine.slack import Room
from siting.program.aims import Goal
from siting.program.instance import Floats, Ints


@dataclass(frozen=True, eq=False)
class State:
    """A choice and its value."""

    choice: Ints  # option at each site, -1 for none
    value: float  # value of the aim, negated if less is better
    upper: Floats  # bound on the value after each single change, numbered as in `Room`


class Valuer:
    """Values and bounds of the choices of one program."""

    def __init__(self, frame: Frame, cutter: Cutter, goal: Goal) -> None:
        self.frame, self.cutter, self.goal = frame, cutter, goal
        self.room = Room(frame)
        self.site, self.sites, self.count = frame.site, frame.sites, frame.count
        self.must = frame.must
        slices = frame.program.slices
        unit = frame.layout.energy_unit
        self.weight = [slices[p.slice].weight * unit for p in cutter.parts]
        self.scenario = [slices[p.slice].scenario for p in cutter.parts]
        self.linear = frame.aim.of_worth
        most = np.zeros(len(frame.layout.probabilities))
        for p, part in enumerate(cutter.parts):
            most[self.scenario[p]] += self.weight[p] * part.most
        whole = abs(float(self.goal(most)))
        self.noise = settings.EXACT * max(whole, float(most.max(initial=0.0)), 1e-300)
        self._kept = 40 + int(settings.KEPT_BYTES / (16 * (self.count + 1)))
        self._cache: dict[tuple[int, bytes], tuple[float, Floats]] = {}
        instance, last = frame.program.instance, frame.options.last
        self.subsidy, self.cost = instance.offer_subsidy[last], instance.offer_cost[last]

    def allowed(self, choice: Ints) -> bool:
        """Return whether a choice includes all required sites, and respects all limits."""
        return self.frame.fits(np.sort(choice[choice >= 0]))

    def at(self, choice: Ints) -> State:
        """Return the value of a choice, and bounds on its value after each one-step change."""
        worth = np.zeros(len(self.frame.layout.probabilities))
        upper = np.zeros((len(worth), self.count + self.sites))
        for p in range(len(self.cutter.parts)):
            value, bound = self._valued(p, choice)
            worth[self.scenario[p]] += self.weight[p] * value
            upper[self.scenario[p]] += self.weight[p] * bound
        charge = self.frame.charge
        mine = np.where(choice >= 0, charge[choice], 0.0) if self.count else np.zeros(self.sites)
        paid = float(mine.sum())
        after = np.concatenate([paid - mine[self.site] + charge, paid - mine])
        bound = self.goal(upper) - after
        bound[self.count :][self.must] = -np.inf
        bound[self.count :][choice < 0] = -np.inf
        bound[choice[choice >= 0]] = -np.inf
        return State(choice, float(self.goal(worth)) - paid, bound)

    def _valued(self, p: int, choice: Ints) -> tuple[float, Floats]:
        """Return the value of the energy served in a part, and a bound on it after each change."""
        part = self.cutter.parts[p]
        key = (p, self.cutter.standing(p, choice))
        valued = self._cache.pop(key, None)
        if valued is None:
            taken = self.frame.values(choice[choice >= 0])
            value, best = np.inf, np.full(self.count + self.sites, np.inf)
            for price in self.cutter.prices(p, taken, part.worth, None):
                constant, amount = self.cutter.priced(p, part.worth, price)
                here = np.where(choice >= 0, amount[choice], 0.0)
                total = constant + float(here.sum())
                value = min(value, total)
                changed = np.concatenate([total - here[self.site] + amount, total - here])
                best = np.minimum(best, changed)
            valued = value, best
            if len(self._cache) >= self._kept:
                del self._cache[next(iter(self._cache))]
        self._cache[key] = valued
        return valued


def valuer_of(frame: Frame, cutter: Cutter) -> Valuer | None:
    """Return a `Valuer` of choices, or None if their values need a linear program."""
    goal = frame.aim.goal(frame.layout)
    plain = not cutter.alone and not frame.reached and frame.program.gap is None
    floors = any(floor.share > 0 for floor in frame.program.floors)
    return Valuer(frame, cutter, goal) if plain and not floors and goal is not None else None
