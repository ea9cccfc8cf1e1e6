"""One solve from start to answer: good plans first, then bounds, then proof, then ties."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pulp

from siting.engine.clock import Clock, Progress, relative_gap
from siting.engine.covering.run import run_covering
from siting.engine.highs import highs_version
from siting.engine.proof import ARITHMETIC, Stopped
from siting.engine.solvers import HIGHS, check_solver, run_solver
from siting.models.capacitated import capacitated
from siting.models.coverage import coverage, covering_of
from siting.models.program import Program, add_row
from siting.program.instance import Instance
from siting.solve.greedy import best_single, guarantee
from siting.solve.options import check_options
from siting.solve.projected import ROUND_FROM, Search
from siting.solve.relaxation import relax
from siting.solve.search import fill, polish, round_relaxed
from siting.solve.service import served_kwh_day
from siting.solve.solution import Method, Solution
from siting.solve.ties import STRICT, break_ties
from siting.solve.warm import mended

# Shares of the time limit by which phases end; what is left at the end is for the answer itself.
START_ENDS, PROJECTION_ENDS, TREE_ENDS, RESERVE_S = 0.25, 0.75, 0.94, 2.0
COVERING_ENDS = 0.98


def solve(
    instance: Instance,
    model: str = "capacitated",
    *,
    method: Method = "exact",
    gap: float = 0.005,
    time_limit_s: float = 120.0,
    threads: int = 2,
    seed: int = 1,
    solver: str = HIGHS,
    progress: Callable[[Progress], None] | None = None,
    start: Sequence[str] | None = None,
) -> Solution:
    """Return the offers to choose, the energy they serve (kWh/day), and how good that is proven.

    The same instance, options and seed give the same plan, as long as the time limit is not what
    ends the solve. Ctrl-C ends it early and returns the best plan so far.

    Parameters
    ----------
    instance
        The data of the program.
    model
        ``capacitated`` or ``coverage``.
    method
        ``exact`` goes on until the gap is proven. ``greedy`` takes the offers that serve most for
        what they take, or those a relaxation takes first, and stops with that relaxation's bound;
        seconds, not minutes.
    gap
        Relative gap between bound and plan at which to stop; with 0 ties are broken exactly.
    time_limit_s
        Seconds to take at most.
    threads, seed
        Threads of the solver and its random seed.
    solver
        Name of a solver PuLP knows; bounds and starts come from HiGHS all the same.
    progress
        Called now and then with a `Progress`.
    start
        Offers of an earlier plan to begin with, mended where they do not fit here. The proof is
        made anew; the plan found may be another one of those within the gap.

    Returns
    -------
    Solution
        Status, offers, objective, bound, gap, why it stopped, seconds by phase.

    Raises
    ------
    InputError
        If an option makes no sense.
    InfeasibleError
        If no plan meets the requirements within the limits: what is in the conflict and its mend.
    SolveError
        If the solver is not installed, or fails.
    """
    check_options(model, method, gap, time_limit_s, threads)
    check_solver(solver)
    run = _Solve(instance, model, gap, Clock(time_limit_s, progress), solver, threads, seed)
    run.method = method
    run.start = () if start is None else tuple(start)
    try:
        if method == "greedy":
            run.work_greedily()
        else:
            run.work(time_limit_s)
    except KeyboardInterrupt:
        run.clock.interrupted = True
    return run.answer()


class _Solve(Search):
    """The phases of a solve, and its answer."""

    # --- phases ------------------------------------------------------------------------------

    def work(self, time_limit_s: float) -> None:
        """Run the phases until the asked gap is proven or time is up."""
        clock, valuer = self.clock, self.valuer
        if not (valuer.valid.sum(axis=1) > 1).any():
            self.limit(self.best.value)  # nothing can be built: what stands is the plan
            self.tie_break = "exact"
            return
        covered = not valuer.capacitated and self.solver == HIGHS and self._cover()
        if not covered:
            with clock.phase("start", START_ENDS):
                if self.start:
                    self.offer(mended(valuer, self.start, clock))
                else:
                    self._fill()
        if self.done or (covered and not self.proven):
            return
        if valuer.capacitated:
            self.project(PROJECTION_ENDS, TREE_ENDS if self.solver == HIGHS else PROJECTION_ENDS)
        elif not covered:
            program = self._build()
            with clock.phase("relaxation", PROJECTION_ENDS):
                self._relax(program)
        if self.done or (clock.share > TREE_ENDS and not self.exact):
            return
        if valuer.capacitated or covered:  # a covering's is for its ties alone
            program = self._build()
        # The answer takes about as long as the build; a large program is worth starting only if
        # there is time to hand it over and more.
        built_s = clock.seconds["build"]
        reserve_s = max(min(RESERVE_S, 0.05 * time_limit_s), 2.5 * built_s)
        ends = 1 - min(1.0, reserve_s / time_limit_s)
        with clock.phase("search", ends):
            if not self.proven and clock.left_s > 4 * built_s:
                self._search(program)
        with clock.phase("ties", ends):
            if self.exact and self.proven and not clock.over:
                self._break_ties(program)

    def work_greedily(self) -> None:
        """Take what serves most for its price, bound what any plan serves, round the bound's."""
        with self.clock.phase("start", START_ENDS):
            self._fill()
            words = guarantee(self.valuer)
            if words:
                self.offer(best_single(self.valuer, self.best, self.clock))
            self.guarantee = "" if self.clock.over else words  # cut short, nothing is sure
        if self.proven or self.clock.over:
            return
        if self.valuer.capacitated:
            with self.clock.phase("projection"):
                self.relax_projected()
                taken = None if self.root is None else self.root.taken
        else:
            program = self._build()
            with self.clock.phase("relaxation"):
                bound, taken = relax(program, self.valuer, self.clock, **self.options)
                self.limit(bound)
        with self.clock.phase("start"):
            for least in ROUND_FROM:
                if taken is not None and not self.done:
                    self.offer(round_relaxed(self.valuer, taken, least, self.clock))

    def _fill(self) -> None:
        """Fill from what must be there, by price; with limits, by rupees alone as well."""
        base = self.best
        self.offer(fill(self.valuer, base, self.clock))
        if self.valuer.room.limited:
            self.offer(fill(self.valuer, base, self.clock, price=self.valuer.subsidy))

    def _cover(self) -> bool:
        """Solve it as a covering, if it is one; return whether it was."""
        if self.instance.limit_names:
            return False
        covering, offers = covering_of(self.instance, self.demand)
        if not covering.allows(covering.forced):
            return False
        with self.clock.phase("covering", COVERING_ENDS):
            run = run_covering(covering, self.clock, self.gap, self.options["seed"])
        del self.clock.seconds["covering"]  # its own phases are counted
        self.nodes = run.nodes
        self.limit(run.bound)
        self.offer(self.valuer.at(self.valuer.choice_of(offers[run.chosen])))
        return True

    def _build(self) -> Program:
        with self.clock.phase("build"):
            build = capacitated if self.valuer.capacitated else coverage
            return build(self.instance, self.demand)

    def _relax(self, program: Program) -> None:
        bound, taken = relax(program, self.valuer, self.clock, **self.options)
        self.limit(bound)
        if taken is not None:
            self.round(taken)

    def _search(self, program: Program) -> None:
        """Let the solver prove it on the full program, from the best plan so far."""
        closed = self._close(program)
        options: dict[str, Any] = {**self.options, "gap": self.gap, "start": True, "tells": True}
        if self.exact and self.solver == HIGHS:
            options |= STRICT
        ruled_out = 0
        while True:
            taken = set(self.valuer.offers_of(self.best.choice).tolist())
            for variable, o in zip(program.z, program.offer.tolist(), strict=True):
                variable.varValue = 1.0 if o in taken else 0.0
            run = run_solver(self.solver, program.prob, self.clock, **options)
            self.nodes += run.nodes
            self.status = run.status
            self.limit(max(run.bound, closed))
            if not run.found:
                return
            chosen = np.flatnonzero([(v.varValue or 0.0) > 0.5 for v in program.z])
            choice = self.valuer.choice_of(program.offer[chosen])
            self.offer(self.valuer.at(choice))
            if self.valuer.affordable(choice) or self.clock.over:
                return
            # Within the solver's tolerance of the budget, yet over it: forbid these together.
            terms = [(program.z[n], 1.0) for n in chosen.tolist()]
            add_row(program.prob, terms, len(terms) - 1.0, f"over_budget_{ruled_out}")
            ruled_out += 1

    def _close(self, program: Program) -> float:
        """Take out what no better plan takes; return a bound on what that could serve."""
        if self.root is None or self.exact:
            return 0.0
        hopeless, closed = self.root.hopeless(self.of_interest_from)
        offers = self.valuer.option_offer[hopeless]
        for n in np.flatnonzero(np.isin(program.offer, offers)).tolist():
            program.z[n].upBound = 0
        return closed

    def _break_ties(self, program: Program) -> None:
        state, proven = break_ties(
            program, self.valuer, self.best, self.clock, solver=self.solver, **self.options
        )
        self.best = state
        self.tie_break = "exact" if proven else "polished"

    def answer(self) -> Solution:
        """Return the best plan, polished and valued anew, with its bound."""
        instance, clock = self.instance, self.clock
        with clock.phase("answer"):
            if self.tie_break != "exact":
                self.best = polish(self.valuer, self.best, clock)
            offers = self.valuer.offers_of(self.best.choice)
            objective = self.best.value
            if self.valuer.capacitated:
                objective = served_kwh_day(instance, self.demand, offers)
            bound = max(self.bound, objective)
            if bound - objective <= ARITHMETIC * objective:
                bound = objective
            clock.hear(objective, bound)
            clock.report(at_once=True)
        gap = relative_gap(objective, bound)
        return Solution(
            model=self.model,
            status="optimal" if gap <= self.gap else "feasible",
            offers=tuple(instance.offer_ids[offers].tolist()),
            objective_kwh_day=objective,
            bound_kwh_day=bound,
            gap=gap,
            gap_asked=self.gap,
            stopped=self._stopped(gap),
            nodes=self.nodes,
            seconds={**clock.seconds, "total": clock.elapsed_s},
            tie_break=self.tie_break,
            subsidy_pkr=math.fsum(instance.offer_subsidy[offers]),
            cost_pkr=math.fsum(instance.offer_cost[offers]),
            budget_pkr=instance.budget_pkr,
            demand_kwh_day=instance.demand_kwh_day,
            solver=self.solver,
            solver_version=highs_version() if self.solver == HIGHS else "",
            method=self.method,
            guarantee=self.guarantee,
        )

    def _stopped(self, gap: float) -> Stopped:
        if self.clock.interrupted:
            return "interrupted"
        if gap <= self.gap:
            return "gap reached"
        if self.method == "greedy":
            return "time limit" if self.clock.over else "greedy ended"
        if self.status in (pulp.LpSolveStatus.NodeLimit, pulp.LpSolveStatus.SolutionLimit):
            return "node limit"
        # The clock may stop HiGHS, as an interruption, before HiGHS looks at its own.
        timely = (None, pulp.LpSolveStatus.TimeLimit, pulp.LpSolveStatus.Interrupted)
        return "time limit" if self.status in timely else "solver stopped"
