"""Of all plans that serve as much: the one that spends least, then costs least, then by id.

Three programs after another on the projection of `siting.solve.projection`: the least subsidy with
no less energy, then the least cost with no more subsidy, then the smallest sum of the places of its
offers in the order of ids. Each answer is valued exactly. One that serves less after all gives new
cuts and is ruled out by name, so that the solver's tolerances cannot bring it back.
"""

from __future__ import annotations

import numpy as np
import pulp

from siting.models.instance import Floats, Ints
from siting.models.program import Program
from siting.solve.clock import Clock
from siting.solve.highs import run_highs
from siting.solve.projection import Projection
from siting.solve.valuer import State, Valuer

# Gaps this small ask for the best plan itself; ties are then worth breaking exactly.
EXACT_GAP = 1e-9
ROUNDS = 200
# Rupees, and places in the order of ids, that count as equal.
SAME = 1e-6


def break_ties(
    program: Program, valuer: Valuer, best: State, clock: Clock, *, threads: int, seed: int
) -> State | None:
    """Return the first of the best plans in the order above; None if time or rounds run out.

    Parameters
    ----------
    program
        The full program.
    valuer
        Values and bounds of the same instance.
    best
        A plan proven to serve most.
    clock, threads, seed
        As for `siting.solve.highs.run_highs`.
    """
    instance, offer = program.instance, program.offer
    rank = (offer + 1.0) * ~instance.offer_existing[offer]
    orders = (instance.offer_subsidy[offer], instance.offer_cost[offer], rank.astype(np.float64))
    projection = Projection(program, valuer)
    for cuts in (valuer.plain_cuts(), *valuer.cuts):
        for cut in cuts:
            projection.add(cut)
    projection.serve_at_least(best.value)
    with clock.phase("ties"):
        for weights in orders:
            better = _least(projection, valuer, best, weights, clock, threads, seed)
            if better is None:
                return None
            best = better
            projection.weigh_at_most(weights, _weight(valuer, offer, weights, best))
    return best


def _least(
    projection: Projection,
    valuer: Valuer,
    best: State,
    weights: Floats,
    clock: Clock,
    threads: int,
    seed: int,
) -> State | None:
    """Return the plan of least weight that serves as much as the best, or None if not proven."""
    offer = projection.offer
    now = _weight(valuer, offer, weights, best)
    if now <= 0:
        return best
    projection.minimise(weights)
    for _ in range(ROUNDS):
        if clock.over:
            return None
        run = run_highs(projection.prob, clock, threads=threads, seed=seed)
        if run.status != pulp.LpSolveStatus.Optimal or not run.found:
            return None
        choice = projection.choice()
        state = valuer.at(choice)
        if _weight(valuer, offer, weights, state) >= now - SAME:
            return best
        if state.value >= best.value - valuer.noise and valuer.affordable(choice):
            return state
        for cut in valuer.fresh_cuts(choice):
            projection.add(cut)
        projection.rule_out(choice)
    return None


def _weight(valuer: Valuer, offer: Ints, weights: Floats, state: State) -> float:
    taken = np.isin(offer, valuer.offers_of(state.choice))
    return float(np.sum(np.sort(weights[taken])))
