"""The options of a solve, and whether they make sense."""

from __future__ import annotations

import math

from siting.errors import Fault, InputError
from siting.solve.service import check_model

METHODS = ("exact", "greedy")


def check_options(model: str, method: str, gap: float, time_limit_s: float, threads: int) -> None:
    """Raise `InputError` with every option of a solve that makes no sense.

    Parameters
    ----------
    model, method, gap, time_limit_s, threads
        As for `siting.solve.solve`.
    """
    check_model(model)
    faults = []
    if method not in METHODS:
        faults.append(Fault("method", f"no method {method!r}", f"use {' or '.join(METHODS)}"))
    if not (math.isfinite(gap) and 0 <= gap < 1):
        faults.append(Fault("gap", f"is {gap}", "give a share of at least 0 and below 1"))
    if not (math.isfinite(time_limit_s) and time_limit_s > 0):
        faults.append(Fault("time_limit_s", f"is {time_limit_s}", "give seconds above 0"))
    if threads < 1:
        faults.append(Fault("threads", f"is {threads}", "give 1 or more"))
    if faults:
        raise InputError(faults)
