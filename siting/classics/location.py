"""The cost of a set of open sites in the models without capacities, and the search for better sets.

The set covering, maximal covering, p-median and uncapacitated facility location problems are one
problem here::

    min over sets S of sites    sum of f_j over S  +  sum over i of min(n_i, min of c_ij over S)
    with  existing sites in S,  |S| <= p if p is given

where ``f_j`` is the cost of opening site ``j``, ``c_ij`` the cost of serving row ``i`` from it, and
``n_i`` the cost of leaving row ``i`` unserved. In maximal covering, ``n_i`` is the weight of the
row; in the other problems, it is above the cost of any plan. `improve` is the interchange of Teitz
and Bart (1968) in the fast form of Whitaker (1983) and Resende and Werneck (2007). `improve`
computes the profit of every exchange in one pass over the pairs nearer than the second-nearest open
site.

Sources: M. Resende, R. Werneck: A fast swap-based local search procedure for location problems.
Annals of Operations Research 150 (2007), 205-230. M. Teitz, P. Bart: Heuristic methods for
estimating the generalized vertex median of a weighted graph. Operations Research 16 (1968),
955-961. R. Whitaker: A fast algorithm for the greedy interchange for large-scale clustering and
median location problems. INFOR 21 (1983), 95-108.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from siting import settings
from siting.classics.plain import PlainInstance
from siting.engine.clock import Clock
from siting.program.instance import Flags, Floats, Ints


@dataclass(frozen=True, eq=False)
class Location:
    """A location problem without capacities, as arrays."""

    # Pairs by row, cheapest first.
    row: Ints
    site: Ints
    cost: Floats
    fixed: Floats  # cost of opening each site
    unserved: Floats  # cost of leaving each row unserved
    existing: Flags  # whether each site already exists, and is thus in every plan
    most: int  # maximum number of sites in a plan


def make_location(
    instance: PlainInstance, cost: Floats | None = None, *, p: int | None = None,
    fixed: Floats | None = None, unserved: Floats | None = None,
) -> Location:  # fmt: skip
    """Return the problem of an instance with the given costs; by default, serving costs nothing."""
    cost = np.zeros(len(instance.site)) if cost is None else cost
    fixed = np.zeros(len(instance.site_ids)) if fixed is None else fixed
    if unserved is None:
        last = instance.start[1:] - 1
        dearest = np.where(np.diff(instance.start) > 0, cost[last], 0.0)
        unserved = np.full(len(last), np.ceil(1.0 + dearest.sum() + fixed.sum()))
    most = len(fixed) if p is None else p
    return Location(instance.row, instance.site, cost, fixed, unserved, instance.existing, most)


def total(problem: Location, chosen: Flags) -> float:
    """Return the cost of opening the given sites and serving every row as cheaply as possible."""
    return float(problem.fixed[chosen].sum() + nearest(problem, chosen)[0].sum())


def nearest(problem: Location, chosen: Flags) -> tuple[Floats, Ints, Floats]:
    """Return each row's lowest cost, the site with that cost (-1: none), and the second lowest."""
    rows = len(problem.unserved)
    cheapest, site, second = problem.unserved.copy(), np.full(rows, -1), problem.unserved.copy()
    pair = np.flatnonzero(chosen[problem.site])
    is_first = np.diff(problem.row[pair], prepend=-1) > 0
    is_second = ~is_first & np.append(False, is_first)[:-1]
    one, two = pair[is_first], pair[is_second]
    cheapest[problem.row[one]], site[problem.row[one]] = problem.cost[one], problem.site[one]
    second[problem.row[two]] = problem.cost[two]
    site[cheapest > problem.unserved] = -1
    return np.minimum(cheapest, problem.unserved), site, np.minimum(second, problem.unserved)


def first_plan(problem: Location, clock: Clock) -> Flags:
    """Add sites to the existing sites, best first, while this saves cost; `improve` the plan."""
    chosen = problem.existing.copy()
    cheapest = nearest(problem, chosen)[0]
    scale = max(float(cheapest.sum()), 1e-300)
    while chosen.sum() < problem.most and not clock.over:
        saved = np.maximum(cheapest[problem.row] - problem.cost, 0.0)
        profit = np.bincount(problem.site, saved, minlength=len(chosen)) - problem.fixed
        profit[chosen] = -np.inf
        best = int(np.argmax(profit))
        if profit[best] <= settings.SUMMED * scale:
            break
        chosen[best] = True
        here = problem.site == best
        rows = problem.row[here]
        cheapest[rows] = np.minimum(cheapest[rows], problem.cost[here])
    return improve(problem, chosen, clock)


def improve(problem: Location, chosen: Flags, clock: Clock) -> Flags:
    """Add, drop or exchange single sites while this saves cost; return the open sites."""
    chosen = chosen.copy()
    while not clock.over:
        now, open_sites, gain, drop, swap = _profits(problem, chosen)
        moves = [(0.0, -1, -1)]
        if len(open_sites):
            new, old = divmod(int(np.argmax(swap)), len(open_sites))
            moves.append((float(swap[new, old]), new, int(open_sites[old])))
            moves.append((float(drop.max()), -1, int(open_sites[np.argmax(drop)])))
        if len(open_sites) < problem.most:
            moves.append((float(gain.max()), int(np.argmax(gain)), -1))
        profit, opens, closes = max(moves, key=lambda move: move[0])
        if profit <= settings.SUMMED * max(now, 1e-300):
            break
        if opens >= 0:
            chosen[opens] = True
        if closes >= 0:
            chosen[closes] = False
    return chosen


def settle(problem: Location, chosen: Flags) -> Flags:
    """Return an equally good set without idle sites, preferring lower ids at equal cost."""
    chosen = chosen.copy()
    while True:
        now, open_sites, _, drop, swap = _profits(problem, chosen)
        noise = settings.SUMMED * max(now, 1e-300)
        idle = open_sites[drop >= -noise]
        if len(idle):
            chosen[idle[-1]] = False
            continue
        lower = np.arange(len(chosen))[:, None] < open_sites
        free = np.argwhere((swap >= -noise) & lower)
        if not len(free):
            return chosen
        new, old = min(free.tolist(), key=lambda move: (-move[1], move[0]))
        chosen[open_sites[old]], chosen[new] = False, True


def _profits(problem: Location, chosen: Flags) -> tuple[float, Ints, Floats, Floats, Floats]:
    """Return the cost, the chosen sites, and the saving from each addition, drop and exchange."""
    cheapest, site, second = nearest(problem, chosen)
    sites, open_sites = len(chosen), np.flatnonzero(chosen)
    at = np.cumsum(chosen) - 1  # index of each open site among the open sites
    served = site >= 0
    # `loss` is the rise in cost if an open site closes; `extra` is the part of this rise that a new
    # site would avoid.
    loss = np.bincount(at[site[served]], (second - cheapest)[served], minlength=len(open_sites))
    near = np.flatnonzero(problem.cost < second[problem.row])
    row, new, cost = problem.row[near], problem.site[near], problem.cost[near]
    gain = np.bincount(new, np.maximum(cheapest[row] - cost, 0.0), minlength=sites) - problem.fixed
    gain[chosen] = -np.inf
    drop = problem.fixed[open_sites] - loss
    drop[problem.existing[open_sites]] = -np.inf
    back = served[row]
    key = new[back] * len(open_sites) + at[site[row[back]]]
    extra = second[row[back]] - np.maximum(cheapest[row[back]], cost[back])
    swap = np.bincount(key, extra, minlength=sites * len(open_sites))
    swap = swap.reshape(sites, len(open_sites)) + gain[:, None] + drop[None, :]
    return float(cheapest.sum() + problem.fixed[chosen].sum()), open_sites, gain, drop, swap
