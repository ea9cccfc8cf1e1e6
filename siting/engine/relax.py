"""The relaxation of the whole program, and a plan found by diving from it.

The interior point method solves the linear program of a city the size of Karachi in seconds; cuts
take minutes to reach the same bound. Each step of the dive fixes the options with the largest
values, until these options use a certain share of a resource. Each solve starts from the basis of
the previous solve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.linear import STRICT, Answered, model_of, run_model
from siting.engine.slack import Room
from siting.program.instance import Floats, Ints


def solve_native(
    frame: Frame, clock: Clock, start: Ints | None, effort: Effort, nodes: int = 2**31 - 1
) -> Answered:
    """Return HiGHS's solution of the whole integer program; `start`: starting choice."""
    m = frame.matrix
    model = model_of(
        frame.by_column, m.cost, m.lower, m.upper, m.row_lower, m.row_upper,
        whole=np.arange(m.a.shape[1]) < frame.count,
        start=None if start is None else frame.values(start), mip_rel_gap=effort.gap,
        mip_abs_gap=0.0, threads=effort.threads, random_seed=effort.seed, mip_max_nodes=nodes,
        time_limit=max(clock.left_s, 0.01), **STRICT,
    )  # fmt: skip
    return run_model(model, clock, whole=True)


class Relaxation:
    """The relaxation of the whole program for one aim."""

    found: Answered  # the result of `solve`

    def __init__(self, frame: Frame, clock: Clock, *, seed: int) -> None:
        m = frame.matrix
        self.frame, self.clock = frame, clock
        self.model = model_of(
            frame.by_column, m.cost, m.lower, m.upper, m.row_lower, m.row_upper,
            threads=1, random_seed=seed, solver="ipm", run_crossover="on",
        )  # fmt: skip

    def solve(self) -> float:
        """Return a bound on the aim's value, negated if less is better; -inf if infeasible."""
        self.found = run_model(self.model, self.clock)
        return self.frame.signed(self.found.bound)

    @property
    def taken(self) -> Floats:
        """Value of each option, 0 to 1."""
        return np.clip(self.found.point[: self.frame.count], 0.0, 1.0)

    def dive(self, room: Room) -> Ints | None:
        """Return the choice that a dive from the relaxation reaches; None if it fails."""
        if not self.found.optimal:
            return None
        self.model.setOptionValue("solver", "simplex")
        return dive(self.frame, room, self.clock, self._again, self.taken)

    def _again(self, lower: Floats, upper: Floats) -> Floats | None:
        at = np.arange(len(lower), dtype=np.int32)
        self.model.changeColsBounds(len(at), at, lower, upper)
        answer = run_model(self.model, self.clock)
        return np.clip(answer.point[: len(at)], 0.0, 1.0) if answer.optimal else None


def dive(
    frame: Frame, room: Room, clock: Clock, again: Callable[[Floats, Floats], Floats | None],
    taken: Floats,
) -> Ints | None:  # fmt: skip
    """Fix the options with the largest values step by step; return the choice, or None.

    `again`: function that takes bounds on the options, and returns their relaxed values or None;
    `taken`: the relaxed values to begin with.
    """
    lower, upper = np.zeros(len(taken)), np.ones(len(taken))
    while (chosen := _next(frame, room, taken, lower, upper)) is not None:
        if clock.over:
            return None
        for low, high in _ways(frame.site, chosen, lower, upper):
            after = again(low, high)
            if after is not None:
                taken, lower, upper = after, low, high
                break
        else:
            return None
    return np.flatnonzero(lower > 0.5)


def _ways(
    site: Ints, chosen: list[int], lower: Floats, upper: Floats
) -> Iterator[tuple[Floats, Floats]]:
    """Yield bounds to try in turn: fix all chosen options, fix the first, exclude the first."""
    first = chosen[:1]
    for some in (chosen, first) if len(chosen) > 1 else (first,):
        low, high = lower.copy(), upper.copy()
        low[some] = 1.0
        high[np.isin(site, site[some]) & (low == 0)] = 0.0
        yield low, high
    high = upper.copy()
    high[first] = 0.0
    yield lower, high


def _next(
    frame: Frame, room: Room, taken: Floats, lower: Floats, upper: Floats
) -> list[int] | None:
    """Return the options to fix next, largest values first; None if all are decided."""
    choice = frame.by_site(np.flatnonzero(lower > 0.5))
    fits = room.fits(choice, begun=True)[: frame.count]
    upper[(lower == 0) & ~fits & ~frame.must[frame.site]] = 0.0
    open_ = np.flatnonzero((lower < upper) & (taken > settings.SIGNIFICANT))
    if not len(open_):
        return None
    chosen: list[int] = []
    share = 0.0
    for option in open_[np.argsort(-taken[open_], kind="stable")].tolist():
        if choice[frame.site[option]] >= 0 or not fits[option]:
            continue
        chosen.append(option)
        choice[frame.site[option]] = option
        share += room.share(option)
        if share > settings.DIVE_STEP and taken[option] < settings.WHOLE_FROM[0]:
            break
        fits = room.fits(choice, begun=True)[: frame.count]
    if not chosen:
        upper[open_] = 0.0
        return _next(frame, room, taken, lower, upper)
    return chosen
