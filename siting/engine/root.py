"""The root of the search: a bound on all plans, and plans made from the relaxation.

1. If column generation has solved the relaxation, a plan is built area by area at the relaxation's
   prices. If public money pays viability gaps, the relaxation is also turned into plans whose
   stations break even (but in a large program only if no plan was built in time). A large program
   with viability gaps then skips steps 2 and 3.
2. Cuts are added to the master problem in rounds, until they hardly lower the bound. If column
   generation has already given a bound, these rounds are limited to the work of one turn, and later
   turns continue them.
3. If public money pays viability gaps, the relaxation with these cuts is turned into plans whose
   stations break even. Otherwise, a dive starts from the relaxation if evaluating choices is slow
   or no plan is known; then the relaxation is rounded.

If there is still no plan, windows repair the constructed plan until it meets all requirements, and
a dive starts from the relaxation with all options.
"""

from __future__ import annotations

import math

import numpy as np

from siting import settings
from siting.engine.first_plans import build, round_plans, round_viable, whole_stations
from siting.engine.incumbent import Incumbent
from siting.engine.pricing import bounds_on_drives
from siting.engine.relax import Relaxation
from siting.engine.relaxed_floors import softened
from siting.engine.station_bound import bound_at
from siting.engine.windows import Windows


def search_root(inc: Incumbent) -> None:
    """Compute a bound by cuts, and make plans from the relaxation."""
    if inc.known is not None:
        # In a large program, this plan is better than those of the later steps.
        share = settings.MAIN_SHARE if inc.heavy else settings.START_SHARE
        with inc.clock.phase("areas", inc.until(share)):
            build(inc)
        if inc.master.cutter.money and not (inc.done or (inc.heavy and inc.built)):
            with inc.clock.phase("viable", inc.until(settings.START_SHARE)):
                round_viable(inc, whole_stations(inc, [inc.known.taken]))
        # In a large program, the first rounds of cuts take longer than column generation.
        if inc.done or (inc.heavy and inc.master.cutter.money):
            return
    if inc.choice is not None:
        inc.master.begin_at(inc.choice)
    long = inc.heavy and bool(inc.master.cutter.alone)
    ends = settings.START_SHARE if long or inc.frame.drawn_by_year else settings.ROOT_SHARE
    cut(inc, settings.NODE_STALLED if long else settings.STALLED, ends)
    if inc.root is None or inc.done:
        return
    inc.taken = inc.root.taken
    before, money = inc.best, bool(inc.master.cutter.money)
    if money:
        with inc.clock.phase("viable", inc.until(settings.ROOT_SHARE)):
            round_viable(inc, whole_stations(inc, [inc.root.taken]))
        if inc.best > before:  # further steps would not improve the plan
            return
    # If choices are evaluated quickly, the construction heuristic soon finds an equally good plan.
    if not money and (inc.valuer is None or inc.choice is None):
        with inc.clock.phase("dive", inc.until(settings.ROOT_SHARE)):
            _dive(inc)
    if not inc.heavy:
        with inc.clock.phase("rounding", inc.until(settings.START_SHARE)):
            round_plans(inc, inc.root.taken)


def cut(inc: Incumbent, stalled: float, ends: float) -> None:
    """Add cuts until a round lowers the bound by less than the fraction `stalled`."""
    began = inc.clock.work
    with inc.clock.phase("cuts", inc.until(ends)):
        if inc.known is None:
            cut_by(inc, math.inf, stalled)
        else:
            while cut_by(inc, settings.ROUNDS, stalled):
                if inc.clock.over or inc.clock.work > began + settings.TURN:
                    return


def cut_by(inc: Incumbent, rounds: float, stalled: float) -> bool:
    """Add cuts for some rounds; return whether more rounds may lower the bound further."""
    before, known = inc.root, inc.known
    # Optima with a value above the bound of a known relaxation lead to poor plans.
    far = known is not None and (before is None or before.bound > known.priced.bound)
    inc.master.open_all()
    passed = None if far else inc.relaxations
    root, low = inc.master.tighten(rounds, stalled, inc.proven_at, passed)
    inc.infeasible = low == -math.inf
    inc.limit(low)
    if root is None:  # no time was left
        return False
    inc.root = root
    if inc.frame.layout.capacitated and inc.frame.layout.by_pair and not inc.infeasible:
        whole = inc.frame if known is None else known.whole
        inc.bounds = bound_at(whole, inc.master.prices(), inc.clock)
        at_most = inc.bounds.at_most if known is None else inc.bounds.at_most[known.options]
        inc.at_most = np.minimum(inc.at_most, at_most)
    if inc.done:
        return False
    fallen = before is None or before.bound - root.bound > rounds * stalled * abs(root.bound)
    inc.flat_rounds = 0 if fallen else inc.flat_rounds + rounds
    return inc.flat_rounds < (settings.IDLE_AT_FIRST if far else 1)


def _dive(inc: Incumbent) -> None:
    """Dive repeatedly from the relaxed master problem, adding cuts, while plans improve."""
    # If the value of a choice is the sum of the values of its parts, one dive is enough.
    summed = inc.frame.program.gap is None and inc.frame.aim.of_worth and not inc.frame.reached
    idle, most = 0, 1 if summed else settings.IDLE
    while idle < most and not inc.done:
        relaxed = inc.master.solve()
        if relaxed is None or relaxed.bound == -math.inf:
            return
        inc.limit(relaxed.bound)
        choice = None if inc.done else inc.master.dive(relaxed.taken, inc.room)
        if choice is None or inc.done:
            return
        before = inc.best
        inc.cut_at(choice, relaxed)
        idle = 0 if inc.best > before else idle + 1


def relax(inc: Incumbent) -> None:
    """Compute the relaxation with all options and dive from it.

    If there is a plan, only the greedy method dives. If the relaxation is known too, nothing is
    done.
    """
    if inc.known is not None and inc.choice is not None:
        return
    with inc.clock.phase("relaxation", inc.until(settings.ROOT_SHARE)):
        if inc.frame.aim.of_drives and inc.frame.program.capacitated:
            priced = bounds_on_drives(
                inc.frame, inc.clock, inc.choice,
                gap=inc.effort.gap, seed=inc.effort.seed, best=inc.best,
            )  # fmt: skip
            if priced is not None:
                inc.infeasible, inc.taken = priced.infeasible, priced.taken
                inc.limit(priced.bound)
            if inc.done or (inc.choice is not None and not inc.greedy):
                return
        relaxation = Relaxation(inc.frame, inc.clock, seed=inc.effort.seed)
        bound = relaxation.solve()
        inc.infeasible = bound == -math.inf
        inc.limit(bound)
        if inc.done or not relaxation.found.optimal:
            return
        inc.taken = relaxation.taken
        if inc.choice is not None and not inc.greedy:
            return  # a dive would take as long as the relaxation, and windows gain more
        choice = relaxation.dive(inc.room)
        if choice is not None:
            inc.weighed(choice)


def soften(inc: Incumbent) -> None:
    """Repair the constructed plan by windows until it meets all requirements."""
    soft = softened(inc.frame)
    if soft is None:
        return
    frame, columns = soft
    with inc.clock.phase("floors", inc.until(settings.START_SHARE)):
        served = frame.serve(inc.constructed, inc.clock)
        if not served.found:
            return
        threads, seed = inc.effort.threads, inc.effort.seed
        windows = Windows(frame, served.point, inc.taken, inc.clock, threads=threads, seed=seed)
        while not inc.clock.over and not windows.exhausted:
            windows.round()
            if windows.point[columns].max(initial=0.0) <= 1e-9:  # the largest shortfall
                inc.weighed(windows.choice)
                if inc.choice is not None:
                    return
