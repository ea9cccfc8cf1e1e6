"""HiGHS, native or through PuLP: silent, interruptible and within the time limit.

HiGHS runs on its own thread, for two reasons. Python never delivers Ctrl-C while C code runs, so
the calling thread waits in Python for the signal, and HiGHS polls for it. Also, HiGHS ties its pool
of workers to the thread that first runs HiGHS, and cannot resize the pool on that thread.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import highspy
import pulp

from siting import settings
from siting.engine.clock import Clock
from siting.engine.parallel import in_parallel
from siting.errors import Fault, SolveError


class InterruptibleHighs(pulp.HiGHS):
    """PuLP's HiGHS, run on its own thread under a `Clock`."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(msg=False, **options)
        self.clock = clock
        self._began = 0.0

    def createAndConfigureSolver(self, lp: pulp.LpProblem) -> None:  # noqa: N802
        """Create the native model, and silence it."""
        self._began = time.perf_counter()
        hush()
        super().createAndConfigureSolver(lp)
        native(lp).setOptionValue("output_flag", False)

    def callSolver(self, lp: pulp.LpProblem) -> None:  # noqa: N802
        """Run HiGHS until it is done, the deadline passes or the user interrupts.

        The time reserved for reading the solution equals the time taken to pass the problem on.
        """
        handed_over_s = time.perf_counter() - self._began
        limit = min(self.timeLimit or math.inf, self.clock.left_s - handed_over_s)
        native(lp).setOptionValue("time_limit", max(limit, 0.01))
        run_native([native(lp)], self.clock)


_Kind = highspy.cb.HighsCallbackType
_ASKS = (_Kind.kCallbackMipInterrupt, _Kind.kCallbackSimplexInterrupt, _Kind.kCallbackIpmInterrupt)


@cache
def hush() -> None:
    """Create the first native model of the process, and discard its two-line banner.

    HiGHS prints this banner to file descriptor 1, which would break JSON on standard output. No
    option prevents it, and `contextlib.redirect_stdout` does not catch it. If the descriptor is
    closed, the banner is lost anyway.
    """
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    _flush_c()
    try:
        kept = os.fdopen(os.dup(1), "wb", buffering=0)
    except OSError:
        highspy.Highs()  # type: ignore[no-untyped-call]
        return
    with kept, Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            highspy.Highs()  # type: ignore[no-untyped-call]
        finally:
            _flush_c()
            os.dup2(kept.fileno(), 1)


def _flush_c() -> None:
    """Flush the buffers of the C library, whose text would otherwise reach a pipe later."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)


def new_model(**options: Any) -> highspy.Highs:
    """Return an empty native model with options set, silent on standard output."""
    hush()
    model = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in {"output_flag": False, **options}.items():
        model.setOptionValue(name, value)
    return model


def run_native(models: Sequence[highspy.Highs], clock: Clock) -> None:
    """Run native models in parallel threads; stop them at the deadline or at Ctrl-C."""
    in_parallel([partial(_run, model) for model in models], clock)


def _run(model: highspy.Highs, clock: Clock) -> None:
    def ask(_kind: Any, _message: str, _out: Any, back: Any, _data: Any) -> None:
        if back is not None and (clock.interrupted or clock.left_s <= 0):
            back.user_interrupt = True

    cold = not model.getBasis().valid
    model.setCallback(ask, None)
    for kind in _ASKS:
        model.startCallback(kind)
    try:
        model.run()
    except Exception as err:
        raise SolveError(Fault("HiGHS", f"failed: {err}")) from err
    finally:
        model.setCallback(None, None)
    clock.work += _work_of(model, cold)


def _work_of(model: highspy.Highs, cold: bool) -> float:
    """Return the work of a run: iterations times nonzeros, weighted by the type of program.

    A `cold` model has no basis yet, so building and presolving it counts as further iterations.
    """
    info = model.getInfo()
    iterations = settings.COLD if cold else 1
    iterations += max(info.simplex_iteration_count, 0) + max(info.ipm_iteration_count, 0)
    beside = settings.BRANCHED if info.mip_node_count >= 0 else 1.0
    return float(iterations * model.getNumNz()) * beside


def native(prob: pulp.LpProblem) -> highspy.Highs:
    """Return the native model that PuLP built from a problem."""
    assert prob.solverModel is not None
    return cast(highspy.Highs, prob.solverModel)


def highs_version() -> str:
    """Return the version of HiGHS."""
    return str(new_model().version())
