"""The relaxed projected program in a native model that stays between rounds.

The program is `siting.solve.projection`'s, written in PuLP and handed to HiGHS once; after that
cuts are rows added to the native model and decisions are bounds of its columns, and the simplex
goes on from where it was. Cuts that have been slack for long are taken out: at an optimum few of
thousands bind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import highspy
import numpy as np

from siting.engine.clock import Clock
from siting.engine.highs import native_model, run_native
from siting.program.instance import Flags, Floats
from siting.solve.projection import Projection, bound_at
from siting.solve.valuer import Cut, Valuer

# A cut is broken from this share of its part's energy on.
BROKEN = 1e-6
# Cuts that were slack in so many rounds go, once there are so many rows.
SLACK_ROUNDS, MANY_ROWS = 12, 150
UNTAKEN = 1e-6


@dataclass(frozen=True, eq=False)
class Relaxed:
    """An optimum of the relaxed program.

    Parameters
    ----------
    bound
        No choice within the bounds serves more (kWh/day); -inf where there is none.
    taken
        How much of each option (column) of a site (row) is taken, 0 to 1.
    price
        Reduced cost of each option: what the bound changes by, per unit, where one that is not
        taken is, or one that is whole is not (kWh/day, 0 or below).
    served
        Energy of each part (kWh/day).
    """

    bound: float
    taken: Floats
    price: Floats
    served: Floats

    def hopeless(self, enough: float) -> tuple[Flags, float]:
        """Return the options that no choice worth more than enough takes, and a bound on theirs.

        Parameters
        ----------
        enough
            Energy (kWh/day) above which a choice is of interest.
        """
        after = self.bound + self.price
        out = (self.taken < UNTAKEN) & (after <= enough)
        out[:, 0] = False
        return out, float(after[out].max(initial=0.0))


class Master:
    """The relaxed projected program of one instance.

    Parameters
    ----------
    projection
        The program and the cuts it starts with.
    valuer
        Values and bounds of the instance.
    clock
        Deadline and interruption.
    seed
        Random seed of the simplex.
    """

    def __init__(self, projection: Projection, valuer: Valuer, clock: Clock, *, seed: int) -> None:
        self._valuer, self._clock = valuer, clock
        self._refund = projection.refund
        self.model, column = native_model(projection.prob, clock, threads=1, random_seed=seed)
        self.where = projection.where
        self._unit = np.maximum(projection.kwh, 1e-12)
        self._z, self._t = (
            np.array([column[int(v.id)] for v in group], dtype=np.int32)
            for group in projection.variables
        )
        self._first_cut = self.model.getNumRow()
        self.middle: Floats | None = None
        self._add_site_rows()
        self._base = self.model.getNumRow()
        self._cuts: list[Cut] = []
        self._slack = np.zeros(0, dtype=np.int64)

    def forget_money(self) -> None:
        """Take the small price on money out of what is aimed at: bounds become those of energy."""
        n = len(self._z)
        self.model.changeColsCost(n, self._z, np.zeros(n))
        self._refund = 0.0

    # --- decisions ---------------------------------------------------------------------------

    def allow(self, allowed: Flags, opened: Flags) -> None:
        """Let a node's decisions hold.

        Parameters
        ----------
        allowed
            Whether each option (column) of a site (row) may be taken.
        opened
            Whether each site must have a station.
        """
        upper = allowed[self.where].astype(float)
        self.model.changeColsBounds(len(self._z), self._z, np.zeros(len(upper)), upper)
        lower = opened[self._row_site].astype(float)
        n = len(lower)
        rows = self._first_cut + np.arange(n, dtype=np.int32)
        self.model.changeRowsBounds(n, rows, lower, np.ones(n))  # type: ignore[attr-defined]

    def _add_site_rows(self) -> None:
        """Add a row a site, ``0 or 1 <= sum of z <= 1``, on which branching decides."""
        site = self.where[0]
        self._row_site = np.unique(site)
        order = np.argsort(site, kind="stable")
        edge = np.searchsorted(site[order], self._row_site).astype(np.int32)
        n = len(self._row_site)
        lower = self._valuer.instance.must_sites[self._row_site].astype(float)
        ones = np.ones(len(order))
        self.model.addRows(n, lower, np.ones(n), len(order), edge, self._z[order], ones)

    # --- cuts --------------------------------------------------------------------------------

    def add(self, cuts: list[Cut]) -> None:
        """Add cuts as rows."""
        index, value, start, upper = [], [], [0], []
        for cut in cuts:
            coefficient = cut.coefficient[self.where]
            at = np.flatnonzero(coefficient > 0)
            unit = float(self._unit[cut.part])
            index.append(np.concatenate([self._z[at], [self._t[cut.part]]]))
            value.append(np.concatenate([-coefficient[at] / unit, [1.0 / unit]]))
            start.append(start[-1] + len(at) + 1)
            upper.append(cut.constant / unit)
        if not cuts:
            return
        n = len(cuts)
        self.model.addRows(
            n,
            np.full(n, -highspy.kHighsInf),
            np.array(upper),
            start[-1],
            np.array(start[:-1], dtype=np.int32),
            np.concatenate(index).astype(np.int32),
            np.concatenate(value),
        )
        self._cuts += cuts
        self._slack = np.concatenate([self._slack, np.zeros(n, dtype=np.int64)])

    def separate(self, found: Relaxed) -> int:
        """Add the cuts that an optimum breaks most, there and half-way back; return how many."""
        taken = found.taken
        self.middle = taken if self.middle is None else (taken + self.middle) / 2
        seen: set[bytes] = set()
        broken = []
        for point in (taken, self.middle):
            for cut in self._valuer.linked_cuts(point):
                over = found.served[cut.part] - bound_at(cut, taken)
                key = cut.coefficient.tobytes() + cut.constant.hex().encode()
                if over > BROKEN * self._unit[cut.part] and key not in seen:
                    seen.add(key)
                    broken.append(cut)
        self.add(broken)
        return len(broken)

    def _purge(self, slack: Flags) -> None:
        self._slack = np.where(slack, self._slack + 1, 0)
        if len(self._slack) < MANY_ROWS:
            return
        old = np.flatnonzero(self._slack > SLACK_ROUNDS)
        if len(old):
            self.model.deleteRows(len(old), (self._base + old).astype(np.int32))
            gone = set(old.tolist())
            self._cuts = [cut for n, cut in enumerate(self._cuts) if n not in gone]
            self._slack = np.delete(self._slack, old)

    def binding_cuts(self) -> list[Cut]:
        """Return the cuts added that bound the last optimum, or did not long ago."""
        return [cut for cut, rounds in zip(self._cuts, self._slack, strict=True) if rounds <= 1]

    # --- solving -----------------------------------------------------------------------------

    def solve(self) -> Relaxed | None:
        """Return the optimum under the decisions and cuts so far; None if time ran out."""
        run_native(self.model, self._clock)
        status = self.model.getModelStatus()
        shape = self._valuer.option_offer.shape
        none = np.zeros(shape)
        if status == highspy.HighsModelStatus.kInfeasible:
            return Relaxed(-math.inf, none, none, np.zeros(len(self._unit)))
        if status != highspy.HighsModelStatus.kOptimal:
            return None
        solution = self.model.getSolution()
        column = np.asarray(solution.col_value)
        taken, price = none.copy(), none.copy()
        taken[self.where] = np.clip(column[self._z], 0.0, 1.0)
        price[self.where] = -np.abs(np.asarray(solution.col_dual)[self._z])
        dual = np.asarray(solution.row_dual)[self._base :]
        bound = float(self.model.getInfo().objective_function_value) + self._refund
        served = column[self._t]
        self._purge(np.abs(dual) < 1e-12)
        return Relaxed(bound, taken, price, served)

    def tighten(
        self, rounds: int, stalled: float, enough: float = -math.inf
    ) -> tuple[Relaxed | None, float]:
        """Return the optimum after so many rounds of cuts, and the lowest bound on the way.

        Parameters
        ----------
        rounds
            Rounds at most.
        stalled
            Least gain of a round, relative to the bound, over which to go on.
        enough
            Stops once the bound is at or below it.
        """
        found = self.solve()
        if found is None:
            return None, math.inf
        low = found.bound
        weak = 0
        for _ in range(rounds):
            if found.bound <= enough or not self.separate(found):
                break
            after = self.solve()
            if after is None:
                break
            weak = weak + 1 if low - after.bound <= stalled * abs(low) else 0
            found, low = after, min(low, after.bound)
            if weak >= 3:
                break
        return found, low
