"""The solve for one aim: a first plan, a bound, and turns that improve both.

1. The start: an earlier or a constructed plan. If evaluation is fast, options are added to this
   plan in order of value per rupee.
2. The root: a bound by cuts, and plans from the relaxation (`siting.engine.root`).
3. Turns until the gap is proven (`siting.engine.schedule`). Roundings make plans or, in a large
   program, windows build them area by area. Crossover (combining two plans) and windows (large
   neighbourhood search) improve plans. Further cuts and integer programs of areas improve the
   bound. Integer master problems, and a tree with cuts in its nodes, improve both plans and bound.
"""

from __future__ import annotations

import numpy as np

from siting import settings
from siting.engine.answer import Result
from siting.engine.clock import Clock
from siting.engine.first_plans import first_plan, improve, mend
from siting.engine.greedy import best_single, constructed_for_any_money, for_any_money, guarantee
from siting.engine.incumbent import Incumbent
from siting.engine.relax import solve_native
from siting.engine.root import cut, relax, search_root, soften
from siting.engine.search import polish, round_relaxed
from siting.engine.turns import take_all_turns, turn_of_windows, windows_of
from siting.errors import Fault, SolveError


def search(inc: Incumbent) -> None:
    """Run the phases until the gap is proven or time is up."""
    clock = inc.clock
    begin(inc)
    if not inc.frame.count:
        return
    if inc.briefly:
        _briefly(inc)
        return
    if inc.greedy:
        _greedily(inc)
        return
    if inc.frame.matrix.a.shape[1] <= settings.WHOLE_FIRST and not inc.done:
        _whole(inc, settings.WHOLE_NODES)
    if not inc.done and inc.coarse:
        search_root(inc)
    if not inc.done and inc.choice is None:
        soften(inc)
    if not inc.done and (inc.choice is None or not inc.coarse):
        relax(inc)
    if not inc.done:
        with clock.within(inc.ends):
            take_all_turns(inc)
            small = inc.frame.matrix.a.shape[1] <= settings.WHOLE_LAST
            ended = inc.done or inc.lacks_options or inc.turns_ended != "done"
            if small and not ended:
                _whole(inc, 2**31 - 1)
            inc.ended_in_time = clock.over or inc.turns_ended == "yields"


def begin(inc: Incumbent) -> None:
    """Build the models and find a first plan, even if time is up."""
    with inc.clock.phase("build"):
        inc.build()
    if inc.coarse:
        inc.limit(inc.master.most)
    if inc.known is not None:
        inc.limit(inc.known.priced.bound)
    if not inc.frame.count:  # there are no options
        inc.weighed(np.zeros(0, dtype=np.int64))
        inc.infeasible = inc.choice is None
        inc.limit(inc.best)
        return
    ends = settings.START_SHARE if inc.frame.program.gap is None else settings.MAIN_SHARE
    with inc.clock.phase("start", inc.until(ends)):
        # Once time is up, the greedy method also uses `first_plan`, which still builds a station.
        greedy = inc.greedy and _in_any_money(inc) and not inc.clock.over
        if greedy:
            _start_greedily(inc)
        if inc.choice is None or not greedy:
            first_plan(inc)


def _briefly(inc: Incumbent) -> None:
    """Improve the plan by exchanges (windows if evaluation is slow), without proving a bound."""
    if inc.choice is None or inc.done:
        return
    if inc.valuer is not None:
        with inc.clock.phase("exchanges"):
            improve(inc, inc.valuer.at(inc.frame.by_site(inc.choice)))
        return
    windows, turns = windows_of(inc), 0
    while windows is not None and not (inc.done or windows.exhausted or turns >= inc.turns):
        turn_of_windows(inc, windows)
        turns += 1


def _in_any_money(inc: Incumbent) -> bool:
    """Return whether the aim also allows greedy plans for all smaller budgets."""
    program, first = inc.frame.program, not inc.frame.reached and inc.frame.aim.of_worth
    quick = program.gap is not None or inc.valuer is not None
    return first and inc.coarse and program.year_plan is None and quick


def _start_greedily(inc: Incumbent) -> None:
    """Keep the best of the plans for the full budget and every smaller budget."""
    if inc.start is not None:
        mend(inc, inc.start)
    if inc.valuer is not None:
        for state in for_any_money(inc.valuer, inc.clock):
            inc.keep_state(state)
        return
    inc.weighed(inc.frame.kept)
    for choice in constructed_for_any_money(inc.master.cutter, inc.room, inc.clock):
        inc.weighed(choice)


def _greedily(inc: Incumbent) -> None:
    """Compute a bound by cuts; round the relaxation unless plans exist for all budgets."""
    valuer = inc.valuer
    if valuer is not None:
        words = guarantee(valuer)
        if words and inc.choice is not None:
            state = valuer.at(inc.frame.by_site(inc.choice))
            inc.keep_state(best_single(valuer, state, inc.clock))
        inc.guarantee = "" if inc.clock.over else words
    if not inc.done:
        cut(inc, settings.STALLED, settings.ROOT_SHARE)
    taken = _in_any_money(inc) and inc.choice is not None
    if inc.done or inc.root is None or taken:
        return
    if valuer is None:
        relax(inc)
        return
    with inc.clock.phase("start"):
        for least in settings.ROUND_FROM:
            if not inc.done:
                inc.keep_state(round_relaxed(valuer, inc.root.taken, least, inc.clock))


def _whole(inc: Incumbent, nodes: int) -> None:
    """Let HiGHS solve the whole program from the incumbent."""
    start = inc.choice
    while True:
        with inc.clock.phase("whole", inc.ends):
            answer = solve_native(inc.frame, inc.clock, start, inc.effort, nodes)
        inc.nodes += answer.nodes
        if answer.infeasible:
            inc.infeasible = inc.choice is None
            return
        inc.limit(inc.frame.signed(answer.bound))
        if not answer.found:
            return
        value = inc.weighed(np.flatnonzero(answer.point[: inc.frame.count] > 0.5))
        believed = inc.frame.signed(answer.objective)
        if start is None or value >= believed - max(1e-6 * abs(believed), inc.noise):
            return
        # The presolve of HiGHS 1.16 may overvalue the starting plan, and then skip solutions below
        # this value. The bound remains valid.
        start = None


def result_of(inc: Incumbent) -> Result:
    """Polish the incumbent, and return it with its bound."""
    if inc.choice is None and inc.start is not None:  # there was no time to evaluate choices
        inc.weighed(inc.start, late=True)
    if inc.choice is None:
        why = "interrupted" if inc.clock.interrupted else "no plan found within the time limit"
        raise SolveError(Fault("solver", why, "raise the time limit, or relax the requirements"))
    if inc.valuer is not None:
        polish_clock = Clock(settings.RESERVE_S)
        state = polish(inc.valuer, inc.valuer.at(inc.frame.by_site(inc.choice)), polish_clock)
        if inc.valuer.allowed(state.choice):
            inc.choice, inc.best = np.sort(state.choice[state.choice >= 0]), state.value
    stopped = inc.clock.stopped
    if inc.greedy and not inc.clock.over:
        stopped = "greedy ended"
    elif not inc.clock.over and not inc.ended_in_time:
        stopped = "node limit" if inc.turns_ended == "turns" else "solver stopped"
    value, bound = inc.frame.sign * inc.best, inc.frame.sign * max(inc.bound, inc.best)
    more = inc.nodes, inc.guarantee, inc.noise, inc.bounds
    return Result(inc.choice, value, bound, stopped, *more)
