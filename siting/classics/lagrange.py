"""Lagrangian relaxation: a bound on every plan from prices of service, and decided sites.

Give up the rule that every row is served once, and pay ``u_i`` for each service instead. For any
prices ``u`` no plan costs less than::

    L(u) = sum of u_i  +  min over S of  sum over j in S of (f_j - sum over i of max(0, u_i - c_ij))

and the minimum is found by sorting the sites. With 0 <= u_i <= n_i the bound also holds for rows
that may stay unserved. Prices are improved by a deflected subgradient; as each ``u_i`` is kept at
or below a ceiling, only pairs below it are considered. A ceiling that binds is raised, so that the
limit costs nothing in the end.

A site whose opening (or closing) alone would lift the bound above the best plan is closed (or open)
in every better plan: the rest to decide is mostly small.

Source: J. Beasley: Lagrangean heuristics for location problems. European Journal of Operational
Research 65 (1993), 383-399. Deflection: P. Camerini, L. Fratta, F. Maffioli: On improving
relaxation methods by modified gradient techniques. Mathematical Programming Study 3 (1975), 26-34.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable

import numpy as np

from siting import settings
from siting.classics.location import Location, fill, improve, nearest, total
from siting.engine.clock import Clock
from siting.program.instance import Flags, Floats


class Steps:
    """The prices, the best results so far, and the step length.

    After `patience` steps without a better bound the scale of steps is halved.
    """

    def __init__(self, u: Floats, scale: float, patience: int) -> None:
        self.u, self.best = u.copy(), u.copy()
        self.scale, self.patience = scale, patience
        self.bound, self.stalled = -math.inf, 0
        self._direction = np.zeros_like(u)

    def hear(self, bound: float) -> bool:
        """Record the bound at the present prices; return whether it is the best."""
        better = bound > self.bound + settings.ARITHMETIC * abs(self.bound)
        self.stalled = 0 if better else self.stalled + 1
        if bound <= self.bound:
            return False
        self.bound, self.best = bound, self.u.copy()
        return True

    def back(self) -> bool:
        """Go back to the best prices with half the step if patience is at an end."""
        if self.stalled < self.patience:
            return False
        self.scale, self.stalled = self.scale / 2, 0
        self.u, self._direction = self.best.copy(), np.zeros_like(self.u)
        return True

    def go(self, slope: Floats, aim: float, ceiling: Floats) -> bool:
        """Step towards a bound of `aim`; return whether a direction remains."""
        self._direction = slope + settings.LAGRANGE_DEFLECTION * self._direction
        square = float(self._direction @ self._direction)
        if square <= 0:
            return False
        short = max(aim - self.bound, 1e-9 * abs(aim))
        self.u = np.clip(self.u + self.scale * short / square * self._direction, 0.0, ceiling)
        return True


class Prices:
    """Prices of service, the bound they prove, and the best plan met on the way, from a first."""

    def __init__(self, problem: Location, chosen: Flags) -> None:
        self.problem = problem
        self.best = chosen
        self.value = total(problem, chosen)
        self.bound = -math.inf
        self.step = problem.step
        self.iterations = 0
        self.first_scale, self.try_every = 1.0, settings.PLAN_EVERY
        self.open = problem.existing.copy()
        self.closed = np.zeros_like(self.open)
        self.often = self.open.astype(float)
        self._tried: set[bytes] = set()
        # Cheapest pairs of each row in the first model.
        few = max(8, math.ceil(3 * len(problem.fixed) / max(int(chosen.sum()), 1)))
        self._rank = np.minimum(np.diff(problem.start), few)
        self._ceiling = self._ceilings()
        self.u = np.minimum(self._first_prices(), self._ceiling)
        self._take_pairs()

    # --- what is known -----------------------------------------------------------------------

    def lifted(self, bound: float) -> float:
        """Return the least cost a plan can have at or above a bound: costs come in steps."""
        if not self.step or not math.isfinite(bound):
            return bound
        return math.ceil(bound / self.step - settings.SIGNIFICANT) * self.step

    @property
    def target(self) -> float:
        """Cost at or above which a plan is no better than the best one."""
        return self.value - self.step + settings.EXACT * max(abs(self.value), 1.0)

    @property
    def proven(self) -> float:
        """The bound on any plan's cost."""
        return min(self.lifted(self.bound), self.value)

    def shrink(self) -> None:
        """Let go of the pairs of sites that are closed: no better plan has them."""
        problem = self.problem
        keep = ~self.closed[problem.site]
        count = np.bincount(problem.row[keep], minlength=len(problem.unserved))
        self.problem = dataclasses.replace(
            problem,
            start=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
            row=problem.row[keep],
            site=problem.site[keep],
            cost=problem.cost[keep],
        )

    def release(self) -> None:
        """Free the pairs; a child builds its own."""
        none = np.zeros(0, dtype=np.int64)
        self._row, self._site, self._has, self._edge = none, none, none, none
        self._cost = np.zeros(0)

    def child(self, site: int, *, opened: bool, value: float, best: Flags) -> Prices:
        """Return the same prices with one site more open or closed, and the best plan by now."""
        node = copy.copy(self)
        node.open, node.closed = self.open.copy(), self.closed.copy()
        (node.open if opened else node.closed)[site] = True
        node.bound, node.value, node.best = -math.inf, value, best
        node.often, node.iterations = self.often.copy(), 1
        node.first_scale, node.try_every = settings.NODE_STEP, 4 * settings.PLAN_EVERY
        if int(node.open.sum()) == node.problem.most:
            node.closed = ~node.open
        node._take_pairs()
        return node

    # --- work --------------------------------------------------------------------------------

    def tighten(
        self, clock: Clock, done: Callable[[float, float], bool], *, iterations: int = 3000
    ) -> None:
        """Better prices, plan and bound until a cost and the bound are done, or steps too small."""
        patience = settings.LAGRANGE_PATIENCE // (1 if self.first_scale == 1.0 else 2)
        steps = Steps(self.u, self.first_scale, patience)
        for _ in range(iterations):
            if clock.over:
                break
            self.iterations += 1
            bound, score, chosen, slope = self._at(steps.u)
            self.often += settings.LAGRANGE_FORGET * (chosen - self.often)
            if steps.hear(bound):
                self.bound = max(self.bound, bound)
                self._decide(bound, score, chosen)
                if (self.open | self.closed).all():
                    self._try(self.open, clock)
                    self.bound = max(self.bound, self.value)
            if self.iterations % self.try_every == 1:
                self._try(chosen, clock)
            if done(self.value, self.proven):
                break
            if steps.back():
                if steps.scale < settings.LAGRANGE_LEAST_STEP:
                    break
                if self._raise_ceilings(steps.u):
                    continue
                slope = self._at(steps.u)[3]
            if not steps.go(slope, settings.LAGRANGE_TARGET * self.value, self._ceiling):
                break
        self.u = steps.best

    def _at(self, u: Floats) -> tuple[float, Floats, Flags, Floats]:
        """Return the bound at some prices, the score of every site, the plan and the slope."""
        problem = self.problem
        score = problem.fixed.copy()
        if len(self._site):
            left = np.maximum(u[self._row] - self._cost, 0.0)
            score[self._has] -= np.add.reduceat(left, self._edge)
        chosen = self.open.copy()
        room = problem.most - int(chosen.sum())
        free = np.flatnonzero(~self.open & ~self.closed)
        if room < len(free):
            free = free[np.argpartition(score[free], room)[:room]] if room else free[:0]
        chosen[free[score[free] < 0]] = True
        bound = float(u.sum() + score[chosen].sum())
        take = chosen[self._site]
        row = self._row[take]
        served = np.bincount(row[u[row] > self._cost[take]], minlength=len(u))
        slope = np.asarray(1.0 - served, dtype=np.float64)
        # At its ceiling a price cannot rise, at 0 it cannot fall.
        slope[(u >= self._ceiling) & (slope > 0)] = 0.0
        return bound, score, chosen, slope

    def _decide(self, bound: float, score: Floats, chosen: Flags) -> None:
        """Close and open the sites decided in every better plan."""
        free = ~self.open & ~self.closed
        room = self.problem.most - int(self.open.sum())
        order = np.sort(score[free])
        last = min(float(order[room - 1]), 0.0) if 0 < room <= len(order) else 0.0
        after = min(float(order[room]), 0.0) if room < len(order) else 0.0
        rise_if_open = score - (last if room else -np.inf)
        rise_if_closed = after - score
        # A bound equal to the best plan's value excludes sites too, whatever their cost.
        shut = free & ~chosen & (bound + rise_if_open > self.target)
        held = free & chosen & (bound + rise_if_closed > self.target)
        self.closed |= shut
        self.open |= held

    def _try(self, chosen: Flags, clock: Clock) -> None:
        """Search from the plan the prices suggest, once for each."""
        key = np.packbits(chosen).tobytes()
        if key in self._tried:
            return
        self._tried.add(key)
        problem = self.problem
        if problem.p is not None and chosen.sum() < problem.p:
            chosen = fill(problem, chosen, clock)
        improved = improve(problem, chosen, clock)
        value = total(problem, improved)
        if value < self.value - settings.EXACT * abs(self.value):
            self.value, self.best = value, improved

    # --- pairs -------------------------------------------------------------------------------

    def _first_prices(self) -> Floats:
        """Return first prices: a row's second cheapest site, or its share of a new one."""
        problem = self.problem
        second = nearest(problem, self.best)[2]
        count = np.bincount(problem.site, minlength=len(problem.fixed))
        share = problem.cost + (problem.fixed / np.maximum(count, 1))[problem.site]
        dearest, least = np.zeros_like(second), np.full_like(second, np.inf)
        np.maximum.at(dearest, problem.row, problem.cost)
        np.minimum.at(least, problem.row, share)
        return np.minimum(np.maximum(np.minimum(second, dearest), least), problem.unserved)

    def _ceilings(self) -> Floats:
        """Return the cost of the first unused pair of each row."""
        problem = self.problem
        full = self._rank >= np.diff(problem.start)
        pair = np.where(full, 0, problem.start[:-1] + self._rank)
        ceiling = np.where(full, np.inf, problem.cost[pair] if len(problem.cost) else np.inf)
        return np.minimum(ceiling, problem.unserved)

    def _raise_ceilings(self, u: Floats) -> bool:
        """Use more pairs of the rows with a price at its ceiling; return whether any is new."""
        full = self._rank >= np.diff(self.problem.start)
        binding = ~full & (u < self.problem.unserved)
        binding &= u >= self._ceiling * (1 - settings.ROUNDING)
        if not binding.any():
            return False
        count = np.diff(self.problem.start)
        self._rank = np.where(binding, np.minimum(2 * self._rank, count), self._rank)
        self._ceiling = self._ceilings()
        self._take_pairs()
        return True

    def _take_pairs(self) -> None:
        problem = self.problem
        place = np.arange(len(problem.row)) - problem.start[problem.row]
        take = (place < self._rank[problem.row]) & (problem.cost < self._ceiling[problem.row])
        take &= ~self.closed[problem.site]
        pair = np.flatnonzero(take)
        pair = pair[np.argsort(problem.site[pair], kind="stable")]
        self._row, self._site = problem.row[pair], problem.site[pair]
        self._cost = problem.cost[pair]
        self._has, self._edge = np.unique(self._site, return_index=True)
