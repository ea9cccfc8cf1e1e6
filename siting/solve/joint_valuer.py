"""What a choice is worth when years or scenarios count together, under several limits on money.

A joint instance (`siting.models.joint`) falls into parts, each of one slice. The value of a choice
is a goal of what the slices serve. Bounds on single changes carry over: the goal never falls when a
slice serves more, so the goal of the slices' bounds bounds the goal. A change that breaks a limit
on money is given a bound of minus infinity, and the searches of `siting.solve.search`, which only
know of money in all, leave it alone.

Without capacities the cuts at options taken in part are those of the relaxed program itself: a row
counts as unserved where the stations in reach are together less than one.

Source of these cuts: J.-F. Cordeau, F. Furini, I. Ljubic: Benders decomposition for very large
scale partial set covering and maximal covering location problems. European Journal of Operational
Research 275 (2019), 882-896.
"""

from __future__ import annotations

import math

import numpy as np

from siting.engine.clock import Clock
from siting.models.goals import Goal, Weighted
from siting.models.joint import Options, slice_of_group
from siting.models.merge import merge_equal_reach
from siting.models.program import BUDGET_TOLERANCE_PKR
from siting.program.instance import Flags, Floats, Instance, Ints
from siting.solve.search import fill
from siting.solve.valuer import Cut, State, Valuer


class JointValuer(Valuer):
    """Values and bounds for the choices of a joint instance.

    Parameters
    ----------
    instance
        The joint instance.
    options
        Its options.
    slices
        Number of slices.
    goal
        What counts.
    capacitated
        Whether capacities count.
    """

    def __init__(
        self, instance: Instance, options: Options, slices: int, goal: Goal, *, capacitated: bool
    ) -> None:
        super().__init__(instance, merge_equal_reach(instance), capacitated=capacitated)
        self.goal = goal
        self.slices = slices
        groups = len(instance.group_names)
        kinds = self.demand.kinds
        self.slice_of_part = [
            slice_of_group(kinds[int(self.demand.kind[part.rows[0]])][0], slices, groups)
            for part in self.parts
        ]
        self.limit = options.limit
        self._slack = BUDGET_TOLERANCE_PKR + 1e-12 * np.abs(options.limit)
        self.use = options.use
        taken = (self.option_offer >= 0)[:, :, None]
        self._used = np.where(taken, options.use[self.option_offer], 0.0)

    @property
    def kwh_by_slice(self) -> Floats:
        """Demand within reach of a station it could use, by slice (kWh/day)."""
        out = np.zeros(self.slices)
        for k, part in zip(self.slice_of_part, self.parts, strict=True):
            out[k] += float(part.kwh.sum())
        return out

    @property
    def most(self) -> float:
        """A bound on the goal of any choice: all within reach is served."""
        return float(self.goal.value(self.kwh_by_slice))

    def served(self, parts: tuple[float, ...]) -> Floats:
        """Return the energy served by slice (kWh/day), given that of the parts."""
        return np.bincount(self.slice_of_part, parts, minlength=self.slices).astype(float)

    def at(self, choice: Ints) -> State:
        """Return the value of a choice and what single changes of it could be worth."""
        values = []
        upper = np.zeros((self.slices, *self.option_offer.shape))
        for p, k in enumerate(self.slice_of_part):
            value, cuts = self._valued(p, choice)
            values.append(value)
            upper[k] += super().change_bound(choice, cuts)
        fits = self.fits(choice)
        bound = np.where(fits, self.goal.value(upper), -np.inf)
        goal = float(self.goal.value(self.served(tuple(values)))) if fits[0, choice[0]] else -np.inf
        return State(choice, goal, bound, tuple(values))

    def value(self, choice: Ints) -> float:
        """Return the goal at a choice."""
        parts = tuple(self._valued(p, choice)[0] for p in range(len(self.parts)))
        return float(self.goal.value(self.served(parts)))

    def change_bound(self, choice: Ints, cuts: list[Cut]) -> Floats:
        """Return what cuts of one part add to the goal if one site of a choice were changed."""
        if not isinstance(self.goal, Weighted):
            return np.full(self.option_offer.shape, np.inf)  # the goal is not a sum over parts
        bound = super().change_bound(choice, cuts)
        weight = self.goal.weights[self.slice_of_part[cuts[0].part]] if cuts else 1.0
        return weight * bound if weight > 0 else np.zeros_like(bound)

    def cuts_between(self, taken: Floats) -> list[Cut]:
        """Return bounds that are low at options taken in part."""
        if self.capacitated:
            return super().cuts_between(taken)
        out = []
        for p, part in enumerate(self.parts):
            covered = np.zeros(len(part.rows))
            for near, able in zip(part.near, part.able, strict=True):
                covered += near.T @ (able * taken).sum(axis=1)
            out.append(self.cut(p, (covered < 1 - 1e-9).astype(float)))
        return out

    def used(self, choice: Ints) -> Floats:
        """Return how much of each limit a choice uses."""
        out: Floats = self._used[self.sites, choice].sum(axis=0)
        return out

    def fits(self, choice: Ints) -> Flags:
        """Return whether the limits hold if one site (row) were changed to an option (column)."""
        before = self._used[self.sites, choice]
        after = before.sum(axis=0) - before[:, None, :] + self._used
        fits: Flags = (after <= self.limit + self._slack).all(axis=2)
        return fits

    def affordable(self, choice: Ints) -> bool:
        """Return whether a choice is within the budget in all and within every limit."""
        chosen = self.use[self.offers_of(choice)]
        sums = np.array([math.fsum(column) for column in chosen.T])
        return bool((sums <= self.limit + self._slack).all()) and super().affordable(choice)

    def rounded(self, taken: Floats, least: float, clock: Clock) -> State:
        """Return the choice that takes options by their relaxed values, then is filled.

        Parameters
        ----------
        taken
            How much of each option the relaxed program takes, 0 to 1.
        least
            Options below it are not taken in the first step.
        clock
            Stops the filling early.
        """
        choice = self.base.copy()
        spent, used = self.spent(choice), self.used(choice)
        budget = self.instance.budget_pkr + BUDGET_TOLERANCE_PKR
        for flat in np.argsort(-taken, axis=None, kind="stable").tolist():
            j, option = divmod(flat, taken.shape[1])
            if taken[j, option] < least:
                break
            if option == 0 or choice[j] or not self.valid[j, option]:
                continue
            more, use = self.subsidy[j, option], self._used[j, option]
            if spent + more <= budget and (used + use <= self.limit + self._slack).all():
                choice[j] = option
                spent, used = spent + more, used + use
        return fill(self, self.at(choice), clock)
