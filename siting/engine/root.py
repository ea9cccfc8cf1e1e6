"""The bound at the root of the search, and plans made of what the relaxation takes there.

1. Cuts on the coarse program, round after round, until they gain little.
2. Where public money fills gaps and the sown plan is poor: what is taken, made viable.
3. Else, where choices are not valued quickly: dives, each followed by the cuts at its plan.
4. Rounding, or sowing at the relaxation's prices.
5. Where choices are not valued quickly, or are many: interchange of sites, two at a time. Where
   dives came and a choice is no sum of parts: integer programs on what plan and relaxation take.

Where there is no plan then: floors that what was sown misses are mended in windows, and the whole
relaxation is dived into.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from siting.engine.cut_model import UNTAKEN, Relaxed
from siting.engine.interchange import Interchange
from siting.engine.plans import ROUND_LARGE, Plans
from siting.engine.relax import Relaxation
from siting.engine.relaxed_floors import short_of, softened, viable
from siting.engine.windows import Windows
from siting.program.instance import Floats, Ints

# Rounds of cuts at the root; some that gain less than a share end it, more where cuts take long.
ROOT_ROUNDS, ROOT_STALLED, LONG_STALLED = 200, 2e-5, 5e-4
# The coarse program is solved to this share of the gap asked, with so many nodes at first.
PROGRAM_GAP, FIRST_NODES = 0.6, 100
# A plan as near as this to the bound is kept as it was sown, its stations amid their customers.
SOWN_WELL = 0.05
# Sites taken at or above this have a station when a relaxation is made viable.
HALF = 0.5
# Dives in a row that lead to no better plan, after which none follows.
IDLE_DIVES = 3
# Shares of the time by which phases end; what is left is for the answer itself.
ROOT_ENDS, LONG_ROOT_ENDS, DRAWN_ROOT_ENDS = 0.6, 0.45, 0.25
# Share of what is left that interchange may need, and steps of it between two plans.
INTERCHANGE_ENDS, STEPS = 0.75, 8
# Share of what is left that programs on what plan and relaxation take may need.
NEAR_ENDS = 0.3


class Root(Plans):
    """The phases before the turns, and interchange, which turns take up again."""

    _swaps: Interchange | None = None

    @property
    def _slow(self) -> bool:
        """Whether choices take long to value."""
        return self.large or self.valuer is None

    def _root(self) -> None:
        """Bound by cuts, and make plans of what they leave."""
        if self.choice is not None:
            self.master.begin_at(self.choice)
        if self.known is not None and self.master.cutter.money:
            with self.clock.phase("viable", self._until(0.3)):
                self._viable(self.known.taken)
            if self.done:
                return
        long, sows = self.large and self.master.by_programs, self.choice is not None
        stalled, ends = (LONG_STALLED, LONG_ROOT_ENDS) if long else (ROOT_STALLED, ROOT_ENDS)
        if self.frame.drawn_by_year:  # these cuts take long and say little
            ends = DRAWN_ROOT_ENDS
        self._cut(stalled, ends)
        if self.root is None or self.done:
            return
        self.taken = self.root.taken
        before, money = self.best, bool(self.master.cutter.money)
        if money and self.gap > SOWN_WELL:
            with self.clock.phase("viable", self._until(0.6)):
                self._viable(self.root.taken)
            if self.best > before:  # sowing does not better that
                return
        # Where flows alone decide, what is sown is as good as what these find, and sooner there.
        hard = not money and (self.valuer is None or self.choice is None)
        if hard:
            self._in_rounds("dive", 0.6, self._dives())
        with self.clock.phase("rounding", self._until(0.3)):
            if not self.large:
                self._round(self.root.taken)
            elif sows:  # what is sown misses no floor
                self._sow_again(self.root.taken, ROUND_LARGE)
        self._interchange(self._until(INTERCHANGE_ENDS))
        if hard and not self._summed and not self.done:
            self._in_rounds("programs", NEAR_ENDS, self._programs_near())

    def _cut(self, stalled: float, ends: float) -> None:
        """Bound by cuts, until a round of them lowers the bound by less than a share."""
        with self.clock.phase("cuts", self._until(ends)):
            self.root, low = self.master.tighten(ROOT_ROUNDS, stalled, self.proven_at)
            self.infeasible = low == -math.inf
            self.limit(low)

    def _in_rounds(self, phase: str, share: float, rounds: Iterator[None]) -> None:
        """Run rounds of a phase within a share of what is left, each leaving time for the answer.

        How long that takes is not known before there is a plan, which a round may find.
        """
        until, going = self._until(share), True
        while going:
            with self.clock.phase(phase, min(until, self._ends)):
                going = not self.clock.over and next(rounds, "over") is None

    def _dives(self) -> Iterator[None]:
        """Dive into the relaxed coarse program while the cuts at the plans lead to better ones."""
        idle, most = 0, 1 if self._summed else IDLE_DIVES
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
        """Whether a choice is worth the sum of its parts, floors apart, and nothing else counts."""
        return self.coarse and self._priced and not self.frame.reached

    def _interchange(self, until: float) -> None:
        """Change one site or two of the plan while that makes it better, where that pays.

        What a choice is worth is taken for the sum of its parts; floors may make it less. So it is
        weighed every so many steps, and once that disappoints at each.

        `until`: share of the whole time limit at which it ends.
        """
        # Small programs whose choices are valued quickly have exchanges of their own.
        if not self._summed or not self._slow or self.done:
            return
        if self._swaps is None:
            self._swaps = Interchange(
                self.frame, self.master, self.room, self.clock, threads=self.options.threads
            )
        swaps = self._swaps
        steps, refused = STEPS, set[bytes]()
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
        """Make a plan of what the relaxation takes, by making smaller what lacks money."""
        whole = np.bincount(self.frame.site, taken, minlength=self.frame.sites)
        order = np.argsort(-taken, kind="stable")
        _, first = np.unique(self.frame.site[order], return_index=True)
        most = order[first]  # of each site the option taken most
        choice = viable(self.frame, most[whole[self.frame.site[most]] >= HALF], self.clock)
        if choice is not None:
            self.weighed(choice)

    def _programs_near(self) -> Iterator[None]:
        """Solve the coarse program in integers over what plan and relaxation take, in rounds.

        What it finds is cut at for the next round: so few options are left that this is quick.
        """
        options = self.options
        tried: set[bytes] = set()
        while (relaxed := self._relaxed()) is not None:
            near = relaxed.taken > UNTAKEN
            if self.choice is not None:
                near[self.choice] = True
            _, _, choice = self.master.program(
                near, self.choice, gap=PROGRAM_GAP * options.gap, nodes=FIRST_NODES,
                threads=options.threads, seed=options.seed,
            )  # fmt: skip
            if choice is None or choice.tobytes() in tried or self.done:
                return
            tried.add(choice.tobytes())
            self._cut_at(choice, relaxed)
            yield

    def _relaxed(self) -> Relaxed | None:
        """Return the optimum of the relaxed coarse program; None where to stop."""
        relaxed = self.master.solve()
        if self.done or relaxed is None or relaxed.bound == -math.inf:
            return None
        self.limit(relaxed.bound)
        return None if self.done else relaxed

    def _cut_at(self, choice: Ints, relaxed: Relaxed) -> None:
        """Add the cuts that say what a choice serves, and weigh it if it may be the best."""
        if self.master.cut_at(choice, relaxed.taken) > self.best:
            self.weighed(choice)

    def _relax(self) -> None:
        """Bound by the whole relaxation, unless that is known, and dive into it."""
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
        """Mend the plan that was sown until it misses no floor."""
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
