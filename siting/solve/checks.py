"""Settings of a solve that cannot be right."""

from __future__ import annotations

import math
from collections.abc import Callable

from siting.errors import Fault, InputError
from siting.solve.service import MODELS


def setting_faults(model: str, gap: float, time_limit_s: float, threads: int) -> list[Fault]:
    """Return what is wrong with the settings of a solve.

    Parameters
    ----------
    model, gap, time_limit_s, threads
        As for `siting.solve.solve`.
    """
    faults = []
    if model not in MODELS:
        faults.append(Fault("model", f"is {model!r}", f"give {' or '.join(MODELS)}"))
    if not (math.isfinite(gap) and 0 <= gap < 1):
        faults.append(Fault("gap", f"is {gap}", "give a share of at least 0 and below 1"))
    if not (math.isfinite(time_limit_s) and time_limit_s > 0):
        faults.append(Fault("time_limit_s", f"is {time_limit_s}", "give seconds above 0"))
    if threads < 1:
        faults.append(Fault("threads", f"is {threads}", "give 1 or more"))
    return faults


def checked[T](faults: list[Fault], make: Callable[[], T]) -> T:
    """Return what is made; raise `InputError` with the faults and those found in making it.

    Parameters
    ----------
    faults
        What is known to be wrong already.
    make
        Makes something, or raises `InputError`.
    """
    try:
        made = make()
    except InputError as err:
        raise InputError([*faults, *err.faults]) from None
    if faults:
        raise InputError(faults)
    return made
