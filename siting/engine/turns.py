"""The steps of the search for one aim, run in turn: some improve plans, others bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, islice

import numpy as np

from siting import settings
from siting.engine.first_plans import (
    Start,
    build,
    drawn_stations,
    improve,
    round_plainly,
    round_viable,
    take,
    whole_stations,
)
from siting.engine.incumbent import Incumbent, Pair
from siting.engine.pricing import LaterBound
from siting.engine.root import cut_by
from siting.engine.schedule import Step, take_turns
from siting.engine.search import fill, round_relaxed
from siting.engine.tree import Tree
from siting.engine.windows import Windows
from siting.program.instance import Floats


def take_all_turns(inc: Incumbent) -> None:
    """Improve the plan and the bound by running the steps in turn, ordered by `take_turns`."""
    # Without a plan there is nothing that windows could improve.
    windows = Step(_window_turns(inc), lambda: inc.choice is not None)
    crossings = Step(_crossing_turns(inc), lambda: inc.plans.have_pairs(inc.choice))
    makers = [windows, crossings]
    later = None if inc.known is None else inc.known.priced.later
    # In a large program, each turn solves larger areas than the turn before.
    growth = settings.GROWTH**2 if inc.frame.large else 1.0
    bounds = [] if later is None else [Step(partial(_later_turn, inc, later), growth=growth)]
    steps = [*makers, *bounds]
    if inc.coarse:
        inc.master.forget_money()
        # Without the root's cuts, the master problem gives no better bound than column generation.
        has_cuts = inc.root is not None or not inc.heavy
        tree_turn, tree_left = _tree_turns(inc)
        programs = Step(_program_turns(inc), lambda: has_cuts, growth=settings.MORE)
        drawn = bool(inc.master.cutter.money)
        roundings = Step(_rounding_turns(inc), lambda: drawn or bool(inc.relaxations))
        # In a large program, plans built area by area are better than rounded relaxations.
        by_area = inc.heavy and inc.built
        first = Step(_building_turns(inc), growth=settings.MORE) if by_area else roundings
        makers = [first, crossings, windows]
        cuts = Step(partial(_cut_turn, inc), lambda: inc.known is not None and inc.root is not None)
        # The tree waits for the root's cuts, as its first turn may take as long as all earlier
        # turns.
        before_tree = [cuts] if has_cuts else makers

        def is_time_for_tree() -> bool:
            if inc.bound_only:
                return inc.bound > inc.beyond and all(one.ended for one in bounds)
            return all(one.ended or not one.ready() for one in before_tree)

        tree = Step(tree_turn, is_time_for_tree, left=tree_left)
        steps = [programs, *bounds, *makers, cuts, tree]
        # In a large program, later aims need all threads.
        inc.bound_steps = [*bounds, tree] if has_cuts else []

    def begun() -> bool:
        return all(step.work or not step.ready() for step in makers)

    # With a better plan, fewer missing options must be added, so steps that make plans come first.
    inc.turns_ended = take_turns(
        steps, inc.clock, left=lambda: inc.bound - inc.best,
        done=lambda: inc.done or (begun() and inc.lacks_options),
        turns=inc.turns, yields=_too_slow(inc, makers, steps),
    )  # fmt: skip


def go_on_with_bounds(inc: Incumbent) -> None:
    """Continue the steps that improve the bound; no plans are made."""
    inc.bound_only = True

    def bound() -> float:
        return max(inc.bound, inc.beyond)

    take_turns(
        inc.bound_steps, inc.clock, left=lambda: bound() - inc.best,
        done=lambda: inc.clock.over or inc.infeasible or bound() <= inc.proven_at,
    )  # fmt: skip


def _too_slow(inc: Incumbent, makers: Sequence[Step], steps: Sequence[Step]) -> Callable[[], bool]:
    """Return a function that tests whether the time left is too short to gain much.

    Two rates of progress (gap closed per second) are used: the mean rate of all turns, and the rate
    of the fastest step in its last turn. The time is too short if twice the higher rate would leave
    the gap unproven, and if the fastest step would close less than the requested gap. Each step
    that makes plans gets a turn before the time can count as too short.
    """
    clock, first, began_s = inc.clock, inc.bound - inc.best, inc.clock.elapsed_s

    def slow() -> bool:
        left, asked = inc.bound - inc.best, inc.effort.gap * abs(inc.best)
        if clock.share < inc.yields_from or not math.isfinite(first):
            return False
        if any(step.ready() and not step.work for step in makers):
            return False
        mean = (first - left) / max(clock.elapsed_s - began_s, 1e-9)
        last = max(step.pace for step in steps)
        unproven = 2 * max(mean, last) * clock.left_s < left - asked
        return unproven and last * clock.left_s < asked

    return slow


def _tree_turns(inc: Incumbent) -> tuple[Callable[[], bool], Callable[[], float]]:
    """Return a function that takes a turn of the tree, and one that returns the tree's gap."""
    tree = Tree(inc.master, inc, inc.clock, lambda taken: _plan_at(inc, taken), inc.hopeless)

    def turn() -> bool:
        done, began = tree.nodes, inc.clock.work
        with inc.clock.phase("tree", inc.ends):
            before = -1
            while not inc.done and before < tree.nodes and inc.clock.work <= began + settings.TURN:
                before = tree.nodes
                tree.run(1)
            fails = tree.nodes == done and not inc.clock.over
        inc.nodes += tree.nodes - done
        if tree.finished:
            inc.infeasible = not math.isfinite(inc.best)
        return not (tree.finished or fails)

    return turn, lambda: tree.bound - inc.best


def _later_turn(inc: Incumbent, bounds: LaterBound) -> bool:
    """Lower the bound by cases or areas; return whether another turn may lower it further."""
    effort = inc.effort
    with inc.clock.phase("area bounds", inc.ends):
        more = bounds.lower(
            effort.gap, inc.best, inc.clock, threads=effort.threads, seed=effort.seed
        )
    inc.limit_by(bounds)
    return more


def _cut_turn(inc: Incumbent) -> bool:
    with inc.clock.phase("cuts", inc.ends):
        return cut_by(inc, settings.ROUNDS, settings.STALLED)


def _rounding_turns(inc: Incumbent) -> Callable[[], bool]:
    """Return a function that makes plans from the root's optima, the latest first.

    If public money pays viability gaps, plans are then made from sites drawn at random (with
    probabilities in proportion to values in the last optimum or the relaxation with all options),
    until a draw repeats an earlier one.
    """
    optima = [inc.taken] if inc.known is None else [inc.taken, inc.known.taken]
    starts = _starts(inc, optima)

    def turn() -> bool:
        with inc.clock.phase("rounding", inc.ends):
            if not inc.master.cutter.money:
                _round_all(inc, inc.relaxations, settings.TURN)
                return bool(inc.relaxations)
            some = list(islice(starts, settings.CANDIDATES))
            round_viable(inc, some)
        return len(some) == settings.CANDIDATES

    return turn


def _starts(inc: Incumbent, optima: Sequence[Floats]) -> Iterator[Start]:
    """Yield choices from new optima at the root; between them, yield random draws of sites."""
    draws = drawn_stations(inc, optima)
    while True:
        yield from whole_stations(inc, inc.relaxations)
        if (draw := next(draws, None)) is None:
            return
        yield draw


def _program_turns(inc: Incumbent) -> Callable[[], bool]:
    """Return a function that solves the integer master problem and adds cuts at its optimum.

    At first, the program has only a few options per station of the relaxation: the options with the
    best bounds. Later, it has all options that a better plan may use.
    """
    nodes, size = settings.PROGRAM_NODES, settings.MORE**2
    effort, gap = inc.effort, settings.PROGRAM_GAP * inc.effort.gap

    def solved() -> bool:
        nonlocal nodes, size
        inc.master.open_all()
        relaxed = inc.master.solve()
        if relaxed is None or relaxed.bound == -math.inf:
            return False
        stations = int((relaxed.taken > settings.SIGNIFICANT).sum())
        at_most = np.minimum(relaxed.bound + relaxed.price, inc.at_most)
        enough = inc.above(gap)
        interest = max(enough, _exceeded_by(size * stations, at_most))
        hopeless, closed = relaxed.hopeless(interest)
        beyond, most = inc.hopeless(interest)
        allowed = ~(hopeless | beyond)
        if inc.choice is not None:
            allowed[inc.choice] = True
        bound, _, choice = inc.master.program(
            allowed, inc.choice, gap=gap, nodes=nodes, threads=effort.threads, seed=effort.seed
        )
        inc.limit(max(bound, closed, most))
        fewer = interest > enough  # whether options that may be useful are left out
        if choice is None:
            size *= settings.MORE
            return fewer and not inc.done
        before = inc.best
        if not inc.done:
            inc.cut_at(choice, relaxed)
        take(inc, choice)  # even if time ran out during the program
        if inc.done:
            return False
        # In a large program, exchanges gain less in the same time than windows do.
        if inc.valuer is not None and not inc.heavy:
            state = inc.valuer.at(inc.frame.by_site(choice))
            improve(inc, fill(inc.valuer, state, inc.clock))
        if inc.best <= before:
            nodes *= 1 if fewer else settings.MORE
            size *= settings.MORE
        return bool(nodes < settings.PROGRAM_NODES * settings.MORE**settings.IDLE)

    def turn() -> bool:
        before, began, more, worked = inc.best, inc.clock.work, True, 0.0
        with inc.clock.phase("programs", inc.ends):
            # If a choice is not a better plan, the cuts added at this choice lead to another
            # choice.
            while more and inc.best <= before and settings.MORE * worked <= settings.TURN:
                more, worked = solved(), inc.clock.work - began
        return more

    return turn


def _exceeded_by(count: float, bounds: Floats) -> float:
    """Return a value that about `count` of the bounds exceed; -inf if there are fewer."""
    rank = len(bounds) - 1 - int(count)
    return -math.inf if rank < 0 else float(np.partition(bounds, rank)[rank])


def _window_turns(inc: Incumbent) -> Callable[[], bool]:
    """Return a function that improves the plan by one turn of windows."""
    windows: Windows | None = None

    def turn() -> bool:
        nonlocal windows
        windows = windows or windows_of(inc)
        if windows is None:
            return False
        turn_of_windows(inc, windows)
        return not windows.exhausted

    return turn


def _building_turns(inc: Incumbent) -> Callable[[], bool]:
    """Return a function that builds another plan area by area, and combines it with others."""
    numbers, cross = count(1), _crossing_turns(inc)

    def turn() -> bool:
        with inc.clock.phase("areas"):
            build(inc, next(numbers))
        return cross()

    return turn


def _crossing_turns(inc: Incumbent) -> Callable[[], bool]:
    """Return a function that combines all plans in pairs, starting with the first generation."""
    windows: Windows | None = None

    def turn() -> bool:
        nonlocal windows
        windows = windows or windows_of(inc)
        if windows is None or inc.choice is None:
            return False
        with inc.clock.phase("crossings"):
            began = inc.clock.work
            while not inc.done and inc.plans.have_pairs(inc.choice):
                _cross(inc, windows, inc.plans.take(inc.effort.threads, inc.choice))
                if inc.clock.work > began + settings.TURN:
                    break
        return True

    return turn


def _cross(inc: Incumbent, windows: Windows, pairs: Sequence[Pair]) -> None:
    """Combine pairs of plans (crossover), and keep the results in their generation."""
    known, generations = [], []
    for first, second, generation in pairs:
        if (served := inc.serve(first)).found:
            known.append((served.point, second))
            generations.append(generation)
    money = np.zeros(0) if inc.prices is None else inc.prices.money
    for point, generation in zip(windows.cross(known, money), generations, strict=True):
        choice, value = take(inc, np.flatnonzero(point[: inc.frame.count] > 0.5))
        inc.plans.add(choice, value, generation)


def windows_of(inc: Incumbent) -> Windows | None:
    """Return the windows of the incumbent; None without an incumbent."""
    if inc.choice is None or not (served := inc.serve(inc.choice)).found:
        return None
    threads, seed = inc.effort.threads, inc.effort.seed
    return Windows(inc.tight, served.point, inc.taken, inc.clock, threads=threads, seed=seed)


def turn_of_windows(inc: Incumbent, windows: Windows) -> None:
    """Improve the plan: re-optimise it in one window after another, for a few rounds."""
    began = inc.clock.work
    windows.hopeless = inc.hopeless(inc.best)[0]
    with inc.clock.phase("windows"):
        worse = inc.frame.signed(windows.value) < inc.best - 1e-7 * abs(inc.best)
        if worse and inc.choice is not None and (served := inc.serve(inc.choice)).found:
            windows.start(served.point)
        for _ in range(settings.ROUNDS):
            if inc.done or windows.exhausted or inc.clock.work > began + settings.TURN:
                return
            if windows.round() > 0:
                inc.weighed(windows.choice, late=True)


def _plan_at(inc: Incumbent, taken: Floats) -> None:
    """Make plans from the options' relaxed values at a node."""
    if inc.bound_only:
        return
    if inc.master.cutter.money:
        round_viable(inc, whole_stations(inc, [taken]))
    else:
        _round_all(inc, [taken])


def _round_all(inc: Incumbent, relaxations: list[Floats], work: float = math.inf) -> None:
    """Make plans from the relaxations, the newest first, until the gap is proven.

    `work`: amount of work after which the remaining relaxations are left in the list.
    """
    began = inc.clock.work
    while relaxations and not inc.done and inc.clock.work <= began + work:
        taken = relaxations.pop()
        if inc.valuer is None:
            round_plainly(inc, taken)
            continue
        for least in () if inc.heavy else settings.ROUND_FROM[:2]:
            if not inc.clock.over:
                state = round_relaxed(inc.valuer, taken, least, inc.clock)
                if state.value > inc.best - 0.01 * abs(inc.best):
                    improve(inc, state)
