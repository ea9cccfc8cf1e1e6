"""The best plan and bound of one solve, bettered on the offers alone.

Integer programs under the cuts so far and a tree with cuts in its nodes take turns. Where capacity
is scarce against catchments, what is left of the gap is a knapsack, which HiGHS does best; where
catchments are small, the cuts think plans better than they are, and the tree does best. Which it
is shows in the first plans.
"""

from __future__ import annotations

from typing import Any

import pulp

from siting.engine.clock import Clock, relative_gap
from siting.engine.proof import ARITHMETIC
from siting.models.merge import merge_equal_reach
from siting.program.instance import Floats, Instance
from siting.solve.master import Master, Relaxed
from siting.solve.projection import Projection
from siting.solve.repair import first_choice
from siting.solve.search import exchange, fill, polish, round_relaxed
from siting.solve.solution import Method, TieBreak
from siting.solve.tree import Tree
from siting.solve.valuer import State, Valuer

# Options of a relaxation at or above these are taken when it is rounded, before filling up.
ROUND_FROM = (1 - 1e-6, 0.5, 0.25)
STARTS = 3
# Rounds of cuts on the relaxation, and the gain below which they end.
ROOT_ROUNDS, ROOT_STALLED = 200, 2e-5
# The program is solved to this share of the gap asked, with so many nodes; with more once that
# stops to help.
PROJECTED_GAP = 0.6
PROJECTED_NODES, MOST_NODES = 100, 30_000
# Rounds in a row after which a tree with cuts in its nodes takes over.
MISJUDGED = 2
# Share of the time limit within which the tree must lower the bound.
TRIAL = 0.15
STALLED = 1e-5


class Search:
    """The best plan and bound so far, and what betters them on the offers alone."""

    def __init__(
        self,
        instance: Instance,
        model: str,
        gap: float,
        clock: Clock,
        solver: str,
        threads: int,
        seed: int,
    ) -> None:
        self.instance, self.model, self.gap, self.clock = instance, model, gap, clock
        self.solver = solver
        self.options: dict[str, Any] = {"threads": threads, "seed": seed}
        self.exact = gap <= 1e-9
        self.demand = merge_equal_reach(instance)
        self.valuer = Valuer(instance, self.demand, capacitated=model == "capacitated")
        self.valuer.base = first_choice(self.valuer, clock, **self.options)
        self.best = self.valuer.at(self.valuer.base)
        self.method: Method = "exact"
        self.start: tuple[str, ...] = ()
        self.guarantee = ""
        self.bound = self.demand.reachable_kwh_day
        self.nodes = 0
        self.root: Relaxed | None = None
        self.tie_break: TieBreak = "polished"
        self.status: pulp.LpSolveStatus | None = None

    # --- what is known -----------------------------------------------------------------------

    @property
    def proven(self) -> bool:
        """Whether the gap is at or below the asked one."""
        return relative_gap(self.best.value, self.bound) <= max(self.gap, ARITHMETIC)

    @property
    def done(self) -> bool:
        """Whether to go on no further."""
        return self.clock.over or (self.proven and not self.exact)

    @property
    def enough(self) -> float:
        """Energy at which the asked gap is reached (kWh/day)."""
        return self.bound / (1 + self.gap)

    @property
    def of_interest_from(self) -> float:
        """Energy (kWh/day) that is of no interest: the best plan's and some of the gap asked."""
        return self.best.value * (1 + PROJECTED_GAP * self.gap)

    def offer(self, state: State) -> None:
        """Keep a plan if it serves more, or as much for less."""
        noise = self.valuer.noise
        better = state.value > self.best.value + noise
        as_good = state.value >= self.best.value - noise
        cheaper = self._money(state) < self._money(self.best)
        if (better or (as_good and cheaper)) and self.valuer.affordable(state.choice):
            self.best = state
        self.clock.hear(self.best.value, self.bound)
        self.clock.report()

    def limit(self, bound: float) -> None:
        """Keep a bound if it is lower."""
        self.bound = min(self.bound, bound)
        self.clock.hear(self.best.value, self.bound)
        self.clock.report()

    def _money(self, state: State) -> tuple[float, float]:
        return (
            self.valuer.spent(state.choice),
            float(self.valuer.cost[self.valuer.sites, state.choice].sum()),
        )

    # --- phases ------------------------------------------------------------------------------

    def project(self, programs_end: float, tree_ends: float) -> None:
        """Bound the plan on the offers alone, and search from what the bounds suggest.

        Parameters
        ----------
        programs_end, tree_ends
            Shares of the time limit by which integer programs and the tree end.
        """
        with self.clock.phase("projection", programs_end):
            projection, master = self.relax_projected()
            if self.root is None:
                return
            self.round(self.root.taken)
            for cut in master.binding_cuts():
                projection.add(cut)
            nodes = self._programs(projection, self.root, PROJECTED_NODES, misjudged=MISJUDGED)
        if self.done or self.exact:
            return
        tree = self._tree(master)
        if self._branch(tree, min(self.clock.share + TRIAL, tree_ends)):
            self._branch(tree, tree_ends)
        elif nodes <= MOST_NODES:
            with self.clock.phase("projection", programs_end):
                self._programs(projection, self.root, nodes)

    def relax_projected(self) -> tuple[Projection, Master]:
        """Bound the plan by the relaxation on the offers alone, which becomes the root."""
        projection = Projection(self.valuer, self.clock, **self.options)
        master = Master(projection, self.valuer, self.clock, seed=self.options["seed"])
        self.root, bound = master.tighten(ROOT_ROUNDS, ROOT_STALLED)
        self.limit(bound)
        return projection, master

    def _programs(
        self, projection: Projection, root: Relaxed, nodes: int, misjudged: int = -1
    ) -> int:
        """Solve in integers with ever more cuts and nodes; return how many nodes come next.

        With `misjudged`, stop after so many plans in a row that the cuts think better than they
        are by more than the bound is above them: more nodes do not help there, better cuts do.
        """
        wrong = 0
        while not (self.done or self.exact or nodes > MOST_NODES or wrong == misjudged):
            before = self.bound - self.best.value
            hopeless, closed = root.hopeless(self.of_interest_from)
            projection.close(hopeless)
            bound, objective, choice = projection.solve(PROJECTED_GAP * self.gap, nodes)
            self.limit(max(bound, closed))
            if choice is None:
                break
            state = self.valuer.at(choice)
            wrong = wrong + 1 if objective - state.value > bound - objective else 0
            for cut in self.valuer.cuts_at(choice):
                projection.add(cut)
            self.improve(fill(self.valuer, polish(self.valuer, state, self.clock), self.clock))
            if self.bound - self.best.value > before - STALLED * self.bound:
                nodes *= 4
        return nodes

    def _tree(self, master: Master) -> Tree:
        def offer(state: State) -> float:
            self.improve(state)
            return self.best.value

        return Tree(self.valuer, self.clock, master, gap=self.gap, offer=offer, tell=self.limit)

    def _branch(self, tree: Tree, ends: float) -> bool:
        """Prove the plan in a tree of its own; return whether the bound got lower."""
        before, nodes = self.bound, tree.nodes
        with self.clock.phase("tree", ends):
            self.limit(tree.run(self.best.value))
        self.nodes += tree.nodes - nodes
        return self.bound < before - STALLED * before

    def round(self, taken: Floats) -> None:
        """Search from a relaxation, rounded in several ways, and from the plan so far."""
        if self.start:
            # A second thought is easier to follow the less of the earlier plan it changes.
            if not self.done:
                self.improve(self.best)
            if self.done and not self.exact:
                return
        starts = [self.best]
        for least in ROUND_FROM:
            starts.append(round_relaxed(self.valuer, taken, least, self.clock))
            self.offer(starts[-1])
        starts.sort(key=lambda state: -state.value)
        tried: list[bytes] = []
        for state in starts:
            if self.done or len(tried) == STARTS:
                return
            if state.choice.tobytes() not in tried:
                tried.append(state.choice.tobytes())
                self.improve(state)

    def improve(self, state: State) -> None:
        """Keep a plan and what exchanges make of it."""
        self.offer(state)
        self.offer(exchange(self.valuer, state, self.clock, enough=self.enough))
