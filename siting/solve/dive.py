"""A first plan for any program: its linear relaxation, rounded step by step.

The relaxation is solved, the offers it takes for the larger part are fixed, and it is solved again
with what is left, until no offer is taken in part. Every row of the program is kept on the way,
whatever it says; where fixing a few at once leaves no solution they are tried one by one, and the
one that cannot be taken is ruled out. Nothing here is random.
"""

from __future__ import annotations

import math
from typing import Any, cast

import highspy
import numpy as np
import pulp
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.highs import run_highs, run_native
from siting.models.program import Program, add_row
from siting.program.instance import Floats, Ints
from siting.solve.tighten import SiteCuts

# Offers taken to less than this are not taken, to more than the rest of it are.
INTEGRAL = 1e-6
# Share of the offers taken in part that is fixed at once, largest first, and from where on all are.
BATCH, SURE = 0.15, 0.9
MOST_FAILURES = 12
ROW_TOLERANCE = 1e-9
# Rounds of rows at most, and the share of the bound below which a round has gained nothing.
ROUNDS, STALLED = 25, 1e-3


class Relaxation:
    """The linear relaxation of a program, kept in HiGHS, in which offers can be fixed.

    Parameters
    ----------
    program
        The program.
    clock, threads, seed
        As for `siting.engine.highs.run_highs`.
    """

    def __init__(
        self, program: Program, clock: Clock, *, threads: int, seed: int, **options: Any
    ) -> None:
        self._program, self._clock = program, clock
        self.sign = 1.0 if program.prob.sense == pulp.LpMaximize else -1.0
        run = run_highs(program.prob, clock, threads=threads, seed=seed, relaxed=True, **options)
        self.solved = run.status == pulp.LpSolveStatus.Optimal
        self.infeasible = run.status == pulp.LpSolveStatus.Infeasible
        self.bound = run.objective if self.solved else self.sign * math.inf
        self._low = np.array([v.lowBound or 0.0 for v in program.z], dtype=float)
        assert program.prob.solverModel is not None
        self._model = cast(highspy.Highs, program.prob.solverModel)
        self._model.setOptionValue("time_limit", highspy.kHighsInf)
        self._column, self._served = self._columns()
        self.taken = self._values()
        self._rows, self._most = self._rows_of_offers()

    def _columns(self) -> tuple[Ints, Ints]:
        """Return the columns of offers and of served energy; PuLP leaves out what no row uses."""
        known = {v.id: n for n, v in enumerate(self._program.prob.exported_variables())}
        wanted = [*self._program.z, *self._program.served]
        missing = [v for v in wanted if v.id not in known]
        for v in missing:
            known[v.id] = self._model.getNumCol()
            low, high = v.lowBound or 0.0, v.upBound
            self._model.addCol(0.0, low, high, 0, np.zeros(0, np.int32), np.zeros(0))
        if missing and self.solved:
            run_native(self._model, self._clock)
        at = np.array([known[v.id] for v in wanted], dtype=np.int64)
        return at[: len(self._program.z)], at[len(self._program.z) :]

    def _rows_of_offers(self) -> tuple[sparse.csr_array, Floats]:
        """Return the rows that have offers alone, and their limits: one a site, the budget …."""
        lp = self._model.getLp()
        if not lp.num_row_:
            return sparse.csr_array((0, len(self._column))), np.zeros(0)
        raw = (lp.a_matrix_.value_, lp.a_matrix_.index_, lp.a_matrix_.start_)
        data, index, start = (np.array(part) for part in raw)
        shape = (lp.num_row_, lp.num_col_)
        by_column = lp.a_matrix_.format_ == highspy.MatrixFormat.kColwise
        form = sparse.csc_array if by_column else sparse.csr_array
        matrix = sparse.csr_array(form((data, index, start), shape=shape))
        length = np.diff(matrix.indptr)
        own = sparse.csr_array(matrix[:, self._column])
        most = np.array(lp.row_upper_, dtype=float)
        alone = (np.diff(own.indptr) == length) & (length > 0) & (most < highspy.kHighsInf)
        return sparse.csr_array(own[np.flatnonzero(alone)]), most[alone]

    def tighten(self) -> int:
        """Add rows that the relaxation breaks, here and in the program; return how many."""
        if not self.solved or not len(self._program.site) or self._program.site[0] < 0:
            return 0
        cuts, added = SiteCuts(self._program), 0
        column = self._served
        unit = max(abs(self.bound), 1e-9)
        for _ in range(ROUNDS):
            if self._clock.over:
                break
            served = np.array(self._model.getSolution().col_value)[column]
            broken = list(cuts.broken(served, self.taken))
            for pairs, offers, most in broken:
                scale = 1.0 / float(most.max())
                at = np.concatenate([column[pairs], self._column[offers]])
                weights = np.concatenate([np.full(len(pairs), scale), -most * scale])
                self._model.addRow(-highspy.kHighsInf, 0.0, len(at), at.astype(np.int32), weights)
                terms = [(self._program.served[p], scale) for p in pairs.tolist()]
                shares = (-most * scale).tolist()
                terms += [
                    (self._program.z[o], w) for o, w in zip(offers.tolist(), shares, strict=True)
                ]
                add_row(self._program.prob, terms, 0.0, f"site_{added}")
                added += 1
            if not broken:
                break
            before = self.bound
            bound = self.at(self._low, np.ones(len(self._column)))
            if not math.isfinite(bound):
                break
            self.bound = bound
            if abs(before - bound) < STALLED * unit:
                break
        return added

    def rule_out(self, low: Floats, high: Floats) -> bool:
        """Set the limits of offers that no longer fit to 0; return False if none fit any more.

        Parameters
        ----------
        low, high
            Limits of the offers; `high` is changed.
        """
        entry = self._rows.tocoo()
        at, column, weight = entry.row, entry.col, entry.data
        least = np.where(weight > 0, weight * low[column], weight * high[column])
        room = self._most - np.bincount(at, least, minlength=len(self._most))
        slack = ROW_TOLERANCE * np.maximum(1.0, np.abs(self._most))
        if (room < -slack).any():
            return False
        tight = (weight > 0) & (low[column] == 0) & (weight > room[at] + slack[at])
        high[column[tight]] = 0.0
        return True

    def _values(self) -> Floats:
        if not self.solved:
            return np.zeros(len(self._column))
        out: Floats = np.array(self._model.getSolution().col_value)[self._column]
        return out

    def at(self, low: Floats, high: Floats) -> float:
        """Return the best objective with offers between limits; minus or plus infinity if none."""
        self._model.changeColsBounds(len(low), self._column.astype(np.int32), low, high)
        run_native(self._model, self._clock)
        if self._model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return -self.sign * math.inf
        self.taken = self._values()
        return float(self._model.getInfo().objective_function_value)

    def value(self, offers: Ints) -> float:
        """Return the objective of a plan; minus or plus infinity if it cannot be."""
        fixed = np.isin(self._program.offer, offers).astype(float)
        if (fixed < self._low).any() or fixed.sum() < len(offers):
            return -self.sign * math.inf
        return self.at(fixed, fixed)

    def dive(self) -> Ints | None:
        """Return the offers of a plan found by rounding; None if none was found in time."""
        low, high = self._low.copy(), np.ones(len(self._column))
        if not math.isfinite(self.at(low, high)):
            return None
        alone, failed = False, 0
        while not self._clock.over:
            taken = self.taken
            part = np.flatnonzero((taken > INTEGRAL) & (taken < 1 - INTEGRAL))
            if not len(part):
                return self._program.offer[np.flatnonzero(taken > 0.5)]
            order = part[np.lexsort((part, -taken[part]))]
            size = max(1, int(BATCH * len(part)), int((taken[order] > SURE).sum()))
            if self._fix(low, high, order[: 1 if alone else size]):
                alone = False
            elif not alone:
                alone, self.taken = True, taken
            else:
                failed += 1
                high[order[0] if failed < MOST_FAILURES else part] = 0.0
                if failed > MOST_FAILURES or not math.isfinite(self.at(low, high)):
                    return None
        return None

    def _fix(self, low: Floats, high: Floats, offers: Ints) -> bool:
        """Take some offers, and what the relaxation takes whole; return whether that can be."""
        lower, upper = low.copy(), high.copy()
        lower[self.taken >= 1 - INTEGRAL] = 1.0
        lower[offers] = 1.0
        if not self.rule_out(lower, upper) or not math.isfinite(self.at(lower, upper)):
            return False
        low[:], high[:] = lower, upper
        return True
