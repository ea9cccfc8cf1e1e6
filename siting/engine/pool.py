"""Many questions of the same stations and demand, which share their cuts.

A cut bounds what any choice serves (`siting.engine.cuts`), whatever is paid and whatever is asked
for. So questions that differ in money, in what they aim at and in what must be reached are integer
programs over options and measures alone, and each begins with the cuts of all before it: first its
relaxation is cut until that gains little, then the program is solved in integers, cut at what it
finds, and solved again until its bound is reached by a choice. Choices are valued exactly, by flows
where that is possible.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.cut_model import Relaxed
from siting.engine.frame import Frame
from siting.engine.linear import Answered, model_of, run_model
from siting.engine.plans import Options, Plans
from siting.program.aims import MostWorth
from siting.program.instance import Floats, Ints
from siting.program.program import Program

# Rounds of cuts in a row that gain less than a share of the bound, after which there are no more.
WEAK, STALLED = 3, 1e-5
# With more cuts than this those that were slack in so many relaxations rest.
MANY, RESTS = 300, 40

# A row: its columns, their factors, the least and the most it may be.
Row = tuple[Ints, Floats, float, float]


@dataclass(frozen=True, eq=False)
class Question:
    """What to make the most of, over options, measures and further columns of its own.

    `goal`: what each column counts; `lower`, `upper`: bounds of all columns; `rows`: beside those
    of the pool's program; `value`: what the goal is for a choice, exactly, and -inf where the
    choice will not do; `enough`: a difference of values that is none.
    """

    goal: Floats
    lower: Floats
    upper: Floats
    rows: Sequence[Row]
    value: Callable[[Ints], float]
    enough: float


@dataclass
class Found:
    """The best choice found (none: no choice was), its value, and a bound on that of any."""

    choice: Ints | None = None
    value: float = -math.inf
    bound: float = math.inf
    seen: list[Row] = field(default_factory=list)  # rows that rule out choices valued before


class Pool:
    """The options and demand of a program, of which questions are asked, and all cuts so far."""

    def __init__(self, program: Program, clock: Clock, *, threads: int, seed: int) -> None:
        self.clock, self.threads, self.seed = clock, threads, seed
        self.frame = Frame(program.without_aims().most_worth(), MostWorth())
        self._plans = Plans(self.frame, clock, Options(0.0, threads, seed), None)
        self._plans.build()
        self._master = self._plans.master
        matrix = self._master.matrix
        self.count = self.frame.count
        self.worth = matrix.cost * abs(matrix.size)  # what each column is worth
        self.lower, self.upper = matrix.lower, matrix.upper
        self._idle = np.zeros(0, dtype=np.int64)

    def worth_of(self, choice: Ints) -> float:
        """Return what a choice is worth, -inf where it is no plan."""
        return self._plans.weighed(np.sort(choice))

    def bounded(self, asked: Question) -> float:
        """Return a bound on a question from its relaxation, cut until that gains little."""
        low, weak = math.inf, 0
        while weak < WEAK and not self.clock.over:
            answer = self._run(asked, (), whole=False)
            if answer.infeasible:
                return -math.inf
            if not answer.optimal:
                break
            weak = weak + 1 if low - answer.objective <= STALLED * abs(low) else 0
            low = min(low, answer.objective)
            if not self._cut(answer.point):
                break
        return low

    def best(self, asked: Question) -> Found:
        """Return the best choice for a question, as far as the clock allows."""
        out = Found(bound=self.bounded(asked))
        while out.bound > out.value + asked.enough and not self.clock.over:
            answer = self._run(asked, out.seen, whole=True)
            if answer.infeasible and not out.seen:
                # HiGHS 1.16 has called a small program infeasible in its presolve that is not.
                answer = self._run(asked, out.seen, whole=True, presolve="off")
            out.bound = max(min(out.bound, answer.bound), out.value)
            if not answer.found:
                break
            choice = np.flatnonzero(answer.point[: self.count] > 0.5)
            value = asked.value(choice)
            if value > out.value:
                out.choice, out.value = choice, value
            if not self._cut(answer.point) or value < answer.objective - asked.enough:
                # Cuts are as exact as flows: what was valued need not be found again.
                signs = np.full(self.count, -1.0)
                signs[choice] = 1.0
                out.seen.append((np.arange(self.count), signs, -math.inf, len(choice) - 1.0))
        out.bound = max(out.bound, out.value)
        return out

    def _cut(self, point: Floats) -> int:
        taken = np.clip(point[: self.count], 0.0, 1.0)
        none = np.zeros(self.count)
        return self._master.separate(Relaxed(math.inf, taken, none, point[: len(self.worth)]))

    def _run(
        self, asked: Question, more: Sequence[Row], *, whole: bool, presolve: str = "choose"
    ) -> Answered:
        """Return what HiGHS says of a question under the cuts that do not rest."""
        matrix, cuts = self._master.matrix, self._master.rows
        new = np.zeros(len(cuts) - len(self._idle), dtype=np.int64)
        self._idle = np.concatenate([self._idle, new])
        awake = np.flatnonzero((self._idle <= RESTS) | (len(cuts) <= MANY))
        here = (cuts[n] for n in awake.tolist())
        own: list[Row] = [(cut.index, cut.value, -math.inf, cut.most) for cut in here]
        rows = [*own, *asked.rows, *more]
        start = np.cumsum([0, *(len(index) for index, *_ in rows)])
        empty = np.zeros(0)
        index = np.concatenate([empty.astype(np.int64), *(row[0] for row in rows)])
        value = np.concatenate([empty, *(row[1] for row in rows)])
        shape = (len(rows), len(asked.goal))
        extra = sparse.csr_array((value, index, start), shape=shape)
        wide = sparse.csr_array(
            (matrix.a.data, matrix.a.indices, matrix.a.indptr),
            shape=(matrix.a.shape[0], len(asked.goal)),
        )
        model = model_of(
            sparse.csc_array(sparse.vstack([wide, extra])),
            asked.goal, asked.lower, asked.upper,
            np.concatenate([matrix.row_lower, [row[2] for row in rows]]),
            np.concatenate([matrix.row_upper, [row[3] for row in rows]]),
            whole=np.arange(len(asked.goal)) < self.count if whole else None,
            threads=self.threads, random_seed=self.seed, mip_rel_gap=0.0,
            mip_abs_gap=asked.enough / 2, presolve=presolve,
        )  # fmt: skip
        answer = run_model(model, self.clock, whole=whole)
        if answer.optimal and not whole:
            over = np.asarray(extra[: len(own)] @ answer.point) - [row[3] for row in own]
            self._idle[awake] = np.where(over < -1e-7, self._idle[awake] + 1, 0)
        return answer
