"""The solve of one aim: a first plan, a bound, and turns that improve either.

1. A start: an earlier plan, or a greedy one by worth per rupee where evaluation is fast.
2. The root: a bound by cuts, and plans from the relaxation (`siting.engine.root`).
3. Turns until the gap is proven (`siting.engine.schedule`): windows (large neighbourhood search)
   improve the plan; integer master problems and a tree with cuts in its nodes improve plan and
   bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.greedy import best_single, for_any_money, guarantee, sown_for_any_money
from siting.engine.proof import Stopped
from siting.engine.relax import solve_native
from siting.engine.result import Result
from siting.engine.root import Root
from siting.engine.schedule import Ended, Step, take_turns
from siting.engine.search import fill, polish, round_relaxed
from siting.engine.tree import Tree
from siting.engine.windows import Windows
from siting.errors import Fault, SolveError
from siting.program.instance import Floats


class Run(Root):
    """The phases of one aim."""

    _ended = False  # whether the search ended on time, with time left for the answer
    _turns_ended: Ended | None = None  # what ended the turns

    # --- phases ------------------------------------------------------------------------------

    def work(self) -> None:
        """Run the phases until the gap is proven or time is up."""
        clock = self.clock
        self.begin()
        if not self.frame.count:
            return
        if self.options.briefly:
            self._briefly()
            return
        if self.options.greedy:
            self._greedily()
            return
        if self.frame.matrix.a.shape[1] <= settings.WHOLE_FIRST and not self.done:
            self._whole(settings.WHOLE_NODES)
        if not self.done and self.coarse:
            self._root()
        if not self.done and self._lacks_options:
            return
        if not self.done and self.choice is None:
            self._soften()
        if not self.done and (self.choice is None or not self.coarse):
            self._relax()
        if not self.done:
            with clock.within(self._ends):
                self._turns()
                small = self.frame.matrix.a.shape[1] <= settings.WHOLE_LAST
                ended = self.done or self._lacks_options or self._turns_ended != "done"
                if small and not ended:
                    self._whole(None)
                self._ended = self.clock.over or self._turns_ended == "yields"

    @property
    def _lacks_options(self) -> bool:
        """Whether a few missing options are worth a new start: they alone hold the bound."""
        if self.known is None or self.bounds is None or self.choice is None:
            return False
        at_most = np.minimum(self.known.at_most, self.bounds.at_most)
        enough = self.above(max(self.options.gap, settings.ARITHMETIC))
        enough = max(enough, self.bound - settings.ARITHMETIC * abs(self.bound))
        return len(self.known.promising(at_most, enough)) > 0

    def begin(self) -> None:
        """Build the models and find a first plan, whatever the time."""
        with self.clock.phase("build"):
            self.build()
        if self.coarse:
            self.limit(self.master.most)
        if self.known is not None:
            self.limit(self.known.bound)
        if not self.frame.count:  # there are no options
            self.weighed(np.zeros(0, dtype=np.int64))
            self.infeasible = self.choice is None
            self.limit(self.best)
            return
        ends = settings.START_SHARE if self.frame.program.gap is None else settings.START_OF_GAP
        with self.clock.phase("start", self._until(ends)):
            # With no time left, a plan that builds something is constructed, whatever the method.
            greedy = self.options.greedy and self._in_any_money and not self.clock.over
            if greedy:
                self._start_greedily()
            if self.choice is None or not greedy:
                self._start()

    def _briefly(self) -> None:
        """Improve the plan by exchanges, or by windows without a fast evaluation; no proof."""
        if self.choice is None or self.done:
            return
        if self.valuer is not None:
            with self.clock.phase("exchanges"):
                self._improve(self.valuer.at(self.frame.by_site(self.choice)))
            return
        windows, turns = self._windows(), 0
        while windows is not None and not self.done and not windows.exhausted:
            if turns >= self.options.turns:
                return
            self._turn_of_windows(windows)
            turns += 1

    @property
    def _in_any_money(self) -> bool:
        """Whether greedy choice for smaller sums of money has the same aim."""
        first = not self.frame.reached and self.frame.aim.of_worth
        drawn = self.frame.program.gap is not None
        one = self.frame.program.year_plan is None
        return first and self.coarse and one and (drawn or self.valuer is not None)

    def _start_greedily(self) -> None:
        """Take the best of the plans for the full money and every smaller sum."""
        if self.start is not None:
            self._mended(self.start)
        if self.valuer is not None:
            for state in for_any_money(self.valuer, self.clock):
                self._keep_state(state)
            return
        self.weighed(self.frame.kept)
        for choice in sown_for_any_money(self.master.cutter, self.room, self.clock):
            self.weighed(choice)

    def _greedily(self) -> None:
        """Take the relaxation's bound, and its rounding where greedy choice does not apply."""
        valuer = self.valuer
        if valuer is not None:
            words = guarantee(valuer)
            if words and self.choice is not None:
                state = valuer.at(self.frame.by_site(self.choice))
                self._keep_state(best_single(valuer, state, self.clock))
            self.guarantee = "" if self.clock.over else words
        if not self.done:
            self._cut(settings.ROOT_STALLED, settings.ROOT_SHARE)
        taken = self._in_any_money and self.choice is not None
        if self.done or self.root is None or taken:
            return
        if valuer is None:
            self._relax()
            return
        with self.clock.phase("start"):
            for least in settings.ROUND_FROM:
                if not self.done:
                    self._keep_state(round_relaxed(valuer, self.root.taken, least, self.clock))

    def _whole(self, nodes: int | None) -> None:
        """Let HiGHS solve the whole program from the incumbent."""
        options = self.options
        start = self.choice
        while True:
            with self.clock.phase("whole", self._ends):
                answer = solve_native(
                    self.frame, self.clock, start, gap=options.gap, threads=options.threads,
                    seed=options.seed, nodes=2**31 - 1 if nodes is None else nodes,
                )  # fmt: skip
            self.nodes += answer.nodes
            if answer.infeasible:
                self.infeasible = self.choice is None
                return
            self.limit(self.frame.signed(answer.bound))
            if not answer.found:
                return
            value = self.weighed(np.flatnonzero(answer.point[: self.frame.count] > 0.5))
            believed = self.frame.signed(answer.objective)
            if start is None or value >= believed - max(1e-6 * abs(believed), self.noise):
                return
            # HiGHS 1.16 may overvalue a start in its presolve, and then skips all worse solutions.
            # The bound is valid.
            start = None

    # --- turns -------------------------------------------------------------------------------

    def _turns(self) -> None:
        """Improve plan and bound in turns; what closes most of the gap for its work goes on."""
        # Without a plan there is nothing that windows could improve.
        steps = [Step(self._window_turns(), lambda: self.choice is not None)]
        if self.coarse:
            self.master.forget_money()
            steps = [Step(self._program_turns()), Step(self._tree_turns()), *steps]
        self._turns_ended = take_turns(
            steps, self.clock, left=lambda: self.bound - self.best,
            done=lambda: self.done or self._lacks_options,
            turns=self.options.turns, yields=self._too_slow(),
        )  # fmt: skip

    def _too_slow(self) -> Callable[[], bool]:
        """Return whether turns cannot prove the gap in their time, at twice their pace so far."""
        clock, first, began_s = self.clock, self.bound - self.best, self.clock.elapsed_s

        def slow() -> bool:
            left, asked = self.bound - self.best, self.options.gap * abs(self.best)
            if clock.share < self.options.yields_from or not math.isfinite(first):
                return False
            pace = (first - left) / max(clock.elapsed_s - began_s, 1e-9)
            return 2 * pace * clock.left_s < left - asked

        return slow

    def _tree_turns(self) -> Callable[[], bool]:
        """Return a turn of the tree."""
        tree = Tree(self.master, self, self.clock, self.hopeless)

        def turn() -> bool:
            done, began = tree.nodes, self.clock.work
            with self.clock.phase("tree", self._ends):
                while not self.done and tree.nodes < done + settings.NODES:
                    before = tree.nodes
                    tree.run(1)
                    if tree.nodes == before or self.clock.work > began + settings.TURN:
                        break
            self.nodes += tree.nodes - done
            if tree.finished:
                self.infeasible = not math.isfinite(self.best)
            return not tree.finished

        return turn

    def _program_turns(self) -> Callable[[], bool]:
        """Return a turn of the integer master problem, with cuts at its solution."""
        nodes = settings.PROGRAM_NODES
        options, gap = self.options, settings.PROGRAM_GAP * self.options.gap

        def turn() -> bool:
            nonlocal nodes
            with self.clock.phase("programs", self._ends):
                self.master.open_all()
                relaxed = self.master.solve()
                if relaxed is None or relaxed.bound == -math.inf:
                    return False
                interest = self.above(gap)
                hopeless, closed = relaxed.hopeless(interest)
                beyond, most = self.hopeless(interest)
                bound, _, choice = self.master.program(
                    ~(hopeless | beyond), self.choice, gap=gap, nodes=nodes,
                    threads=options.threads, seed=options.seed,
                )  # fmt: skip
                self.limit(max(bound, closed, most))
                if choice is None or self.done:
                    return False
                before = self.best
                self._cut_at(choice, relaxed)
                self._take(choice)
                if self.valuer is not None:
                    state = self.valuer.at(self.frame.by_site(choice))
                    self._improve(fill(self.valuer, state, self.clock))
                if self.best <= before:
                    nodes *= settings.MORE_NODES
                return nodes <= settings.MOST_NODES

        return turn

    def _window_turns(self) -> Callable[[], bool]:
        """Return a turn of windows, followed by the exchange where they gained."""
        windows: Windows | None = None

        def turn() -> bool:
            nonlocal windows
            windows = windows or self._windows()
            if windows is None:
                return False
            before = self.best
            self._turn_of_windows(windows)
            if self.best > before and self.coarse:
                self._interchange(self._ends)
            return not windows.exhausted

        return turn

    def _windows(self) -> Windows | None:
        """Return windows on the incumbent; None without one."""
        if self.choice is None:
            return None
        served = self.serve(self.choice)
        if not served.found:
            return None
        return Windows(
            self.frame, served.point, self.taken, self.clock,
            threads=self.options.threads, seed=self.options.seed,
        )  # fmt: skip

    def _turn_of_windows(self, windows: Windows) -> None:
        began = self.clock.work
        windows.hopeless = self.hopeless(self.best)[0]
        with self.clock.phase("windows"):
            if self.choice is not None and self.frame.signed(
                windows.value
            ) < self.best - 1e-7 * abs(self.best):
                served = self.serve(self.choice)
                if served.found:
                    windows.start(served.point)
            for _ in range(settings.WINDOW_ROUNDS):
                if self.done or windows.exhausted or self.clock.work > began + settings.TURN:
                    return
                gained = windows.round()
                if gained > 0:
                    self.weighed(windows.choice)

    def plan_at(self, taken: Floats) -> None:
        """Make plans from a node's relaxed values of the options."""
        if self.master.cutter.money:
            self._viable(taken)
            return
        if self.valuer is None:
            self._round_plainly(taken)
            return
        for least in () if self.large else (1 - 1e-6, 0.5):
            if not self.clock.over:
                state = round_relaxed(self.valuer, taken, least, self.clock)
                if state.value > self.best - 0.01 * abs(self.best):
                    self._improve(state)

    # --- the end -----------------------------------------------------------------------------

    def result(self) -> Result:
        """Return the incumbent, polished, with its bound."""
        if self.choice is None and self.start is not None and self.frame.fits(self.start):
            # There was no time to value the choices.
            served = self.frame.serve(self.start, Clock(math.inf))
            if served.found:
                self.choice, self.best = self.start, self.frame.signed(served.objective)
        if self.choice is None:
            why = "interrupted" if self.clock.interrupted else "no plan found in the time given"
            raise SolveError(Fault("solver", why, "give it more time, or relax the requirements"))
        if self.valuer is not None:
            polish_clock = Clock(settings.POLISH_S + settings.POLISH_SHARE * self.clock.elapsed_s)
            state = polish(
                self.valuer, self.valuer.at(self.frame.by_site(self.choice)), polish_clock
            )
            if self.valuer.allowed(state.choice):
                self.choice, self.best = np.sort(state.choice[state.choice >= 0]), state.value
        stopped: Stopped = "time limit"
        if self.clock.interrupted:
            stopped = "interrupted"
        elif self.options.greedy and not self.clock.over:
            stopped = "greedy ended"
        elif not self.clock.over and not self._ended:
            stopped = "node limit" if self._turns_ended == "turns" else "solver stopped"
        sign = self.frame.sign
        return Result(
            choice=self.choice,
            value=sign * self.best,
            bound=sign * max(self.bound, self.best),
            stopped=stopped,
            nodes=self.nodes,
            guarantee=self.guarantee,
            noise=self.noise,
            bounds=self.bounds,
        )
