"""Tie-breaking: least subsidy first, then least cost, then lowest ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.linear import STRICT, model_of, run_model
from siting.program.aims import LeastMoney
from siting.program.instance import Ints
from siting.program.matrix import Reached
from siting.program.program import Program


def break_ties(
    program: Program, reached: Sequence[Reached], choice: Ints, clock: Clock, effort: Effort
) -> tuple[Ints, bool]:
    """Return a choice of equal value with the least subsidy, then the least cost and lowest ids.

    Three integer programs are solved in turn, each with the earlier optima as limits. The result is
    the best choice found, and whether all three programs were solved to optimality.
    """
    frame = Frame(program, LeastMoney(), reached)
    m = frame.matrix
    if program.gap is not None or m.a.shape[1] > settings.WHOLE_LAST:
        return choice, False
    instance, last = program.instance, frame.options.last
    prices = (
        instance.offer_subsidy[last],
        instance.offer_cost[last],
        1.0 + last + 1e-3 * np.arange(frame.count) / max(frame.count, 1),
    )
    a, lower, upper = m.a, m.row_lower, m.row_upper
    for price in prices:
        if not (price > 0).any():
            continue
        price = price / price.max()
        cost = np.zeros(m.a.shape[1])
        cost[: frame.count] = -price
        model = model_of(
            sparse.csc_array(a), cost, m.lower, m.upper, lower, upper,
            whole=np.arange(len(cost)) < frame.count,
            start=frame.values(choice), mip_rel_gap=0.0, mip_abs_gap=0.0,
            threads=effort.threads, random_seed=effort.seed, **STRICT,
        )  # fmt: skip
        answer = run_model(model, clock, whole=True)
        if not answer.optimal:
            return choice, False
        better = np.flatnonzero(answer.point[: frame.count] > 0.5)
        if not frame.fits(better) or not frame.serve(better, clock).found:
            return choice, False
        choice = better
        most = float(price[choice].sum()) * (1 + settings.EXACT)
        a = sparse.csr_array(sparse.vstack([a, sparse.csr_array(-cost[None, :])]))
        lower, upper = np.append(lower, -np.inf), np.append(upper, most)
    return choice, True
