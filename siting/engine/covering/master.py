"""The relaxed program of a covering on its options alone, with the rows as cuts by zone.

The rows are split into zones. For each zone ``g`` one variable says what of it is covered, and cuts
hold it down: for any prices ``0 <= p_i <= w_i`` of its rows::

    max   sum of t_g over g
    s.t.  t_g <= sum of (w_i - p_i) + sum over k of z_k x (sum of p_i over i of g that k covers)
          sum of z_k over k in G <= 1,   sum of c_k z_k <= B,   0 <= z <= 1

At a point ``z`` the tightest cut has ``p_i = w_i`` where less than 1 of the row is covered, else 0.
Cuts are added to, and taken from, the model HiGHS has, which goes on from the basis it left. Cuts
that do not bind are taken out from time to time: at the optimum a few hundred of thousands do.
Each round separates at a point between the optimum of the cuts so far and one that is good inside:
cuts made there are deeper.

Sources: J.-F. Cordeau, F. Furini, I. Ljubic: Benders decomposition for very large scale partial set
covering and maximal covering location problems. European Journal of Operational Research 275
(2019), 882-896. M. Fischetti, I. Ljubic, M. Sinnl: Redesigning Benders decomposition for
large-scale facility location. Management Science 63 (2017), 2146-2162.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.covering.covering import Covering
from siting.engine.covering.prices import Prices
from siting.engine.highs import new_model, run_native
from siting.errors import Fault, SolveError
from siting.program.instance import Floats, Ints

# All weight together counts so much in the program: tolerances of HiGHS are absolute.
UNITS = 1e4
# Rows covered less than this could be covered more.
COVERED = 1 - 1e-9
ROUNDS, PURGE_EVERY, HEAR_EVERY = 1000, 12, 10
# How far the point of a round is towards the optimum, and how far the inner point follows.
TOWARDS, FOLLOWS = 0.8, 0.5
# The optimum is separated as well where the other gives fewer cuts than this share of the zones.
FEW = 0.1


@dataclass(frozen=True, eq=False)
class Point:
    """What the relaxed program says, in the unit of the weights."""

    bound: float  # of its optimum, from its duals
    taken: Floats  # how much of each option
    held: Floats  # what each zone is held to be covered
    reduced: Floats  # what the bound changes by for a unit more of each option


@dataclass(frozen=True, eq=False)
class _Zone:
    """Rows of a zone: from, to, the options that cover any of them, and these pairs."""

    first: int
    last: int
    options: Ints
    across: sparse.csr_array


class Master:
    """The program of the cuts so far, in HiGHS.

    `zone`: zone of each row, see `zones_of`.
    """

    def __init__(self, covering: Covering, zone: Ints, clock: Clock, seed: int) -> None:
        self.covering, self.clock = covering, clock
        self._zone_of_row, self._seed = zone, seed
        self.unit = max(float(covering.weight.sum()), 1e-300) / UNITS
        order = np.argsort(zone, kind="stable")
        self.order = order
        self.weight = covering.weight[order] / self.unit
        self.matrix = sparse.csr_array(covering.matrix[order])
        edge = np.searchsorted(zone[order], np.arange(zone.max() + 2))
        self.edge = edge
        self.zones = [self._zone(edge[g], edge[g + 1]) for g in range(len(edge) - 1)]
        self.whole = np.add.reduceat(self.weight, edge[:-1])
        self.options = len(covering.cost)
        self._model = self._built(seed)
        self.fixed_rows = int(self._model.getNumRow())
        self._side = np.zeros(0)
        self._price: list[tuple[int, Floats]] = []  # of each cut: its zone and the prices there
        self.low, self.high = np.zeros(self.options), np.ones(self.options)

    def _zone(self, first: int, last: int) -> _Zone:
        own = self.matrix[first:last]
        options, column = np.unique(own.indices, return_inverse=True)
        shape = (last - first, len(options))
        small = sparse.csr_array((own.data, column.astype(np.int32), own.indptr), shape=shape)
        return _Zone(first, last, options.astype(np.int64), sparse.csr_array(small.T))

    def _built(self, seed: int) -> highspy.Highs:
        """Return the model of the options and the budget, without cuts."""
        covering, zones = self.covering, len(self.whole)
        columns, none = self.options + zones, np.zeros(0, dtype=np.int32)
        model = new_model(threads=1, random_seed=seed)
        worth = np.concatenate([np.zeros(self.options), np.ones(zones)])
        high = np.concatenate([np.ones(self.options), self.whole])
        model.addCols(columns, worth, np.zeros(columns), high, 0, none, none, np.zeros(0))
        model.changeObjectiveSense(highspy.ObjSense.kMaximize)
        unit = max(float(covering.cost.max()), 1e-300)
        size = np.bincount(covering.group)
        one = np.ones(self.options)
        rows = [(np.flatnonzero(covering.cost > 0), covering.cost / unit, covering.budget / unit)]
        rows += [(np.flatnonzero(covering.group == g), one, 1.0) for g in np.flatnonzero(size > 1)]
        self._right = np.array([right for *_, right in rows])
        for own, factor, right in rows:
            index = own.astype(np.int32)
            model.addRow(-highspy.kHighsInf, right, len(own), index, factor[own])
        return model

    # --- cuts --------------------------------------------------------------------------------

    @property
    def cuts(self) -> int:
        """How many cuts there are now."""
        return len(self._side)

    def add_prices(self, price: Floats) -> None:
        """Add the cut of each zone for prices of the rows, in the order of the covering."""
        own = price[self.order] / self.unit
        self._add([(g, own[z.first : z.last]) for g, z in enumerate(self.zones)])

    def separate(self, taken: Floats, held: Floats, accuracy: float) -> tuple[float, int]:
        """Add the cuts a point is beyond; return what it covers and how many cuts these are.

        The zones together may be held too high by `accuracy`, a share of all weight.
        """
        covered = self.matrix @ taken
        value = np.add.reduceat(self.weight * np.minimum(covered, 1.0), self.edge[:-1])
        over = held / self.unit - value
        most = accuracy * UNITS / len(self.zones)
        zones = np.flatnonzero(over > most).tolist()
        if zones:
            price = np.where(covered < COVERED, self.weight, 0.0)
            self._add([(g, price[self.zones[g].first : self.zones[g].last]) for g in zones])
        return float(value.sum()) * self.unit, len(zones)

    def sole_weight(self, taken: Floats) -> Floats:
        """Return the weight of each option's rows that are not covered one and a half times."""
        alone = np.where(self.matrix @ taken < 1.5, self.weight, 0.0)
        return np.asarray(self.matrix.T @ alone, dtype=float) * self.unit

    def _add(self, cuts: list[tuple[int, Floats]]) -> None:
        """Add cuts: a zone each, and the prices of its rows."""
        starts, side = [0], []
        index: list[Ints] = []
        value: list[Floats] = []
        for g, own in cuts:
            zone = self.zones[g]
            sold = zone.across @ own
            there = sold > 0
            index += [zone.options[there], np.array([self.options + g])]
            value += [-sold[there], np.ones(1)]
            starts.append(starts[-1] + int(there.sum()) + 1)
            side.append(float((self.weight[zone.first : zone.last] - own).sum()))
        right = np.array(side)
        added = self._model.addRows(
            len(side),
            np.full(len(side), -highspy.kHighsInf),
            right,
            starts[-1],
            np.array(starts[:-1], dtype=np.int32),
            np.concatenate(index).astype(np.int32),
            np.concatenate(value),
        )
        if added != highspy.HighsStatus.kOk:
            raise SolveError(Fault("HiGHS", "did not take the rows of a cut"))
        self._side = np.concatenate([self._side, right])
        self._price += cuts

    def purge(self) -> None:
        """Take out the cuts that do not bind at the last point."""
        basic = highspy.HighsBasisStatus.kBasic
        status = self._model.getBasis().row_status[self.fixed_rows :]
        idle = np.array([state == basic for state in status], dtype=bool)
        if idle.any():
            at = np.flatnonzero(idle).astype(np.int32) + self.fixed_rows
            self._model.deleteRows(len(at), at)
            self._side = self._side[~idle]
            self._price = [self._price[n] for n in np.flatnonzero(~idle).tolist()]

    # --- points ------------------------------------------------------------------------------

    def bounds(self, low: Floats, high: Floats) -> None:
        """Let each option be taken from `low` to `high`."""
        changed = np.flatnonzero((low != self.low) | (high != self.high)).astype(np.int32)
        if len(changed):
            self._model.changeColsBounds(len(changed), changed, low[changed], high[changed])
        self.low, self.high = low.copy(), high.copy()

    def solve(self) -> Point | None:
        """Return the optimum under the cuts so far; None if there is none, or time is up."""
        run_native([self._model], self.clock)
        status = self._model.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            if self.clock.over:
                return None
            name = self._model.modelStatusToString(status)
            raise SolveError(Fault("HiGHS", f"stopped with {name!r} on a linear program"))
        answer = self._model.getSolution()
        x, reduced = np.asarray(answer.col_value), np.asarray(answer.col_dual)
        dual = np.maximum(np.asarray(answer.row_dual), 0.0)
        low = np.concatenate([self.low, np.zeros(len(self.whole))])
        high = np.concatenate([self.high, self.whole])
        sides = float(dual @ np.concatenate([self._right, self._side]))
        bound = sides + float(np.maximum(reduced * low, reduced * high).sum())
        return Point(
            bound * self.unit,
            np.clip(x[: self.options], 0.0, 1.0),
            x[self.options :] * self.unit,
            reduced[: self.options] * self.unit,
        )

    def narrowed(self, covering: Covering) -> Master:
        """Return the program of fewer options of the same rows, with the cuts there are now."""
        out = Master(covering, self._zone_of_row, self.clock, self._seed)
        if self._price:
            out._add(self._price)
        return out


def zones_of(covering: Covering, most: int) -> Ints:
    """Return the zone of each row: the first of some far apart options that covers it.

    The last of `most` zones takes the rows that none of the others covers.
    """
    zone = np.full(len(covering.weight), -1, dtype=np.int64)
    columns = sparse.csc_array(covering.matrix)
    left = covering.weight.copy()
    gain = np.asarray(columns.T @ left, dtype=float)
    across = sparse.csr_array(columns.T)
    count = 0
    while count < most - 1 and gain.max(initial=0.0) > 0:
        k = int(gain.argmax())
        rows = columns.indices[columns.indptr[k] : columns.indptr[k + 1]]
        zone[rows[zone[rows] < 0]] = count
        left[rows] = 0.0
        gain = np.asarray(across @ left, dtype=float)
        count += 1
    zone[zone < 0] = count
    return np.unique(zone, return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True, eq=False)
class Cuts:
    """The program of the cuts, its last optimum, the best bound, and what is taken."""

    master: Master
    point: Point | None
    bound: float
    taken: Floats


def cut_down(
    covering: Covering,
    prices: Prices,
    clock: Clock,
    zones: int,
    accuracy: float,
    *,
    seed: int,
    hear: Callable[[float, Floats], bool] = lambda bound, taken: False,
) -> Cuts:
    """Return the relaxed program, solved round after round to an accuracy, a share of the optimum.

    `prices`: prices of the rows: the first cuts; `zones`: zones at most; `accuracy`: share of the
    optimum by which the bound may be above it; `hear`: called now and then with the bound and how
    much of each option is taken; says whether to stop.
    """
    master = Master(covering, zones_of(covering, zones), clock, seed)
    master.add_prices(prices.price)
    inner, bound = prices.taken, prices.bound
    point: Point | None = None
    for count in range(ROUNDS):
        now = master.solve()
        if now is None:
            return Cuts(master, point, bound, inner)
        point, bound = now, min(bound, now.bound)
        if count % PURGE_EVERY == PURGE_EVERY - 1:
            master.purge()
        if count % HEAR_EVERY == HEAR_EVERY - 1 and hear(bound, point.taken):
            break
        mixed = TOWARDS * point.taken + (1 - TOWARDS) * inner
        inner = FOLLOWS * point.taken + (1 - FOLLOWS) * inner
        value, made = master.separate(mixed, point.held, accuracy)
        if made < FEW * len(master.zones):
            value, own = master.separate(point.taken, point.held, accuracy)
            if point.bound - value <= accuracy * point.bound or made + own == 0:
                break
    if point is not None:
        inner = point.taken
        hear(bound, inner)
    return Cuts(master, point, bound, inner)
