"""One solve of any variant: its relaxation, plans to start from, and HiGHS for the rest.

The relaxation gives a bound. Plans come from outside (the fast solver of the plain program knows
many), and from rounding the relaxation (`siting.solve.dive`). The best of them is handed to HiGHS,
which goes on with the time that is left. Strong starts (`siting.solve.union_search`,
`siting.solve.worth_search`) bring bounds too, and may leave nothing to do. Every plan is worked out
anew from its offers alone; one that only the solver's arithmetic allows is ruled out, and the
search goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pulp

from siting.engine.clock import Clock, Progress
from siting.engine.highs import Run
from siting.engine.proof import ARITHMETIC, Proof, Stopped
from siting.engine.solvers import HIGHS, check_solver, run_solver
from siting.errors import Fault, InputError, SolveError
from siting.models.program import Program, add_row
from siting.program.instance import Ints
from siting.solve.dive import Relaxation
from siting.solve.outcome import Outcome, Variant, outcome_of
from siting.solve.ties import STRICT

# A plan to start from, or a bound.
Start = Ints | float

# Shares of the time limit by which phases end.
STARTED_BY, RELAXED_BY, DIVED_BY = 0.35, 0.65, 0.85
# The first of these where starts are strong: they bound and search by themselves.
STRONG_BY = 0.9
# Handing a program to the solver takes about so many times as long as building it.
HAND_OVER = 2.0
# Seconds kept for the answer, at most this share of the time limit.
RESERVE_S, RESERVE_SHARE = 3.0, 0.1


@dataclass(frozen=True)
class Effort:
    """How hard to try.

    Parameters
    ----------
    gap
        Relative gap between bound and plan at which to stop.
    time_limit_s
        Seconds to take at most.
    threads, seed
        Threads of the solver and its random seed.
    solver
        Name of a solver PuLP knows; bounds and starts come from HiGHS all the same.
    progress
        Called now and then with a `Progress`.
    """

    gap: float = 0.005
    time_limit_s: float = 120.0
    threads: int = 2
    seed: int = 1
    solver: str = HIGHS
    progress: Callable[[Progress], None] | None = field(default=None, compare=False)

    def check(self) -> None:
        """Raise `InputError` if an option makes no sense, `SolveError` if there is no solver."""
        faults = []
        if not (math.isfinite(self.gap) and 0 <= self.gap < 1):
            faults.append(Fault("gap", f"is {self.gap}", "give a share of at least 0 and below 1"))
        if not (math.isfinite(self.time_limit_s) and self.time_limit_s > 0):
            faults.append(Fault("time_limit_s", f"is {self.time_limit_s}", "give seconds above 0"))
        if self.threads < 1:
            faults.append(Fault("threads", f"is {self.threads}", "give 1 or more"))
        if faults:
            raise InputError(faults)
        check_solver(self.solver)


@dataclass(frozen=True, eq=False)
class Settled:
    """How a solve of a variant ended.

    Parameters
    ----------
    outcome
        The best plan; None if none was found.
    proof
        What is proven of it; None without a plan.
    bound
        What no plan betters, in the variant's unit.
    infeasible
        Whether it is proven that there is no plan.
    stopped
        Why the solve ended.
    """

    outcome: Outcome | None
    proof: Proof | None
    bound: float
    infeasible: bool
    stopped: Stopped


def settle(
    variant: Variant,
    effort: Effort,
    clock: Clock,
    starts: Iterable[Start] = (),
    *,
    shortest: bool = True,
    strong: bool = False,
) -> Settled:
    """Return the best plan of a variant and what is proven of it.

    Parameters
    ----------
    variant
        The variant.
    effort
        How hard to try; the time limit is that of `clock` if it is shorter.
    clock
        Deadline and interruption.
    starts
        Plans to start from, as positions of offers, and bounds on any plan, as numbers in the
        variant's unit; asked for one by one while there is time.
    shortest
        Whether the plan's service takes the shortest drives, of all that is as good.
    strong
        Whether the starts bring bounds that may do alone: then they get most of the time, and the
        program is built only if they leave something.
    """
    run = _Settle(variant, effort, clock)
    try:
        if strong:
            run.start(starts, STRONG_BY)
        if not (strong and run.done):
            run.work(() if strong else starts)
    except KeyboardInterrupt:
        clock.interrupted = True
    return run.answer(shortest=shortest)


class _Settle:
    """The best plan and bound so far."""

    def __init__(self, variant: Variant, effort: Effort, clock: Clock) -> None:
        self.variant, self.effort, self.clock = variant, effort, clock
        self.options: dict[str, Any] = {"threads": effort.threads, "seed": effort.seed}
        self.program: Program | None = None
        self.sign = 1.0 if variant.maximise else -1.0
        self.best: Outcome | None = None
        self.objective = -math.inf
        self.bound = math.inf
        self.infeasible = False
        self.nodes = 0
        self.status: pulp.LpSolveStatus | None = None
        self.tried: set[bytes] = set()
        self.began_s, self.span_s = clock.elapsed_s, min(clock.left_s, effort.time_limit_s)

    # In here more is always better: money is counted below 0.

    @property
    def done(self) -> bool:
        if self.clock.over or self.infeasible:
            return True
        return self.best is not None and self.short <= self.effort.gap

    @property
    def short(self) -> float:
        over = self.bound - self.objective
        if over <= ARITHMETIC * abs(self.objective):
            return 0.0
        return over / max(abs(self.objective), 1e-12)

    def ends(self, share: float) -> float:
        """Return the share of the clock's own time limit at which a share of ours is over."""
        whole_s = self.clock.elapsed_s + self.clock.left_s
        return min(1.0, (self.began_s + share * self.span_s) / max(whole_s, 1e-9))

    def work(self, starts: Iterable[Start]) -> None:
        clock = self.clock
        with clock.phase("build"):
            built = self.variant.build(self.variant.instance)
        self.program = built.program
        self.sign = 1.0 if built.program.prob.sense == pulp.LpMaximize else -1.0
        if self.variant.ceiling is not None:
            self.limit(self.variant.ceiling(built))
        self.start(starts, STARTED_BY)
        hand_over_s = HAND_OVER * clock.seconds.get("build", 0.0)
        if clock.interrupted or (self.best is not None and clock.left_s < hand_over_s):
            return
        with clock.phase("relaxation", self.ends(RELAXED_BY)):
            more = self.variant.options or {}
            relaxation = Relaxation(built.program, clock, **self.options, **more)
            self.infeasible = relaxation.infeasible and self.best is None
            self.limit(relaxation.bound)
            if built.rows.decays and not self.done:
                relaxation.tighten()
                self.limit(relaxation.bound)
        if self.done:
            return
        if relaxation.solved and (self.best is None or built.rows.decays):
            with clock.phase("rounding", self.ends(DIVED_BY)):
                found = relaxation.dive()
                if found is not None:
                    self.offer(found)
        reserve = min(RESERVE_S, RESERVE_SHARE * self.span_s) / max(self.span_s, 1e-9)
        with clock.phase("search", self.ends(1 - reserve)):
            if not self.done:
                self.search(built.program)

    def start(self, starts: Iterable[Start], share: float) -> None:
        """Take plans and bounds while there is time, up to a share of all."""
        with self.clock.phase("start", self.ends(share)):
            for start in starts:
                if isinstance(start, float):
                    self.bound = min(self.bound, self.sign * start)
                else:
                    self.offer(start)
                if self.done:
                    break

    def limit(self, bound: float) -> None:
        """Keep a bound, in the program's own sense and units, if it says more."""
        if math.isfinite(bound):
            self.bound = min(self.bound, self.sign * bound * self.variant.unit_size)

    def offer(self, offers: Ints) -> bool:
        """Keep a plan if it is better; return whether it is one at all."""
        key = np.sort(offers).tobytes()
        if key in self.tried:
            return True
        outcome = outcome_of(self.variant, offers, self.clock)
        if outcome is None:
            return False
        self.tried.add(key)
        objective = self.sign * self.variant.score(outcome)
        if objective > self.objective:
            self.best, self.objective = outcome, objective
        return True

    def search(self, program: Program) -> None:
        """Let the solver go on, from the best plan so far."""
        strict = STRICT if self.effort.gap <= ARITHMETIC and self.effort.solver == HIGHS else {}
        ruled_out, warm = 0, self.best is not None
        while not self.clock.over:
            taken = set() if self.best is None else set(self.best.offers.tolist())
            for variable in program.prob.variables():
                variable.varValue = None
            for variable, o in zip(program.z, program.offer.tolist(), strict=True):
                variable.varValue = 1.0 if o in taken else 0.0
            run = run_solver(
                self.effort.solver,
                program.prob,
                self.clock,
                gap=self.effort.gap,
                start=warm,
                **self.options,
                **strict,
            )
            self.nodes += run.nodes
            self.status = run.status
            self.limit(run.bound)
            if run.status == pulp.LpSolveStatus.Infeasible:
                self.infeasible = self.best is None
                self.bound = min(self.bound, self.objective) if self.best else self.bound
            if warm and self.misvalued(run):
                warm = False
                continue
            if not run.found:
                return
            chosen = np.flatnonzero([(v.varValue or 0.0) > 0.5 for v in program.z])
            if self.offer(program.offer[chosen]) or self.clock.over:
                return
            # Only the solver's arithmetic allows it: forbid exactly this choice.
            picked = set(chosen.tolist())
            terms = [(v, 1.0 if n in picked else -1.0) for n, v in enumerate(program.z)]
            add_row(program.prob, terms, len(picked) - 1.0, f"ruled_out_{ruled_out}")
            ruled_out += 1

    def misvalued(self, run: Run) -> bool:
        """Return whether the solver took its start for better than it is.

        HiGHS 1.16 does so now and then where presolve fixes offers, and then looks for nothing
        that is worse than what it believes to have; its bound is as good as any.
        """
        believed = self.sign * run.first * self.variant.unit_size
        return believed > self.objective + 1e-6 * abs(self.objective)

    def answer(self, *, shortest: bool) -> Settled:
        stopped = self.why()
        bound = self.sign * self.bound
        if self.best is None:
            return Settled(None, None, bound, self.infeasible, stopped)
        best = self.best
        if shortest and not self.variant.covers:
            # Worked out whatever the clock says: it is one small linear program.
            best = outcome_of(self.variant, best.offers, Clock(math.inf), shortest=True) or best
        objective = self.variant.score(best)
        proof = Proof.of(
            objective,
            bound if self.sign * (bound - objective) > 0 else objective,
            gap_asked=self.effort.gap,
            stopped=stopped,
            unit=self.variant.unit,
            maximise=self.sign > 0,
            nodes=self.nodes,
            seconds={**self.clock.seconds, "total": self.clock.elapsed_s - self.began_s},
        )
        return Settled(best, proof, proof.bound, False, proof.stopped)

    def why(self) -> Stopped:
        if self.clock.interrupted:
            return "interrupted"
        if self.status in (pulp.LpSolveStatus.NodeLimit, pulp.LpSolveStatus.SolutionLimit):
            return "node limit"
        timely = (None, pulp.LpSolveStatus.TimeLimit, pulp.LpSolveStatus.Interrupted)
        return "time limit" if self.status in timely else "solver stopped"


def require_plan(settled: Settled, what: str) -> tuple[Outcome, Proof]:
    """Return plan and proof of a solve; raise `SolveError` if it ended without a plan."""
    if settled.outcome is None or settled.proof is None:
        fix = "give it more time, or ask for less"
        raise SolveError(Fault(what, f"no plan found: {settled.stopped}", fix))
    return settled.outcome, settled.proof
