"""The root of the search: its bound, and plans made from its relaxation.

1. Cuts on the master problem, round after round, until they gain little.
2. Under the viability gap: the relaxation, made viable.
3. Else, without a fast evaluation: dives, each followed by the cuts at its plan.
4. Rounding, or construction at the relaxation's prices.
5. Without a fast evaluation, or with many choices: 1- and 2-exchanges. After dives, where a choice
   is not the sum of its parts: integer programs over the options of incumbent and relaxation.

If there is still no plan: windows repair floors that the constructed plan misses, and a dive starts
from the whole relaxation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from siting import settings
from siting.engine.first_plans import round_plans, round_viable, sow_again
from siting.engine.incumbent import Incumbent
from siting.engine.interchange import Interchange
from siting.engine.relax import Relaxation
from siting.engine.relaxed_floors import short_of, softened
from siting.engine.station_bound import bound_at
from siting.engine.windows import Windows


def search_root(inc: Incumbent) -> None:
    """Bound by cuts, and make plans from the relaxation."""
    if inc.known is not None and inc.master.cutter.money:
        with inc.clock.phase("viable", inc.until(0.3)):
            round_viable(inc, inc.known.taken)
        if inc.done:
            return
    if inc.choice is not None:
        inc.master.begin_at(inc.choice)
    long, sows = inc.large and inc.master.by_programs, inc.choice is not None
    stalled, ends = (
        (settings.LONG_STALLED, settings.LONG_ROOT_ENDS)
        if long
        else (settings.ROOT_STALLED, settings.ROOT_SHARE)
    )
    if inc.frame.drawn_by_year:  # these cuts are slow and weak
        ends = settings.DRAWN_ROOT_ENDS
    cut(inc, stalled, ends)
    if inc.root is None or inc.done:
        return
    inc.taken = inc.root.taken
    before, money = inc.best, bool(inc.master.cutter.money)
    if money:
        with inc.clock.phase("viable", inc.until(0.6)):
            round_viable(inc, inc.root.taken)
        if inc.best > before:  # construction does not improve on that
            return
    # Where flows alone decide, the constructed plan is as good as theirs, and faster.
    hard = not money and (inc.valuer is None or inc.choice is None)
    if hard:
        _in_rounds(inc, "dive", 0.6, _dives(inc))
    with inc.clock.phase("rounding", inc.until(0.3)):
        if not inc.large:
            round_plans(inc, inc.root.taken)
        elif sows:  # the constructed plan meets all floors; another takes long
            sow_again(inc, inc.root.taken, settings.ROUND_FROM[1:2])
    interchange(inc, inc.until(settings.MAIN_SHARE))
    if hard and not inc.summed and not inc.done:
        _in_rounds(inc, "programs", settings.SIDE_SHARE, _programs_near(inc))


def cut(inc: Incumbent, stalled: float, ends: float) -> None:
    """Bound by cuts, until a round lowers the bound by less than a share."""
    with inc.clock.phase("cuts", inc.until(ends)):
        inc.root, low = inc.master.tighten(settings.CUT_ROUNDS, stalled, inc.proven_at)
        inc.infeasible = low == -math.inf
        inc.limit(low)
        priced = inc.frame.layout.capacitated and inc.frame.layout.by_pair
        if priced and inc.root is not None and not inc.infeasible:
            whole = inc.frame if inc.known is None else inc.known.whole
            inc.bounds = bound_at(whole, inc.master.prices(), inc.clock)
            inc.at_most = inc.bounds.at_most
            if inc.known is not None:
                inc.at_most = inc.at_most[inc.known.options]


def _in_rounds(inc: Incumbent, phase: str, share: float, rounds: Iterator[None]) -> None:
    """Run rounds of a phase within a share of the time left, leaving time for the answer.

    That time is unknown before there is a plan, which a round may find.
    """
    until, going = inc.until(share), True
    while going:
        with inc.clock.phase(phase, min(until, inc.ends)):
            going = not inc.clock.over and next(rounds, "over") is None


def _dives(inc: Incumbent) -> Iterator[None]:
    """Dive from the relaxed master problem while cuts at the plans lead to better ones."""
    idle, most = 0, 1 if inc.summed else settings.IDLE
    while idle < most and (relaxed := inc.relaxed()) is not None:
        choice = inc.master.dive(relaxed.taken, inc.room)
        if choice is None or inc.done:
            return
        before = inc.best
        inc.cut_at(choice, relaxed)
        idle = 0 if inc.best > before else idle + 1
        yield


def interchange(inc: Incumbent, until: float) -> None:
    """Run 1- and 2-exchanges while they improve the plan, where that pays.

    The value is taken as the sum of the parts; floors may lower it. So the plan is valued every
    few steps, and at each step once that disappoints.

    `until`: share of the whole time limit at which it ends.
    """
    # Small programs with a fast evaluation have exchanges of their own.
    if not inc.summed or not inc.slow or inc.done:
        return
    if inc.swaps is None:
        inc.swaps = Interchange(
            inc.frame, inc.master, inc.room, inc.clock, threads=inc.options.threads
        )
    swaps = inc.swaps
    steps, refused = settings.EXCHANGE_STEPS, set[bytes]()
    while inc.choice is not None and not inc.done:
        at = before = inc.frame.by_site(inc.choice)
        with inc.clock.phase("interchange", until):
            for _ in range(steps):
                better = swaps.better(at, refused)
                if better is None:
                    break
                at = better
        if at is before:
            return
        best = inc.best
        with inc.clock.phase("interchange"):
            inc.weighed(np.sort(at[at >= 0]))
        if inc.best <= best:
            if steps == 1:
                refused.add(at.tobytes())
            steps = 1


def _programs_near(inc: Incumbent) -> Iterator[None]:
    """Solve the master problem over the options of incumbent and relaxation, in rounds.

    Each solution is cut off before the next round: with so few options that is fast.
    """
    options = inc.options
    tried: set[bytes] = set()
    while (relaxed := inc.relaxed()) is not None:
        near = relaxed.taken > settings.SIGNIFICANT
        if inc.choice is not None:
            near[inc.choice] = True
        _, _, choice = inc.master.program(
            near, inc.choice, threads=options.threads, seed=options.seed,
            gap=settings.PROGRAM_GAP * options.gap, nodes=settings.PROGRAM_NODES,
        )  # fmt: skip
        if choice is None or choice.tobytes() in tried or inc.done:
            return
        tried.add(choice.tobytes())
        inc.cut_at(choice, relaxed)
        yield


def relax(inc: Incumbent) -> None:
    """Bound by the whole relaxation, unless known, and dive from it if there is no plan yet."""
    if inc.known is not None and inc.choice is not None:
        return
    with inc.clock.phase("relaxation", inc.until(0.6)):
        relaxation = Relaxation(inc.frame, inc.clock, seed=inc.options.seed)
        bound = relaxation.solve()
        inc.infeasible = bound == -math.inf
        inc.limit(bound)
        if inc.done or relaxation.found is None or not relaxation.found.optimal:
            return
        inc.taken = relaxation.taken
        if inc.choice is not None and not inc.options.greedy:
            return  # a dive takes as long again, and windows gain more
        choice = relaxation.dive(inc.room)
        if choice is not None:
            inc.weighed(choice)


def soften(inc: Incumbent) -> None:
    """Repair the constructed plan until it meets all floors."""
    soft = softened(inc.frame)
    if soft is None:
        return
    frame, columns = soft
    with inc.clock.phase("floors", inc.until(0.4)):
        served = frame.serve(inc.sown, inc.clock)
        if not served.found:
            return
        windows = Windows(
            frame, served.point, inc.taken, inc.clock,
            threads=inc.options.threads, seed=inc.options.seed,
        )  # fmt: skip
        while not inc.clock.over and not windows.exhausted:
            windows.round()
            if short_of(windows.point, columns) <= 1e-9:
                inc.weighed(windows.choice)
                if inc.choice is not None:
                    return
