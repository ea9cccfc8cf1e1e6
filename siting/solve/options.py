"""The options of a solve, and whether they make sense."""

from __future__ import annotations

from siting.errors import Fault, InputError
from siting.solve.checks import setting_faults

METHODS = ("exact", "greedy")


def check_options(model: str, method: str, gap: float, time_limit_s: float, threads: int) -> None:
    """Raise `InputError` with every option of a solve that makes no sense.

    Parameters
    ----------
    model, method, gap, time_limit_s, threads
        As for `siting.solve.solve`.
    """
    faults = setting_faults(model, gap, time_limit_s, threads)
    if method not in METHODS:
        faults.append(Fault("method", f"no method {method!r}", f"use {' or '.join(METHODS)}"))
    if faults:
        raise InputError(faults)
