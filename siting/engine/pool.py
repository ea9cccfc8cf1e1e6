"""A pool of integer programs that have the same stations and demand, and share all cuts.

A cut bounds the value of the energy that any choice of options can serve, for any payments and aim
(`siting.engine.cuts`). Therefore, programs that differ only in budget, aim or requirements share
all cuts found so far. First, cuts are added to the relaxation until they hardly lower its bound.
Then they are added at each optimum of the integer program, until a choice reaches the bound. The
value of each choice is computed exactly, by maximum flows where possible.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.cut_model import Relaxed
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.incumbent import Incumbent
from siting.engine.linear import Answered, model_of, rows_of, run_model
from siting.program.aims import MostWorth
from siting.program.instance import Floats, Ints
from siting.program.program import Program

# A constraint row: its columns, their coefficients, and its lower and upper limit.
Condition = tuple[Ints, Floats, float, float]


@dataclass(frozen=True, eq=False)
class Query:
    """An integer program over the pool's options and measures, with further columns of its own."""

    goal: Floats  # objective to be maximised
    lower: Floats
    upper: Floats
    rows: Sequence[Condition]  # constraints added to the pool's rows
    value: Callable[[Ints], float]  # exact objective of a choice, -inf if it is infeasible
    enough: float  # largest difference of two values that count as equal


@dataclass
class Found:
    """The best choice found, if any, its value, and a bound on the value of any choice."""

    choice: Ints | None = None
    value: float = -math.inf
    bound: float = math.inf


class Pool:
    """The options and demand of a program, with all cuts found so far."""

    def __init__(self, program: Program, clock: Clock, *, threads: int, seed: int) -> None:
        self.clock, self.threads, self.seed = clock, threads, seed
        self.frame = Frame(program.without_aims().most_worth(), MostWorth())
        self._incumbent = Incumbent(self.frame, clock, Effort(0.0, threads=threads, seed=seed))
        self._incumbent.build()
        self._master = self._incumbent.master
        matrix = self._master.matrix
        self.count = self.frame.count
        self.worth = matrix.cost * abs(matrix.size)  # unscaled objective coefficient of each column
        self.lower, self.upper = matrix.lower, matrix.upper
        self._idle = np.zeros(0, dtype=np.int64)  # optima since each cut was tight

    def worth_of(self, choice: Ints) -> float:
        """Return the value of the demand that a choice serves; -inf if the choice is infeasible."""
        return self._incumbent.weighed(np.sort(choice))

    def bounded(self, query: Query) -> float:
        """Add cuts until they hardly lower the relaxation's bound; return the bound."""
        low, weak = math.inf, 0
        while weak < settings.IDLE and not self.clock.over:
            answer = self._run(query, (), whole=False)
            if answer.infeasible:
                return -math.inf
            if not answer.optimal:
                break
            weak = weak + 1 if low - answer.objective <= settings.STALLED * abs(low) else 0
            low = min(low, answer.objective)
            if not self._cut(answer.point):
                break
        return low

    def best(self, query: Query) -> Found:
        """Return the best choice found for a query before time is up."""
        out = Found(bound=self.bounded(query))
        seen: list[Condition] = []  # rows that exclude choices already evaluated
        while out.bound > out.value + query.enough and not self.clock.over:
            answer = self._run(query, seen, whole=True)
            if answer.infeasible and not seen:
                # The presolve of HiGHS 1.16 may report a small feasible program as infeasible.
                answer = self._run(query, seen, whole=True, presolve="off")
            out.bound = max(min(out.bound, answer.bound), out.value)
            if not answer.found:
                break
            choice = np.flatnonzero(answer.point[: self.count] > 0.5)
            value = query.value(choice)
            if value > out.value:
                out.choice, out.value = choice, value
            if not self._cut(answer.point) or value < answer.objective - query.enough:
                # Rounding errors in cuts may overrate this choice, so a row excludes it.
                signs = 2 * self.frame.values(choice) - 1
                seen.append((np.arange(self.count), signs, -math.inf, len(choice) - 1.0))
        out.bound = max(out.bound, out.value)
        return out

    def _cut(self, point: Floats) -> int:
        taken = np.clip(point[: self.count], 0.0, 1.0)
        none = np.zeros(self.count)
        return self._master.separate(Relaxed(math.inf, taken, none, point[: len(self.worth)]))

    def _run(
        self, query: Query, more: Sequence[Condition], *, whole: bool, presolve: str = "choose"
    ) -> Answered:
        """Return the HiGHS solution of a query under the active cuts."""
        matrix, cuts = self._master.matrix, self._master.rows
        self._idle = np.append(self._idle, np.zeros(len(cuts) - len(self._idle), dtype=np.int64))
        all_awake = len(cuts) <= settings.MANY_ROWS
        awake = np.flatnonzero((self._idle <= settings.NODE_ROUNDS) | all_awake)
        here = (cuts[n] for n in awake.tolist())
        own: list[Condition] = [(cut.index, cut.value, -math.inf, cut.most) for cut in here]
        rows = [*own, *query.rows, *more]
        extra = rows_of([row[:2] for row in rows], len(query.goal))
        a, shape = matrix.a, (matrix.a.shape[0], len(query.goal))
        wide = sparse.csr_array((a.data, a.indices, a.indptr), shape=shape)
        model = model_of(
            sparse.csc_array(sparse.vstack([wide, extra])),
            query.goal, query.lower, query.upper,
            np.concatenate([matrix.row_lower, [row[2] for row in rows]]),
            np.concatenate([matrix.row_upper, [row[3] for row in rows]]),
            whole=np.arange(len(query.goal)) < self.count if whole else None,
            threads=self.threads, random_seed=self.seed, mip_rel_gap=0.0,
            mip_abs_gap=query.enough / 2, presolve=presolve,
        )  # fmt: skip
        answer = run_model(model, self.clock, whole=whole)
        if answer.optimal and not whole:
            over = np.asarray(extra[: len(own)] @ answer.point) - [row[3] for row in own]
            self._idle[awake] = np.where(over < -settings.ARITHMETIC, self._idle[awake] + 1, 0)
        return answer
