"""Capacitated facility location: bounds by prices, plans by transport, and the program.

With prices ``u_i`` for service and ``v`` for capacity, no plan costs less than::

    sum of u_i + v W + sum over j of min(0, f_j - v q_j - K_j(u))

where ``W`` is the total weight and ``K_j(u)`` the most that site ``j`` earns from its customers at
these prices within its capacity, a knapsack filled by profit for one unit of weight. The best such
bound is that of the relaxed program with a row for each pair. Sites whose opening or closing alone
lifts it above the best plan are decided; the program is solved on the others.

Source: J. Beasley: An algorithm for solving large capacitated warehouse location problems. European
Journal of Operational Research 33 (1988), 314-325.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from siting.classics.lagrange import AIM, LEAST_STEP, SLACK, TRY_EVERY, Steps
from siting.classics.plain import PlainInstance
from siting.classics.programs import facility_location
from siting.classics.uncapacitated import Found, Means
from siting.engine.clock import Clock
from siting.program.instance import Flags, Floats

# Share of a demand below which a difference is rounding.
LEAST_SHARE = 1e-9
MOST_ITERATIONS = 2000
# Share of the time limit for prices before the program is built.
PRICES_END = 0.5


def transport(instance: PlainInstance, chosen: Flags) -> Floats | None:
    """Return the share of its demand that each pair serves at the least cost from open sites.

    None if these cannot serve all demand.
    """
    pair = np.flatnonzero(chosen[instance.site])
    row, site = instance.row[pair], instance.site[pair]
    rows = len(instance.demand_ids)
    if len(np.unique(row)) < rows:
        return None
    load = np.bincount(site, instance.weight[row], minlength=len(chosen))
    tight = np.flatnonzero(load > instance.capacity)
    shares = np.zeros(len(instance.site))
    if not len(tight):
        first = np.unique(row, return_index=True)[1]
        shares[pair[first]] = 1.0
        return shares
    number = np.full(len(chosen), -1)
    number[tight] = np.arange(len(tight))
    full = np.flatnonzero(number[site] >= 0)
    unit = max(float(instance.weight.mean()), 1e-300)
    answer = linprog(  # type: ignore[call-overload]
        instance.whole[pair],
        A_ub=sparse.csr_array(
            (instance.weight[row[full]] / unit, (number[site[full]], full)),
            shape=(len(tight), len(pair)),
        ),
        b_ub=instance.capacity[tight] / unit,
        A_eq=sparse.csr_array(
            (np.ones(len(pair)), (row, np.arange(len(pair)))), shape=(rows, len(pair))
        ),
        b_eq=np.ones(rows),
        bounds=(0, 1),
        method="highs",
    )
    if answer.status != 0:
        return None
    share = np.where(answer.x < LEAST_SHARE, 0.0, answer.x)
    shares[pair] = share / np.bincount(row, share, minlength=rows)[row]
    return shares


def plan_cost(instance: PlainInstance, chosen: Flags) -> float:
    """Return the cost of opening sites and serving all demand; infinite if impossible."""
    if instance.capacity[chosen].sum() < instance.weight.sum() * (1 - 1e-9):
        return math.inf
    shares = transport(instance, chosen)
    if shares is None:
        return math.inf
    return float(instance.fixed_cost[chosen].sum() + instance.whole @ shares)


class _Prices:
    """Prices, the bound they prove, the sites they decide, and the best plan met on the way."""

    def __init__(self, instance: PlainInstance) -> None:
        self.instance = instance
        self.row, self.site = instance.row, instance.site
        self.weight = instance.weight[self.row]
        load = np.bincount(self.site, self.weight, minlength=len(instance.site_ids))
        self.room = np.minimum(instance.capacity, load)
        self.open, self.closed = instance.existing.copy(), np.zeros_like(instance.existing)
        self.best = np.ones_like(self.open)
        self.value = plan_cost(instance, self.best)
        self.bound = -math.inf
        self.tried: set[bytes] = set()

    def at(self, u: Floats) -> tuple[float, Floats, Flags, Floats]:
        """Return the bound, the score of every site, a set of sites to try and the slope."""
        instance = self.instance
        profit = u[self.row] - instance.whole
        pair = np.flatnonzero((profit > 0) & ~self.closed[self.site])
        weight, site = self.weight[pair], self.site[pair]
        pair = pair[np.lexsort((-profit[pair] / np.maximum(weight, 1e-300), site))]
        weight, site = self.weight[pair], self.site[pair]
        upto = np.cumsum(weight)
        has, first = np.unique(site, return_index=True)
        before = np.zeros(len(self.room))
        before[has] = upto[first] - weight[first]
        left = self.room[site] - (upto - weight - before[site])
        share = np.clip(left / np.maximum(weight, 1e-300), 0.0, 1.0)
        share[weight <= 0] = 1.0
        earned = np.bincount(site, share * profit[pair], minlength=len(self.room))
        score = instance.fixed_cost - earned
        price, taken = self._enough(score)
        score = score - price * self.room
        negative = self._taken(score)
        bound = float(u.sum() + price * instance.weight.sum() + score[negative].sum())
        served = np.bincount(
            self.row[pair], share * taken[site], minlength=len(instance.demand_ids)
        )
        return bound, score, taken > 0, 1.0 - served

    def _taken(self, score: Floats) -> Flags:
        return self.open | ((score < 0) & ~self.closed)

    def _enough(self, score: Floats) -> tuple[float, Floats]:
        """Return the price of capacity, and each site's share in a relaxation with enough of it."""
        taken = self._taken(score).astype(float)
        short = float(self.instance.weight.sum() - self.room @ taken)
        if short <= 0:
            return 0.0, taken
        more = np.flatnonzero((taken == 0) & ~self.closed & (self.room > 0))
        more = more[np.argsort(score[more] / self.room[more], kind="stable")]
        price = 0.0
        for j in more.tolist():
            taken[j] = min(1.0, short / self.room[j])
            price = float(score[j] / self.room[j])
            short -= self.room[j]
            if short <= 0:
                break
        return price, taken

    def offer(self, chosen: Flags) -> bool:
        """Keep a set of sites if it is the best so far; return whether it is."""
        key = np.packbits(chosen).tobytes()
        if key in self.tried:
            return False
        self.tried.add(key)
        value = plan_cost(self.instance, chosen)
        if value < self.value * (1 - SLACK):
            self.value, self.best = value, chosen.copy()
            return True
        return False

    def decide(self, bound: float, score: Floats) -> None:
        """Close and open the sites decided in every better plan."""
        target = self.value + SLACK * max(abs(self.value), 1.0)
        free = ~self.open & ~self.closed
        self.closed |= free & (score > 0) & (bound + score > target)
        self.open |= free & (score < 0) & (bound - score > target)

    def tighten(self, means: Means) -> None:
        """Better prices until the gap is reached or the steps are too small."""
        instance = self.instance
        share = instance.whole + instance.fixed_cost[self.site] * self.weight / np.maximum(
            self.room[self.site], 1e-300
        )
        u = np.full(len(instance.demand_ids), np.inf)
        np.minimum.at(u, self.row, share)
        steps = Steps(u)
        for n in range(MOST_ITERATIONS):
            if means.clock.over:
                break
            bound, score, chosen, slope = self.at(steps.u)
            steps.hear(bound)
            self.bound = steps.bound
            self.decide(bound, score)
            if n % TRY_EVERY == 0 and self.offer(chosen):
                self.drop(means)
            if means.done(self.value, min(self.bound, self.value)):
                break
            if steps.back():
                if steps.scale < LEAST_STEP * 5:
                    break
                slope = self.at(steps.u)[3]
            if not steps.go(slope, AIM * self.value, -math.inf, math.inf):
                break

    def drop(self, means: Means) -> None:
        """Close sites of the best plan, the most expensive first, while that saves cost."""
        for j in np.argsort(-self.instance.fixed_cost, kind="stable").tolist():
            if means.clock.over:
                return
            if self.best[j] and not self.instance.existing[j]:
                fewer = self.best.copy()
                fewer[j] = False
                self.offer(fewer)


def settle_warehouse(instance: PlainInstance, chosen: Flags, clock: Clock) -> Flags:
    """Return an equally cheap set of sites without idle or unprofitable ones.

    Existing sites stay. When time is up, the present set is returned.
    """
    shares = transport(instance, chosen)
    if shares is None:
        return chosen
    used = instance.existing.copy()
    used[instance.site[shares > 0]] = True
    value = plan_cost(instance, used)
    for j in np.flatnonzero(used & ~instance.existing)[::-1].tolist():
        if clock.over:
            break
        used[j] = False
        if plan_cost(instance, used) > value * (1 + SLACK):
            used[j] = True
    return used


def search_warehouse(instance: PlainInstance, means: Means) -> Found:
    """Return the best plan of the capacitated problem found, and the bound on any.

    Every demand of the instance needs serving.
    """
    clock = means.clock
    with clock.phase("start", PRICES_END):
        prices = _Prices(instance)
    incumbent = Found(prices.best, prices.value, -math.inf)
    try:
        try:
            with clock.phase("prices", PRICES_END):
                prices.tighten(means)
                prices.drop(means)
        finally:
            incumbent.chosen, incumbent.value = prices.best, prices.value
            incumbent.bound = min(prices.bound, prices.value)
        if not clock.over and not means.done(incumbent.value, incumbent.bound):
            _decide(incumbent, instance, prices, means)
    except KeyboardInterrupt:
        clock.interrupted = True
    return incumbent


def _decide(incumbent: Found, instance: PlainInstance, prices: _Prices, means: Means) -> None:
    """Solve the program over the sites that prices left undecided."""
    with means.clock.phase("build"):
        left = instance.restricted(~prices.closed[instance.site])
        left = left.with_existing(instance.existing | prices.open)
        program = facility_location(left, capacitated=True)
    run, chosen = means.decide(program, prices.best, gap=means.gap)
    incumbent.nodes, incumbent.status = run.nodes, run.status
    if chosen is not None:
        value = plan_cost(instance, chosen)
        if value < incumbent.value:
            incumbent.chosen, incumbent.value = chosen, value
    if math.isfinite(run.bound):
        incumbent.bound = max(incumbent.bound, min(run.bound, prices.value, incumbent.value))
