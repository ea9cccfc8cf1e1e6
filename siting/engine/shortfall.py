"""The linear program behind the cuts: how much less a choice serves than the master problem claims.

This subproblem has the rows of the whole program (`siting.program.matrix`). Its options are fixed
at fractional values, which also limit the energy of each pair. For each measure, one more row
requires that the measure plus the shortfall is at least the value that the master problem claims.
Only limits of rows and columns change from point to point, so the dual simplex method restarts from
its last basis. The duals are the weights and prices of the cut (`siting.engine.cuts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import batched
from typing import Any

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.coarse import Measure
from siting.engine.cuts import Cut, Cutter
from siting.engine.frame import first_of_each
from siting.engine.highs import run_native
from siting.engine.linear import answered, model_of, rows_of
from siting.program.instance import Flags, Floats, Ints


class Shortfall:
    """The subproblem of one group of parts; `worth_only`: whether worth is its only measure."""

    def __init__(self, cutter: Cutter, group: list[int], *, worth_only: bool) -> None:
        self.cutter, self.group, self.frame = cutter, group, cutter.frame
        frame, m = self.frame, self.frame.matrix
        self.layout = frame.layout
        x = [self.layout.pair_column[cutter.parts[p].pairs, cutter.parts[p].slice] for p in group]
        self.energies = np.unique(np.concatenate(x))
        self.money = bool(cutter.money) and not worth_only
        # Years whose payments belong to this group; years without demand belong to the first group.
        self.years: list[int] = []
        if self.money:
            of_parts = {cutter.year_of(p) for p in range(len(cutter.parts))}
            mine = {cutter.year_of(p) for p in group}
            every = range(self.layout.subsidy_column.shape[1])
            leads = group == cutter.linked[0]
            self.years = [t for t in every if t in mine or (leads and t not in of_parts)]
        subsidy = self.layout.subsidy_column[:, self.years]
        self.subsidies = np.unique(subsidy[subsidy >= 0])
        self.columns = np.concatenate([self.energies, self.subsidies]).astype(np.int64)
        rows = frame.rows_of("demand", "capacity", "cover", "gap", "cap")
        part = sparse.csr_array(frame.by_column[:, self.columns])[rows]
        used = np.diff(part.indptr) > 0
        self.rows, inner = rows[used], part[np.flatnonzero(used)]
        self.by_option = sparse.csr_array(frame.by_column[:, : frame.count])[self.rows]
        # Coefficient of a rupee in each row; it varies because rows are scaled.
        paid = sparse.csr_array(inner[:, len(self.energies) :])
        self.rupee = np.ones(len(self.rows))
        if paid.shape[1]:
            self.rupee = paid.max(axis=1).toarray().ravel()
        self.measures = self._measures(worth_only=worth_only)
        # If there is only one measure, it is the objective. Otherwise, each measure has a row, and
        # the first column is their common shortfall.
        self.single = len(self.measures) == 1
        outer = rows_of([row for _, row, _ in self.measures], len(self.columns))
        self.cost = outer.toarray()[0] if self.single else np.zeros(len(self.columns))
        self.a = sparse.csc_array(inner if self.single else sparse.vstack([inner, outer]))
        n = self.a.shape[0]
        # The second column contains costs that neither earnings nor capped payments cover; no
        # measure includes it.
        lacking = np.zeros(n, dtype=bool)
        if self.money:
            lacking[: len(self.rows)] = np.isin(self.rows, frame.rows_of("gap"))
        first = np.stack([np.arange(n) >= len(self.rows), lacking], axis=1).astype(float)
        first = first[:, first.any(axis=0) & [not self.single, True]]
        # Other columns are added once an option at their site has a value above 0.
        ends = np.full(first.shape[1], np.inf)
        many = self.money and len(self.energies) > settings.MANY_PAIRS
        solver: dict[str, Any] = {"solver": "ipm", "run_crossover": "off"} if many else {}
        self.model = model_of(
            sparse.csc_array(first), np.array([-1.0, -settings.CAP_PENALTY])[: len(ends)],
            np.zeros(len(ends)), ends, np.full(n, -np.inf), np.full(n, np.inf), threads=1, **solver,
        )  # fmt: skip
        self.price_row = self._price_rows()
        self.upper = m.upper[self.columns]
        self.there = np.zeros(0, dtype=np.int64)  # columns in the model, in the model's order
        self.known = np.zeros(len(self.columns), dtype=bool)
        self.bound = np.zeros(len(self.columns))
        # The columns of each row's pairs, in the order of adding; None if all are added at once.
        self.by_worth: Ints | None = None
        near = self.single and frame.service.near
        if self.layout.by_pair and (near or many):
            at = self.energies - frame.count
            self.reach = frame.energy_group[at]
            order = -self.cost[: len(at)] if near else frame.service.minutes[frame.energy_pair[at]]
            self.by_worth = np.lexsort((order, self.reach))
            self.most_cost = float(np.abs(self.cost).max(initial=0.0)) or 1.0

    def _add(self, new: Ints) -> None:
        if not len(new):
            return
        part, none = self.a[:, new], np.zeros(len(new))
        at = part.indptr[:-1].astype(np.int32), part.indices.astype(np.int32)
        ends = none, self.bound[new]
        self.model.addCols(len(new), self.cost[new], *ends, part.nnz, *at, part.data)
        self.there = np.concatenate([self.there, new])
        self.known[new] = True

    def _measures(self, *, worth_only: bool) -> list[tuple[Measure, tuple[Ints, Floats], float]]:
        """Return each measure of the group with its row (over the columns) and its scale."""
        cutter, layout = self.cutter, self.layout
        out = []
        for m in cutter.measures:
            column: Ints
            value: Floats
            if m.kind == "worth":
                if m.index not in self.group:
                    continue
                part = cutter.parts[m.index]
                column = layout.pair_column[part.pairs, part.slice]
                column, first = np.unique(column, return_index=True)
                value, unit = part.worth[first], part.most
            elif worth_only:
                continue
            elif m.kind == "energy":
                parts = [p for p in self.group if (m.column, p) in cutter.counted]
                if not parts:
                    continue
                pairs = [cutter.parts[p].pairs[cutter.counted[m.column, p]] for p in parts]
                column = np.unique(layout.pair_column[np.concatenate(pairs), m.s])
                value = np.ones(len(column))
                unit = float(sum(cutter.parts[p].wanted.sum() for p in parts))
            else:
                t = m.index if m.kind == "money" else layout.subsidy_column.shape[1] - 1
                if t not in self.years:
                    continue
                offer = np.flatnonzero(layout.subsidy_column[:, t] >= 0)
                column = layout.subsidy_column[offer, t]
                share = np.ones(len(offer))
                if m.kind == "envelope":
                    share = cutter.envelope_share(m.index)[offer]
                value, unit = -share, 1.0
            scale = 1.0 / max(unit, 1e-300)
            place = np.searchsorted(self.columns, column)  # the columns are in order
            out.append((m, (place, value * scale), scale))
        return out

    def _price_rows(self) -> dict[int, tuple[Ints, Ints]]:
        """Return, for each part, its demand rows in this program, and their row numbers there."""
        frame = self.frame
        out: dict[int, tuple[Ints, Ints]] = {}
        of_row = np.flatnonzero(np.isin(self.rows, frame.rows_of("demand")))
        row, slice_ = frame.demand_of(self.rows[of_row])
        for p in self.group:
            part = self.cutter.parts[p]
            mine = np.flatnonzero(np.isin(row, part.rows) & (slice_ == part.slice))
            out[p] = (np.searchsorted(part.rows, row[mine]), of_row[mine])
        return out

    def aim_at(self, taken: Floats, measured: Floats) -> None:
        """Set the limits of the model's rows and columns for a point."""
        m, model = self.frame.matrix, self.model
        shift = self.by_option @ taken
        # The value that the master problem claims for each measure.
        self.claimed = np.array(
            [one.sign * measured[one.column] * scale for one, _, scale in self.measures]
        )
        sides = self.claimed[:0] if self.single else self.claimed
        n = len(self.rows) + len(sides)
        lower = np.concatenate([m.row_lower[self.rows] - shift, sides])
        upper = np.concatenate([m.row_upper[self.rows] - shift, np.full(len(sides), np.inf)])
        model.changeRowsBounds(n, np.arange(n, dtype=np.int32), lower, upper)  # type: ignore[attr-defined]
        self.bound = self.upper.copy()
        if self.layout.by_pair:
            share = self.frame.share_of(self.energies - self.frame.count, taken)
            self.bound[: len(self.energies)] *= np.minimum(share, 1.0)
        self._add(np.flatnonzero(self._first_at_hand() & ~self.known))
        n = len(self.there)
        first = model.getNumCol() - n
        at = np.arange(first, first + n, dtype=np.int32)
        model.changeColsBounds(n, at, np.zeros(n), self.bound[self.there])

    def _first_at_hand(self) -> Flags:
        """Return, for each column, whether the first model includes it."""
        at_hand: Flags = self.bound > 0
        if self.by_worth is None:
            return at_hand
        order = self.by_worth[at_hand[self.by_worth]]
        first = np.zeros(len(at_hand), dtype=bool)
        first[len(self.energies) :] = at_hand[len(self.energies) :]
        first[order[first_of_each(self.reach[order], settings.NEAREST_PAIRS)]] = True
        return first

    def price_in(self) -> bool:
        """Add columns that are profitable at the last prices; return whether there are any."""
        if self.by_worth is None:
            return False
        price = answered(self.model).price
        if not len(price):
            return False
        left = np.flatnonzero((self.bound > 0) & ~self.known)
        gain = self.cost[left] - self.a[:, left].T @ price
        pays = left[gain > settings.ARITHMETIC * self.most_cost]
        self._add(pays)
        return len(pays) > 0

    def cut(self, taken: Floats, measured: Floats) -> Cut | None:
        """Return the most violated cut at a point, from the duals of the optimum, or None."""
        answer = answered(self.model)
        short = (float(self.claimed[0]) if self.single else 0.0) - answer.objective
        if not answer.optimal or short <= settings.SIGNIFICANT:
            return None
        reduced = np.zeros(len(self.columns))
        reduced[self.there] = answer.reduced[len(answer.reduced) - len(self.there) :]
        cutter, price = self.cutter, answer.price
        weight = {
            m.column: (1.0 if self.single else max(-price[len(self.rows) + n], 0.0)) * scale
            for n, (m, _, scale) in enumerate(self.measures)
        }
        worths: dict[int, Floats] = {}
        prices: dict[int, Floats] = {}
        for p in self.group:
            part = cutter.parts[p]
            worths[p], prices[p] = np.zeros(len(part.pairs)), np.zeros(len(part.rows))
            if p in cutter.worth_of:
                worths[p] += weight.get(cutter.worth_of[p].column, 0.0) * part.worth
            for m in cutter.energies:
                if (m.column, p) in cutter.counted:
                    worths[p] += weight.get(m.column, 0.0) * cutter.counted[m.column, p]
            if self.layout.by_pair:
                row, at = self.price_row[p]
                prices[p][row] = np.maximum(price[at], 0.0)
            else:
                column = self.layout.pair_column[part.pairs, part.slice]
                at = np.searchsorted(self.energies, column)
                prices[p][part.row] = np.maximum(reduced[at], 0.0)
        counted = [m for m, *_ in self.measures if weight[m.column] > 0]
        column = np.array([m.column for m in counted], dtype=np.int64)
        if not counted and not self.money:
            return None
        by = np.array([weight[m.column] * m.sign for m in counted])
        if self.money:
            constant, coefficient = self._with_gaps(worths, prices, weight, price)
        else:
            constant, coefficient = cutter.summed([(p, worths[p], prices[p]) for p in self.group])
        scale = float(np.abs(by).max(initial=0.0)) or float(np.abs(coefficient).max()) or 1.0
        priced = {p: price / scale for p, price in prices.items()}
        cut = Cut(column, by / scale, constant / scale, coefficient / scale, priced)
        return cut if cut.over(taken, measured) > 0 else None

    def _with_gaps(
        self, worths: dict[int, Floats], prices: dict[int, Floats], weight: dict[int, float],
        price: Floats,
    ) -> tuple[float, Floats]:  # fmt: skip
        """Return a cut's constant and coefficients at the best of several gap prices."""
        cutter, frame, layout = self.cutter, self.frame, self.layout
        constant, coefficient = 0.0, np.zeros(cutter.count)
        years = layout.subsidy_column.shape[1]
        for t in self.years:
            year_parts = [p for p in self.group if cutter.year_of(p) == t]
            constant += sum(float(prices[p] @ cutter.parts[p].wanted) for p in year_parts)
            # Price of a rupee paid to each offer: the year's price of public money, plus the prices
            # of envelopes.
            rupee = np.zeros(len(layout.instance.offer_cost))
            for m in cutter.money:
                if m.kind == "money" and m.index == t:
                    rupee += weight.get(m.column, 0.0)
                elif m.kind == "envelope" and t == years - 1:
                    rupee += weight.get(m.column, 0.0) * cutter.envelope_share(m.index)
            top = float(rupee.max(initial=0.0))
            gap_price = np.full(frame.sites, top)
            sites, rows = layout.gap_rows[t]
            at = np.searchsorted(self.rows, frame.rows_of("gap")[rows])
            gap_price[sites] = np.maximum(-price[at], 0.0) * self.rupee[at]
            coefficient_at = cutter.in_business(t, year_parts, worths, prices, rupee)
            best = coefficient_at(gap_price)
            pooled = frame.pooled[frame.site]  # the sites of a concession share one gap price
            for share in settings.GAP_PRICES:
                other = coefficient_at(np.full(frame.sites, share * top))
                best = np.where(pooled, best, np.minimum(best, other))
            coefficient += best
        return constant, coefficient


class Shortfalls:
    """The subproblems of all groups of parts, each built on first use.

    Parts linked by floors or public money also have common cuts, which take longer to find.
    """

    def __init__(self, cutter: Cutter, clock: Clock, *, threads: int) -> None:
        self.cutter, self.clock, self.threads = cutter, clock, threads
        self._made: dict[bool, list[Shortfall]] = {}
        self.missed = False  # whether some group got no cut at the first point in the last call

    def cuts(
        self, points: Sequence[Floats], measured: Floats, breaks: Callable[[Cut], bool],
        *, linked: bool,
    ) -> list[Cut]:  # fmt: skip
        """Return each group's cut at the first point that yields a violated cut.

        `points`: values of the options; `measured`: all columns of the master problem; `breaks`:
        tests whether a cut excludes the point to be cut off; `linked`: whether to give linked parts
        a common cut, instead of a cut on the worth of each part.
        """
        if linked not in self._made:
            groups = self.cutter.linked if linked else [[p] for p in self.cutter.alone]
            made = [Shortfall(self.cutter, group, worth_only=not linked) for group in groups]
            self._made[linked] = made
        left, out = self._made[linked], []
        self.missed = False
        for point in points:
            missed = []
            for one, cut in self._at(point, measured, left):
                if cut is not None and breaks(cut):
                    out.append(cut)
                else:
                    missed.append(one)
            left = missed
            self.missed |= bool(missed) and point is points[0]
        return out

    def _at(
        self, point: Floats, measured: Floats, programs: Sequence[Shortfall]
    ) -> list[tuple[Shortfall, Cut | None]]:
        """Return each subproblem with its cut (or None) at a point; several run in parallel."""
        out: list[tuple[Shortfall, Cut | None]] = []
        for together in batched(programs, self.threads):
            if self.clock.over:
                out += [(one, None) for one in together]
                continue
            for one in together:
                one.aim_at(point, measured)
            run_native([one.model for one in together], self.clock)
            again: Sequence[Shortfall] = together
            while again := [one for one in again if one.price_in()]:
                if self.clock.over:
                    break
                run_native([one.model for one in again], self.clock)
            out += [(one, one.cut(point, measured)) for one in together]
        return out
