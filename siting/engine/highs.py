"""HiGHS through PuLP: quiet, interruptible, on time, and telling all it knows.

`InterruptibleHighs` fills in the parts of PuLP's solver class that matter here. HiGHS runs on a
thread of its own, for two reasons. Python delivers Ctrl-C between two of its own instructions only,
and there is none while C code runs; the calling thread waits in Python, hears it, and HiGHS asks
back often enough to be told to stop. And HiGHS binds its pool of workers to the thread that first
runs it, and refuses to run there with another number of threads ever after.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import highspy
import pulp

from siting.engine.clock import Clock
from siting.engine.stdout import quiet_stdout
from siting.errors import Fault, SolveError

WAIT_S = 0.05
# An optimum farther than this from its own bound, relative, beyond the gap asked, is none.
DISAGREE = 1e-5


@dataclass(frozen=True)
class Run:
    """What one run of a solver said."""

    status: pulp.LpSolveStatus  # PuLP's reason why the solver stopped
    found: bool  # whether it left a feasible solution in the variables
    # objective, bound: the solution's objective and the proven bound on any, in the problem's own
    # sense.
    objective: float
    bound: float
    nodes: int  # branch-and-bound nodes
    # Objective of the first feasible solution it had, where known: that of the start, if it
    # accepted one.
    first: float


class InterruptibleHighs(pulp.HiGHS):
    """PuLP's HiGHS, run on a thread of its own under a `Clock`.

    `tells`: whether its incumbent and bound are those of the whole solve, to be reported as
    progress.
    """

    def __init__(self, clock: Clock, *, tells: bool = False, **options: Any) -> None:
        super().__init__(msg=False, **options)
        self.clock = clock
        self.tells = tells
        self.first = math.nan
        self._began = 0.0

    def createAndConfigureSolver(self, lp: pulp.LpProblem) -> None:  # noqa: N802
        """Make the native model, silent."""
        self._began = time.perf_counter()
        hush()
        super().createAndConfigureSolver(lp)
        _native(lp).setOptionValue("output_flag", False)

    def callSolver(self, lp: pulp.LpProblem) -> None:  # noqa: N802
        """Run HiGHS until it is done, the deadline has passed or the user interrupts.

        Handing the problem over took time already, and reading the answer back takes as long again.
        """
        handed_over_s = time.perf_counter() - self._began
        limit = min(self.timeLimit or math.inf, self.clock.left_s - handed_over_s)
        _native(lp).setOptionValue("time_limit", max(limit, 0.01))

        def heard(kind: int, out: Any) -> None:
            if kind == _SOLUTION and math.isnan(self.first):
                self.first = float(out.objective_function_value)
            if self.tells:
                self.clock.hear(float(out.mip_primal_bound), float(out.mip_dual_bound))

        run_native([_native(lp)], self.clock, heard if self.mip else None)


_Kind = highspy.cb.HighsCallbackType
_SOLUTION = int(_Kind.kCallbackMipImprovingSolution)
_ASKS = (_Kind.kCallbackMipInterrupt, _Kind.kCallbackSimplexInterrupt, _Kind.kCallbackIpmInterrupt)


@cache
def hush() -> None:
    """Make the first native model of the process, whose two lines of greeting go nowhere."""
    with quiet_stdout():
        highspy.Highs()  # type: ignore[no-untyped-call]


def new_model(**options: Any) -> highspy.Highs:
    """Return an empty native model with options set, without a word on standard output."""
    hush()
    model = highspy.Highs()  # type: ignore[no-untyped-call]
    model.setOptionValue("output_flag", False)
    for name, value in options.items():
        model.setOptionValue(name, value)
    return model


def run_native(models: Sequence[highspy.Highs], clock: Clock, heard: Any = None) -> None:
    """Run native models side by side, each on a thread; stop them at the deadline or at Ctrl-C.

    `heard`: called on a solver's thread with the kind and the figures of each callback.
    """
    failure: list[BaseException] = []

    def ask(kind: Any, _message: str, out: Any, back: Any, _data: Any) -> None:
        if heard is not None:
            heard(int(kind), out)
        if back is not None and (clock.interrupted or clock.left_s <= 0):
            back.user_interrupt = True

    def work(model: highspy.Highs) -> None:
        try:
            model.run()
        except Exception as err:
            failure.append(err)

    workers = [threading.Thread(target=work, args=(m,), name="highs", daemon=True) for m in models]
    for model, worker in zip(models, workers, strict=True):
        model.setCallback(ask, None)
        for kind in (*_ASKS, *([] if heard is None else [_Kind.kCallbackMipImprovingSolution])):
            model.startCallback(kind)
        worker.start()
    for worker in workers:
        while worker.is_alive():
            try:
                worker.join(WAIT_S)
                clock.report()
            except KeyboardInterrupt:
                if clock.interrupted:
                    raise
                clock.interrupted = True
            except BaseException:  # the caller's own progress function failed
                clock.interrupted = True
                for one in workers:
                    one.join()
                raise
    for model in models:
        model.setCallback(None, None)
    if failure:
        raise SolveError(Fault("HiGHS", f"failed: {failure[0]}")) from failure[0]


def run_highs(
    prob: pulp.LpProblem,
    clock: Clock,
    *,
    gap: float = 0.0,
    threads: int = 1,
    seed: int = 1,
    seconds: float = math.inf,
    relaxed: bool = False,
    start: bool = False,
    tells: bool = False,
    **options: Any,
) -> Run:
    """Return what HiGHS says of a problem; the variables of the problem take its solution.

    `relaxed`: whether to let go of integrality; `start`: whether to start from the values the
    variables have; `tells`: whether its incumbent and bound are those of the whole solve, to be
    reported as progress; `options`: options of HiGHS by their own names.
    """
    limit = min(clock.left_s, seconds)
    solver = InterruptibleHighs(
        clock,
        mip=not relaxed,
        gapRel=gap,
        gapAbs=0.0 if gap <= 0 else None,
        threads=threads,
        timeLimit=max(limit, 0.01),
        warmStart=start,
        random_seed=seed,
        tells=tells,
        **options,
    )
    stats = prob.solve(solver)
    info = _native(prob).getInfo()
    objective = stats.objective if stats.has_solution else None
    bound = stats.best_bound
    if relaxed and stats.status == pulp.LpSolveStatus.Optimal:
        bound = objective
    infinite = math.inf if prob.sense == pulp.LpMaximize else -math.inf
    status = stats.status
    if status == pulp.LpSolveStatus.Optimal and not _agree(objective, bound, gap):
        # HiGHS 1.16 may take a start through its presolve for a better plan than there is, drop it
        # on the way back and still say optimal. The bound is true; the plan is not the best.
        if start:
            return run_highs(
                prob,
                clock,
                gap=gap,
                threads=threads,
                seed=seed,
                seconds=seconds,
                tells=tells,
                **options,
            )
        status = pulp.LpSolveStatus.Undefined
    return Run(
        status=status,
        found=bool(stats.has_solution),
        objective=-infinite if objective is None else float(objective),
        bound=infinite if bound is None else float(bound),
        nodes=max(int(info.mip_node_count), 0),
        first=solver.first,
    )


def _agree(objective: float | None, bound: float | None, gap: float) -> bool:
    """Return whether an optimum is within the gap of its own bound."""
    if objective is None or bound is None:
        return True
    return abs(bound - objective) <= (gap + DISAGREE) * max(abs(objective), 1.0)


def _native(prob: pulp.LpProblem) -> highspy.Highs:
    assert prob.solverModel is not None
    return cast(highspy.Highs, prob.solverModel)


def highs_version() -> str:
    """Return the version of HiGHS."""
    return str(new_model().version())
