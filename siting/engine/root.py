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
from siting.engine.cut_model import Relaxed
from siting.engine.interchange import Interchange
from siting.engine.plans import Plans
from siting.engine.relax import Relaxation
from siting.engine.relaxed_floors import short_of, softened, viable
from siting.engine.station_bound import bound_at
from siting.engine.windows import Windows
from siting.program.instance import Floats, Ints


class Root(Plans):
    """The phases before the turns, and the exchange, which the turns repeat."""

    _swaps: Interchange | None = None

    @property
    def _slow(self) -> bool:
        """Whether choices are slow to value."""
        return self.large or self.valuer is None

    def _root(self) -> None:
        """Bound by cuts, and make plans from the relaxation."""
        if self.known is not None and self.master.cutter.money:
            with self.clock.phase("viable", self._until(0.3)):
                self._viable(self.known.taken)
            if self.done:
                return
        if self.choice is not None:
            self.master.begin_at(self.choice)
        long, sows = self.large and self.master.by_programs, self.choice is not None
        stalled, ends = (
            (settings.LONG_STALLED, settings.LONG_ROOT_ENDS)
            if long
            else (settings.ROOT_STALLED, settings.ROOT_SHARE)
        )
        if self.frame.drawn_by_year:  # these cuts are slow and weak
            ends = settings.DRAWN_ROOT_ENDS
        self._cut(stalled, ends)
        if self.root is None or self.done:
            return
        self.taken = self.root.taken
        before, money = self.best, bool(self.master.cutter.money)
        if money:
            with self.clock.phase("viable", self._until(0.6)):
                self._viable(self.root.taken)
            if self.best > before:  # construction does not improve on that
                return
        # Where flows alone decide, the constructed plan is as good as theirs, and faster.
        hard = not money and (self.valuer is None or self.choice is None)
        if hard:
            self._in_rounds("dive", 0.6, self._dives())
        with self.clock.phase("rounding", self._until(0.3)):
            if not self.large:
                self._round(self.root.taken)
            elif sows:  # the constructed plan meets all floors; another takes long
                self._sow_again(self.root.taken, settings.ROUND_FROM[1:2])
        self._interchange(self._until(settings.MAIN_SHARE))
        if hard and not self._summed and not self.done:
            self._in_rounds("programs", settings.SIDE_SHARE, self._programs_near())

    def _cut(self, stalled: float, ends: float) -> None:
        """Bound by cuts, until a round lowers the bound by less than a share."""
        with self.clock.phase("cuts", self._until(ends)):
            self.root, low = self.master.tighten(settings.CUT_ROUNDS, stalled, self.proven_at)
            self.infeasible = low == -math.inf
            self.limit(low)
            priced = self.frame.layout.capacitated and self.frame.layout.by_pair
            if priced and self.root is not None and not self.infeasible:
                whole = self.frame if self.known is None else self.known.whole
                self.bounds = bound_at(whole, self.master.prices(), self.clock)
                self.at_most = self.bounds.at_most
                if self.known is not None:
                    self.at_most = self.at_most[self.known.options]

    def _in_rounds(self, phase: str, share: float, rounds: Iterator[None]) -> None:
        """Run rounds of a phase within a share of the time left, leaving time for the answer.

        That time is unknown before there is a plan, which a round may find.
        """
        until, going = self._until(share), True
        while going:
            with self.clock.phase(phase, min(until, self._ends)):
                going = not self.clock.over and next(rounds, "over") is None

    def _dives(self) -> Iterator[None]:
        """Dive from the relaxed master problem while cuts at the plans lead to better ones."""
        idle, most = 0, 1 if self._summed else settings.IDLE
        while idle < most and (relaxed := self._relaxed()) is not None:
            choice = self.master.dive(relaxed.taken, self.room)
            if choice is None or self.done:
                return
            before = self.best
            self._cut_at(choice, relaxed)
            idle = 0 if self.best > before else idle + 1
            yield

    @property
    def _summed(self) -> bool:
        """Whether a choice is worth the sum of its parts, apart from floors."""
        return self.coarse and self._priced and not self.frame.reached

    def _interchange(self, until: float) -> None:
        """Run 1- and 2-exchanges while they improve the plan, where that pays.

        The value is taken as the sum of the parts; floors may lower it. So the plan is valued every
        few steps, and at each step once that disappoints.

        `until`: share of the whole time limit at which it ends.
        """
        # Small programs with a fast evaluation have exchanges of their own.
        if not self._summed or not self._slow or self.done:
            return
        if self._swaps is None:
            self._swaps = Interchange(
                self.frame, self.master, self.room, self.clock, threads=self.options.threads
            )
        swaps = self._swaps
        steps, refused = settings.EXCHANGE_STEPS, set[bytes]()
        while self.choice is not None and not self.done:
            at = before = self.frame.by_site(self.choice)
            with self.clock.phase("interchange", until):
                for _ in range(steps):
                    better = swaps.better(at, refused)
                    if better is None:
                        break
                    at = better
            if at is before:
                return
            best = self.best
            with self.clock.phase("interchange"):
                self.weighed(np.sort(at[at >= 0]))
            if self.best <= best:
                if steps == 1:
                    refused.add(at.tobytes())
                steps = 1

    def _viable(self, taken: Floats) -> None:
        """Make a viable plan from the relaxation, by shrinking stations that lack money."""
        whole = np.bincount(self.frame.site, taken, minlength=self.frame.sites)
        order = np.argsort(-taken, kind="stable")
        _, first = np.unique(self.frame.site[order], return_index=True)
        most = order[first]  # the largest option of each site
        value = whole[self.frame.site[most]]
        tried: set[int] = set()
        for least in settings.WHOLE_FROM:
            some = most[value >= least]
            if len(some) in tried or self.clock.over:
                continue
            tried.add(len(some))
            choice = viable(self.frame, some, self.clock)
            if choice is not None:
                self.weighed(choice)

    def _programs_near(self) -> Iterator[None]:
        """Solve the master problem over the options of incumbent and relaxation, in rounds.

        Each solution is cut off before the next round: with so few options that is fast.
        """
        options = self.options
        tried: set[bytes] = set()
        while (relaxed := self._relaxed()) is not None:
            near = relaxed.taken > settings.SIGNIFICANT
            if self.choice is not None:
                near[self.choice] = True
            _, _, choice = self.master.program(
                near, self.choice, threads=options.threads, seed=options.seed,
                gap=settings.PROGRAM_GAP * options.gap, nodes=settings.PROGRAM_NODES,
            )  # fmt: skip
            if choice is None or choice.tobytes() in tried or self.done:
                return
            tried.add(choice.tobytes())
            self._cut_at(choice, relaxed)
            yield

    def _relaxed(self) -> Relaxed | None:
        """Return the optimum of the relaxed master problem; None where to stop."""
        relaxed = self.master.solve()
        if self.done or relaxed is None or relaxed.bound == -math.inf:
            return None
        self.limit(relaxed.bound)
        return None if self.done else relaxed

    def _cut_at(self, choice: Ints, relaxed: Relaxed) -> None:
        """Add the cuts at a choice, and value it if it may be the best."""
        if self.master.cut_at(choice, relaxed.taken) > self.best:
            self.weighed(choice)

    def _relax(self) -> None:
        """Bound by the whole relaxation, unless known, and dive from it."""
        if self.known is not None and self.choice is not None:
            return
        with self.clock.phase("relaxation", self._until(0.6)):
            relaxation = Relaxation(self.frame, self.clock, seed=self.options.seed)
            bound = relaxation.solve()
            self.infeasible = bound == -math.inf
            self.limit(bound)
            if self.done or relaxation.found is None or not relaxation.found.optimal:
                return
            self.taken = relaxation.taken
            choice = relaxation.dive(self.room)
            if choice is not None:
                self.weighed(choice)

    def _soften(self) -> None:
        """Repair the constructed plan until it meets all floors."""
        soft = softened(self.frame)
        if soft is None:
            return
        frame, columns = soft
        with self.clock.phase("floors", self._until(0.4)):
            served = frame.serve(self.sown, self.clock)
            if not served.found:
                return
            windows = Windows(
                frame, served.point, self.taken, self.clock,
                threads=self.options.threads, seed=self.options.seed,
            )  # fmt: skip
            while not self.clock.over and not windows.exhausted:
                windows.round()
                if short_of(windows.point, columns) <= 1e-9:
                    self.weighed(windows.choice)
                    if self.choice is not None:
                        return
