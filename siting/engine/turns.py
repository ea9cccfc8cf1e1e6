"""The turns of an aim: windows improve plans; programs and the tree also improve bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from siting import settings
from siting.engine.first_plans import improve, round_plainly, round_viable, take
from siting.engine.incumbent import Incumbent
from siting.engine.schedule import Step, take_turns
from siting.engine.search import fill, round_relaxed
from siting.engine.tree import Tree
from siting.engine.windows import Windows
from siting.program.instance import Floats


def take_all_turns(inc: Incumbent) -> None:
    """Improve plan and bound by turns of the steps, in the order that `take_turns` sets."""
    # Without a plan there is nothing that windows could improve.
    windows = Step(_window_turns(inc), lambda: inc.choice is not None)
    steps = makers = [windows]
    if inc.coarse:
        inc.master.forget_money()
        inc.tree_turn = _tree_turns(inc)
        # The tree is last: its first turn may take as long as all before it.
        # Without the root's cuts, the integer master problem bounds nothing.
        programs = Step(
            _program_turns(inc), lambda: inc.root is not None or not inc.large,
            growth=settings.MORE_NODES,
        )  # fmt: skip
        roundings = Step(_rounding_turns(inc), lambda: bool(inc.relaxations))
        makers = [windows, roundings]
        steps = [programs, *makers, Step(inc.tree_turn)]
    inc.turns_ended = take_turns(
        steps, inc.clock, left=lambda: inc.bound - inc.best,
        done=lambda: inc.done or inc.lacks_options,
        turns=inc.options.turns, yields=_too_slow(inc, makers, steps),
    )  # fmt: skip


def go_on_with_tree(inc: Incumbent) -> None:
    """Continue the tree where it stopped, for the bound."""
    assert inc.tree_turn is not None
    more = True
    while more and not (inc.done or inc.lacks_options):
        before = inc.nodes
        more = inc.tree_turn() and inc.nodes > before


def _too_slow(inc: Incumbent, makers: Sequence[Step], steps: Sequence[Step]) -> Callable[[], bool]:
    """Return a test of whether even turns twice as fast would not prove the gap in time.

    The pace is the mean of all turns so far or, if faster, the pace of the fastest step in its last
    turn. Makers of plans have their first turn at any pace.
    """
    clock, first, began_s = inc.clock, inc.bound - inc.best, inc.clock.elapsed_s

    def slow() -> bool:
        left, asked = inc.bound - inc.best, inc.options.gap * abs(inc.best)
        if clock.share < inc.options.yields_from or not math.isfinite(first):
            return False
        if any(step.ready() and not step.work for step in makers):
            return False
        pace = (first - left) / max(clock.elapsed_s - began_s, 1e-9)
        pace = max([pace, *(step.pace for step in steps)])
        return 2 * pace * clock.left_s < left - asked

    return slow


def _tree_turns(inc: Incumbent) -> Callable[[], bool]:
    """Return a function that takes one turn of the tree."""
    tree = Tree(inc.master, inc, inc.clock, lambda taken: _plan_at(inc, taken), inc.hopeless)

    def turn() -> bool:
        done, began = tree.nodes, inc.clock.work
        with inc.clock.phase("tree", inc.ends):
            while not inc.done and tree.nodes < done + settings.NODES:
                before = tree.nodes
                tree.run(1)
                if tree.nodes == before or inc.clock.work > began + settings.TURN:
                    break
        inc.nodes += tree.nodes - done
        if tree.finished:
            inc.infeasible = not math.isfinite(inc.best)
        return not tree.finished

    return turn


def _rounding_turns(inc: Incumbent) -> Callable[[], bool]:
    """Return a function that makes plans from the root's earlier optima, the latest first."""

    def turn() -> bool:
        before = len(inc.relaxations)
        with inc.clock.phase("rounding", inc.ends):
            _plans_at(inc, inc.relaxations, settings.TURN)
        return 0 < len(inc.relaxations) < before

    return turn


def _program_turns(inc: Incumbent) -> Callable[[], bool]:
    """Return a function that solves the integer master problem and adds cuts there."""
    nodes = settings.PROGRAM_NODES
    options, gap = inc.options, settings.PROGRAM_GAP * inc.options.gap

    def turn() -> bool:
        nonlocal nodes
        with inc.clock.phase("programs", inc.ends):
            inc.master.open_all()
            relaxed = inc.master.solve()
            if relaxed is None or relaxed.bound == -math.inf:
                return False
            interest = inc.above(gap)
            hopeless, closed = relaxed.hopeless(interest)
            beyond, most = inc.hopeless(interest)
            bound, _, choice = inc.master.program(
                ~(hopeless | beyond), inc.choice, gap=gap, nodes=nodes,
                threads=options.threads, seed=options.seed,
            )  # fmt: skip
            inc.limit(max(bound, closed, most))
            if choice is None or inc.done:
                return False
            before = inc.best
            inc.cut_at(choice, relaxed)
            take(inc, choice)
            if inc.valuer is not None:
                state = inc.valuer.at(inc.frame.by_site(choice))
                improve(inc, fill(inc.valuer, state, inc.clock))
            if inc.best <= before:
                nodes *= settings.MORE_NODES
            return nodes <= settings.MOST_NODES

    return turn


def _window_turns(inc: Incumbent) -> Callable[[], bool]:
    """Return a function that takes one turn of windows."""
    windows: Windows | None = None

    def turn() -> bool:
        nonlocal windows
        windows = windows or windows_of(inc)
        if windows is None:
            return False
        turn_of_windows(inc, windows)
        return not windows.exhausted

    return turn


def windows_of(inc: Incumbent) -> Windows | None:
    """Return the windows of the incumbent; None without an incumbent."""
    if inc.choice is None:
        return None
    served = inc.serve(inc.choice)
    if not served.found:
        return None
    return Windows(
        inc.frame, served.point, inc.taken, inc.clock,
        threads=inc.options.threads, seed=inc.options.seed,
    )  # fmt: skip


def turn_of_windows(inc: Incumbent, windows: Windows) -> None:
    """Improve the plan by a few rounds of windows."""
    began = inc.clock.work
    windows.hopeless = inc.hopeless(inc.best)[0]
    with inc.clock.phase("windows"):
        if inc.choice is not None and inc.frame.signed(windows.value) < inc.best - 1e-7 * abs(
            inc.best
        ):
            served = inc.serve(inc.choice)
            if served.found:
                windows.start(served.point)
        for _ in range(settings.WINDOW_ROUNDS):
            if inc.done or windows.exhausted or inc.clock.work > began + settings.TURN:
                return
            gained = windows.round()
            if gained > 0:
                inc.weighed(windows.choice)


def _plan_at(inc: Incumbent, taken: Floats) -> None:
    """Make plans from the options' relaxed values at a node."""
    _plans_at(inc, [taken])


def _plans_at(inc: Incumbent, relaxations: list[Floats], work: float = math.inf) -> None:
    """Make plans from relaxations, the last first, until the gap is proven.

    `work`: work after which the remaining relaxations are left in the list.
    """
    if inc.master.cutter.money:
        round_viable(inc, relaxations, work)
        return
    began = inc.clock.work
    while relaxations and not inc.done and inc.clock.work <= began + work:
        taken = relaxations.pop()
        if inc.valuer is None:
            round_plainly(inc, taken)
            continue
        for least in () if inc.large else (1 - 1e-6, 0.5):
            if not inc.clock.over:
                state = round_relaxed(inc.valuer, taken, least, inc.clock)
                if state.value > inc.best - 0.01 * abs(inc.best):
                    improve(inc, state)
