"""The best choice for years or scenarios together, with its bound: starts, cuts, rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from siting.engine.clock import Clock
from siting.engine.proof import ARITHMETIC, Stopped
from siting.models.goals import Weighted
from siting.program.instance import Floats, Ints
from siting.solve.joint_projection import JointProjection
from siting.solve.joint_valuer import JointValuer
from siting.solve.search import exchange, fill, polish
from siting.solve.ties import STRICT
from siting.solve.valuer import State

# Options of a relaxation at or above these are taken when it is rounded, before filling up.
ROUND_FROM = (1 - 1e-6, 0.5, 0.25)
STARTS = 3
# Share of the goal that spending all the money costs while cuts are gathered.
THRIFT = 0.01
# The projected program is solved to this share of the gap asked, with so many nodes at first.
PROJECTED_GAP, FIRST_NODES = 0.6, 100
# Improvements a search may make between two rounds.
PASSES = 8
STALLED = 1e-5
# Share of the time limit by which the search from the relaxation ends.
ROUNDING_ENDS = 0.5
EXACT_GAP = 1e-9


@dataclass
class Found:
    """The best choice so far, and the bound on any."""

    best: State
    bound: float
    nodes: int = 0


class JointSearch:
    """Searches for the choice with the highest goal.

    Parameters
    ----------
    valuer
        Values and bounds.
    clock
        Deadline, interruption and progress.
    gap
        Relative gap at which to stop.
    measure
        Gap of a goal and a bound on it.
    threads, seed
        Threads to use and the random seed.
    """

    def __init__(
        self,
        valuer: JointValuer,
        clock: Clock,
        gap: float,
        measure: Callable[[float, float], float],
        *,
        threads: int,
        seed: int,
    ) -> None:
        self.valuer, self.clock, self.gap, self.measure = valuer, clock, gap, measure
        self.options: dict[str, Any] = {"threads": threads, "seed": seed}
        self.exact = gap <= EXACT_GAP
        self.linear = isinstance(valuer.goal, Weighted)
        self.found = Found(valuer.at(valuer.base), valuer.most)

    @property
    def done(self) -> bool:
        """Whether to go on no further."""
        gap = self.measure(self.found.best.value, self.found.bound)
        return self.clock.over or gap <= max(self.gap, ARITHMETIC)

    def run(self, starts: Iterable[Ints]) -> Found:
        """Return the best choice and its bound.

        Parameters
        ----------
        starts
            Choices to begin with.
        """
        valuer, clock = self.valuer, self.clock
        self._limit(valuer.most)
        if not (valuer.valid.sum(axis=1) > 1).any():
            self._limit(self.found.best.value)  # nothing can be built
            return self.found
        with clock.phase("start"):
            for choice in starts:
                self._offer(fill(valuer, valuer.at(choice), clock))
        if not self.done:
            self._project()
        self.found.best = polish(valuer, self.found.best, clock)
        return self.found

    def _project(self) -> None:
        thrift = THRIFT if self.linear else 0.0
        with self.clock.phase("projection"):
            projection = JointProjection(self.valuer, self.clock, thrift=thrift, **self.options)
            bound, taken = projection.tighten()
            self._limit(bound)
        if taken is not None and not self.done:
            with self.clock.phase("rounding", ROUNDING_ENDS):
                self._round(taken)
            projection.price_money(0.0)
            with self.clock.phase("search"):
                self._rounds(projection)
        self.found.nodes = projection.nodes

    def _rounds(self, projection: JointProjection) -> None:
        """Solve the projected program in integers, over and over, with cuts at what it finds."""
        nodes = None if self.exact else FIRST_NODES
        gap = 0.0 if self.exact else PROJECTED_GAP * self.gap
        options = STRICT if self.exact else {}
        valuer, found = self.valuer, self.found
        for cut in valuer.cuts_at(found.best.choice):
            projection.add(cut)
        seen: set[bytes] = set()
        while not self.done:
            before = found.bound - found.best.value
            bound, choice = projection.solve_from(found.best.choice, gap, nodes, **options)
            self._limit(bound)
            if choice is not None:
                if self.exact and projection.finished and choice.tobytes() in seen:
                    return  # all that is left of the gap is the solver's arithmetic
                seen.add(choice.tobytes())
                for cut in valuer.cuts_at(choice):
                    projection.add(cut)
                if not valuer.affordable(choice):
                    projection.forbid(choice)
                elif self.exact:
                    self._offer(valuer.at(choice))
                else:
                    self._improve(
                        fill(valuer, polish(valuer, valuer.at(choice), self.clock), self.clock)
                    )
                    for cut in valuer.cuts_at(found.best.choice):
                        projection.add(cut)
            if nodes is not None and found.bound - found.best.value > before - STALLED * abs(
                found.bound
            ):
                nodes *= 4

    def _round(self, taken: Floats) -> None:
        """Search from a relaxation, rounded in several ways, and from the plan so far."""
        starts = [self.found.best]
        for least in ROUND_FROM:
            starts.append(self.valuer.rounded(taken, least, self.clock))
            self._offer(starts[-1])
        starts.sort(key=lambda state: -state.value)
        tried: list[bytes] = []
        for state in starts:
            if self.done or len(tried) == STARTS:
                return
            if state.choice.tobytes() not in tried:
                tried.append(state.choice.tobytes())
                self._improve(state)

    def _improve(self, state: State) -> None:
        self._offer(state)
        self._offer(exchange(self.valuer, state, self.clock, passes=PASSES))

    def _offer(self, state: State) -> None:
        noise = 1e-9 * max(1.0, abs(self.valuer.most))
        if state.value > self.found.best.value + noise and self.valuer.affordable(state.choice):
            self.found.best = state
        self.clock.hear(self.found.best.value, self.found.bound)
        self.clock.report()

    def _limit(self, bound: float) -> None:
        self.found.bound = min(self.found.bound, bound)
        self.clock.hear(self.found.best.value, self.found.bound)
        self.clock.report()


def stopped_by(clock: Clock) -> Stopped:
    """Return why a solve ended that did not reach its gap."""
    if clock.interrupted:
        return "interrupted"
    return "time limit" if clock.over else "solver stopped"
