"""Column generation for programs with many options per site.

The relaxation is solved with only a few options per site, and its duals price the other options.
Options whose reduced cost promises a gain are added, until none remain. The results are a bound on
all plans and a program with only a few options per site, which the engine then solves::

    L(p)        =  sum of p_r b_r  +  sum over sites of max(0, g_o)  +  sum of max(0, g_c) u_c
    at_most(o)  =  L(p)  -  max(0, g of the best option at its site)  +  g_o

for any prices ``p`` of the rows (Lagrangian bound). Here ``g_o`` is the reduced cost of option
``o``; in ``L``, ``o`` is the best option at each site. A column ``c`` that is not an option has the
reduced cost ``g_c`` and the upper bound ``u_c``. No plan is worth more than ``L``, and no plan with
option ``o`` is worth more than ``at_most(o)``. So a plan better than the incumbent uses only
options whose `at_most` exceeds the incumbent's value.

If the aim counts driving times, each round also adds rows that the relaxation violates: links
(`siting.engine.flows`), rounded floors (`siting.engine.rounded_floors`), and rows for single sites
(`siting.engine.station_bound`). Each such round also computes a bound site by site. In a large
program, integer programs of single areas (`siting.engine.area_bound`) replace these rows.

`LaterBound` lowers the bounds further, by cases for numbers of stations. If the aim counts driving
times, each case adds its own rows; for other aims, integer programs of areas bound the cases.

Sources: M. Lübbecke, J. Desrosiers: Selected topics in column generation. Operations Research 53
(2005), 1007-1023. R. Baldacci, N. Christofides, A. Mingozzi: An exact algorithm for the vehicle
routing problem based on the set partitioning formulation with additional cuts. Mathematical
Programming 115 (2008), 351-385, which shows that the columns within the gap are enough.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.area_bound import AreaBound
from siting.engine.clock import Clock
from siting.engine.cuts import Cutter
from siting.engine.flows import Flows
from siting.engine.frame import Frame, best_of_each
from siting.engine.least_payments import with_least_payments
from siting.engine.linear import Answered, model_of, run_model
from siting.engine.parallel import in_parallel
from siting.engine.rounded_floors import RoundedFloors
from siting.engine.station_bound import (
    Bounds,
    BySites,
    Prices,
    allowed,
    best_of_sites,
    bound_by,
    row_prices,
    site_rows,
    sum_at_limits,
)
from siting.program.instance import Flags, Floats, Ints
from siting.program.program import Program

# Stages if the aim counts driving times: first offers are added, then links, then rows for sites.
OFFERS, LINKS, SITES = range(3)


def is_many(program: Program) -> bool:
    """Return whether a program needs column generation: many offers per site, or many courses."""
    sites = max(len(program.instance.site_ids), 1)
    return program.lacks_courses or len(program.offers) > settings.MANY_OFFERS * sites


@dataclass(frozen=True, eq=False)
class Priced:
    """Bounds on any plan, and on plans with each option, negated if less is better."""

    active: Flags  # whether each option is in the relaxation
    taken: Floats  # value of each option, 0 to 1
    bound: float  # bound on any plan
    at_most: Floats  # bound on any plan with the option
    prices: Prices
    later: LaterBound | None = None  # lowers the bounds further
    infeasible: bool = False

    def or_less(self, bound: float, at_most: Floats) -> Priced:
        """Return a copy with each bound capped at the corresponding given bound."""
        bounds = np.minimum(self.at_most, at_most)
        return replace(self, bound=min(self.bound, bound), at_most=bounds)

    @property
    def lowered(self) -> Priced:
        """A copy with the bounds that `later` has found so far."""
        later = self.later
        return self if later is None else self.or_less(later.bound, later.at_most)


@dataclass(eq=False)
class _Case:
    """The plans with certain numbers of stations: their relaxation, and bounds on these plans."""

    pricing: Pricing
    priced: Priced
    areas: AreaBound | None = None
    larger: bool = True  # whether more rows or larger areas may lower the bounds
    divisible: bool = True  # whether the case may be divided

    @property
    def known(self) -> Priced:
        """The bounds from the relaxation and from areas, whichever are lower."""
        areas = self.areas
        return self.priced if areas is None else self.priced.or_less(areas.bound, areas.at_most)

    def group(self, gap: float) -> tuple[Flags, float] | None:
        """Return options of which the relaxation opens a fractional number, and this number.

        The options are all options, or those with at least a certain capacity for one group of
        vehicles. The number nearest to a half is chosen; the result is None if all numbers are
        whole to within `gap`.
        """
        frame, taken = self.pricing.frame, self.priced.taken
        capacity = frame.program.instance.offer_capacity[frame.options.last]
        opened = taken > settings.SIGNIFICANT
        groups = [np.ones(frame.count, dtype=bool)]
        for able in capacity.T:
            groups += [able >= least for least in np.unique(able[opened & (able > 0)])]
        numbers = [float(taken[one].sum()) for one in groups]
        best = max(range(len(groups)), key=lambda n: abs(numbers[n] - round(numbers[n])))
        if abs(numbers[best] - round(numbers[best])) <= max(gap, settings.SIGNIFICANT):
            return None
        return groups[best], numbers[best]

    def split(self, gap: float, best: float, clock: Clock, threads: int) -> list[_Case]:
        """Return two cases that include all plans of this case; fewer if they are not solved.

        A relaxation opens, for example, 22.7 stations of some group of options. A plan has at most
        22 of them, or at least 23. For `gap` and `best`, see `Pricing.run`.
        """
        if (found := self.group(gap)) is None:
            return []
        group, number = found
        low, known = math.floor(number), self.known
        cases = [
            self.pricing.with_number(group, way, least, known.bound)
            for way, least in ((-1.0, -low), (1.0, low + 1.0))
        ]

        def solve(clock: Clock, case: Pricing) -> Priced | None:
            case.clock = clock
            return case.rounds(gap, best, rough=False, once=True)

        some = [partial(solve, case=case) for case in cases]
        solved = in_parallel(some, clock) if threads > 1 else [one(clock) for one in some]
        return [
            _Case(case, one.or_less(known.bound, known.at_most))
            for case, one in zip(cases, solved, strict=True)
            if one is not None
        ]

    def lower(self, gap: float, best: float, clock: Clock, *, threads: int, seed: int) -> None:
        """Lower the bounds by more rows or by integer programs of areas, larger in each call.

        For `gap` and `best`, see `Pricing.run`.
        """
        pricing, known = self.pricing, self.known
        if pricing.links and not pricing.by_areas:
            pricing.clock = clock
            found = pricing.rounds(gap, best, rough=False, once=True)
            self.larger = found is not None and pricing.has_new_rows
            if found is not None:
                self.priced = found.or_less(known.bound, known.at_most)
                self.divisible = True
            return
        if self.areas is None:
            self.areas = pricing.areas()
        self.larger = self.areas.lower(gap, clock, threads=threads, seed=seed)


class LaterBound:
    """Bounds lowered step by step, by cases for numbers of stations and integer programs of areas.

    Together, the cases include all plans. The case with the highest bound is divided further if the
    gap is smaller than the energy that an average station serves: a whole number of stations lowers
    the bound by no more. Otherwise, and if all numbers are whole, areas lower the bound of the
    case. `pricing`: the relaxation solved; `priced`: its result.
    """

    def __init__(self, pricing: Pricing, priced: Priced) -> None:
        self.bound, self.at_most = priced.bound, priced.at_most
        self._station = abs(priced.bound) / max(float(priced.taken.sum()), 1.0)
        self._open = [_Case(pricing, priced)]
        # Bounds on the plans of all cases that need no further work.
        self._closed = -math.inf, np.full(len(priced.at_most), -math.inf)

    def lower(self, gap: float, best: float, clock: Clock, *, threads: int, seed: int) -> bool:
        """Lower the bounds by one step; return whether another step may lower them further.

        For `gap` and `best`, see `Pricing.run`.
        """
        enough = best + gap * abs(best) if math.isfinite(best) else -math.inf
        case = max(self._open, key=lambda one: one.known.bound)
        if case.divisible and case.known.bound - enough < self._station:
            parts = case.split(gap, best, clock, threads)
            if len(parts) == 2:
                self._open = [*(one for one in self._open if one is not case), *parts]
            else:
                case.divisible = clock.over
        elif case.larger:
            case.lower(gap, best, clock, threads=threads, seed=seed)
        else:  # the bound of this case is final
            return False
        bound, at_most = self._closed
        still = []
        for one in self._open:
            known = one.known
            bound, at_most = max(bound, known.bound), np.maximum(at_most, known.at_most)
            if known.bound > enough:
                still.append(one)
            else:
                first, each = self._closed
                self._closed = max(first, known.bound), np.maximum(each, known.at_most)
        self._open = still
        # Cases drop options that no plan better than `best` uses. Other plans may still use them.
        at_most = np.minimum(self.at_most, np.maximum(at_most, best))
        self.bound, self.at_most = min(self.bound, bound), at_most
        return bool(still)


class Pricing:
    """The relaxation for one aim, over the options added so far.

    `start`: options of known plans, which are never dropped; `some`: options to begin with;
    `served`: values of all columns in a known plan (energy columns above 0 are included from the
    beginning); `given`: prices that already give a bound; `by_prices`: whether all bounds must
    follow from prices of the frame's rows alone.
    """

    def __init__(
        self, frame: Frame, clock: Clock, *, start: Ints, some: Ints, seed: int, threads: int = 1,
        served: Floats | None = None, given: Prices | None = None, by_prices: bool = False,
    ) -> None:  # fmt: skip
        frame = with_least_payments(frame)
        self.frame, self.clock, self.seed, self.threads = frame, clock, seed, threads
        # Areas and rounded floors count only upgrades that are options.
        by_prices = by_prices or frame.program.lacks_courses
        # In a small program, cuts give better bounds. With yearly payments, areas are slow.
        self.has_areas = not frame.drawn_by_year and not by_prices
        self.by_areas = frame.large and self.has_areas
        m = self.matrix = frame.matrix
        self.a = frame.by_column
        self.count = frame.count
        subsidies = frame.layout.subsidy_column
        self.paid = np.unique(subsidies[subsidies >= 0])
        self.links = frame.aim.of_drives
        self.flows = Flows(frame, frame.site[start])
        if served is not None:
            self.flows.inside |= served[frame.energies] > 0
        self.cutter = Cutter(frame)
        self.floors = None if by_prices or not self.links else RoundedFloors(frame, self.cutter)
        self.caps = m.family.get("cap", slice(0, 0))
        # The row that caps each subsidy column, and the column's coefficient in that row.
        rows = m.a[self.caps.start : self.caps.stop].tocoo()
        mine = rows.col >= self.count
        self.cap_row = np.full(m.a.shape[1], -1, dtype=np.int64)
        self.cap_row[rows.col[mine]] = rows.row[mine] + self.caps.start
        self.cap_by = np.ones(m.a.shape[1])
        self.cap_by[rows.col[mine]] = rows.data[mine]
        family = m.family.get("demand", slice(0, 0))
        of_demand = m.a[family][:, : frame.energies.stop].tocoo()
        # Row, column and coefficient of each energy column in its demand row.
        self._of_demand = family.start + of_demand.row, of_demand.col, of_demand.data
        self.active = self._first(some)
        self.start, self.some, self.given = start, some, given
        self.live = np.ones(self.count, dtype=bool)  # options that a better plan may use
        self.price = self.last_price = self.center = np.zeros(m.a.shape[0])
        self.link_price = np.zeros(len(self.flows.site))
        self.by: BySites | None = None  # the best site-by-site bound, at the prices `center`
        # Site-by-site bounds, computed at the end unless the aim counts driving times.
        self.bounds: Bounds | None = None
        # Rows ``<= 0`` for single sites, which fractional options may violate, and their prices.
        self.of_sites = sparse.csr_array((0, m.a.shape[1]))
        self.site_price = np.zeros(0)
        # Rows for numbers of stations, and the cost of missing such a row by one station.
        self.counted, self.missed = np.zeros(0, dtype=np.int64), 0.0
        self.round_s = 0.0  # time of the last relaxation
        self.has_new_rows = True  # whether the last relaxation lacks rows that it violates
        # Each bound found, and its rise per unit of the value of each earlier aim.
        self.bounds_by_kept: list[tuple[float, Floats]] = []

    def _first(self, some: Ints) -> Flags:
        """Return which options to begin with: `some`, existing stations, and a few at each site."""
        frame, instance = self.frame, self.frame.program.instance
        last = frame.options.last
        cost = instance.offer_cost[last]
        capacity = instance.offer_capacity[last]
        scores = [-cost]
        for able in (*capacity.T, capacity.sum(axis=1)):
            scores += [able, able / np.maximum(cost, 1e-9)]
        out = np.zeros(self.count, dtype=bool)
        for score in scores:
            best = best_of_each(frame.site, score, 1)
            # Options that end in the same offer are added together, whenever they build this offer.
            out |= np.isin(last, last[best])
        out[frame.kept] = True
        out[some] = True
        return out

    # --- the relaxation ----------------------------------------------------------------------

    def _columns(self) -> Ints:
        """Return the relaxation's columns in order: options, energy, other columns, payments."""
        options = np.flatnonzero(self.active)
        energies = self.count + np.flatnonzero(self.flows.inside)
        paid = self.frame.payments(options)
        return np.concatenate([options, energies, self.frame.other_columns, paid])

    def _solve(self, columns: Ints, tolerance: float = 0.0) -> Answered:
        """Solve the relaxation over the given columns, and keep the prices of all rows."""
        m = self.matrix
        rows = np.ones(m.a.shape[0], dtype=bool)
        rows[self.caps] = False
        rows[self.cap_row[columns[self.cap_row[columns] >= 0]]] = True
        at = np.flatnonzero(rows)
        part = sparse.csr_array(self.a[:, columns])[at]
        links, linked = self.flows.link_rows(columns)
        of_sites = sparse.csr_array(self.of_sites[:, columns])
        more = len(linked) + of_sites.shape[0]
        missed = (
            np.ones(len(self.counted)),
            (np.searchsorted(at, self.counted), np.arange(len(self.counted))),
        )
        slack = sparse.csc_array(missed, (len(at) + more, len(self.counted)))
        model = model_of(
            sparse.csc_array(sparse.hstack([sparse.vstack([part, links, of_sites]), slack])),
            np.append(m.cost[columns], np.full(len(self.counted), -self.missed)),
            np.append(m.lower[columns], np.zeros(len(self.counted))),
            np.append(m.upper[columns], np.full(len(self.counted), math.inf)),
            np.concatenate([m.row_lower[at], np.full(more, -math.inf)]),
            np.concatenate([m.row_upper[at], np.zeros(more)]),
            threads=1, random_seed=self.seed, solver="ipm", run_crossover="off",
        )  # fmt: skip
        found = run_model(model, self.clock, tolerance=tolerance)
        if not (found.optimal or found.infeasible or tolerance or self.clock.over):
            # The interior point method sometimes ends without a solution.
            model.setOptionValue("solver", "simplex")
            found = run_model(model, self.clock)
        self.price[:], self.link_price[:], self.site_price[:] = 0.0, 0.0, 0.0
        if found.optimal and len(found.price):
            self.price[at] = found.price[: len(at)]
            own = np.maximum(found.price[len(at) :], 0.0)
            self.link_price[linked] = own[: len(linked)]
            self.site_price[:] = own[len(linked) :]
        return replace(found, point=found.point[: len(columns)])

    def run(self, gap: float, best: float = -math.inf, *, rounds: bool = True) -> Priced | None:
        """Add options by pricing; return bounds on all plans, or None if time runs out first.

        `gap`: requested relative gap (gains much smaller than it are ignored); `best`: value of the
        best known plan, negated if less is better (options that no better plan uses are dropped);
        `rounds`: whether to solve relaxations; if not, the given prices decide.
        """
        known, by_sites = None, None
        if self.given is not None:
            self.last_price = given = row_prices(self.frame, self.given)
            by_sites = bound_by(self.frame, self.cutter, given, self.clock, self.live)
            active = np.zeros(self.count, dtype=bool)
            active[self.frame.kept] = active[self.some] = True
            bound, none = max(by_sites.bound, best), np.zeros(self.count)
            known = Priced(active, none, bound, by_sites.at_most, self.given)
        if rounds or known is None:
            # If a round takes seconds, rough prices are enough to find the first columns.
            rough = known is None and len(self.frame.energy_pair) > settings.MANY_PAIRS
            known = self.rounds(gap, best, known, rough=rough)
        if known is None or known.infeasible or not self.frame.layout.by_pair:
            return known
        if self.links:
            return self._lowered(known, gap, best)
        if by_sites is None or self.last_price is not given:
            by_sites = bound_by(self.frame, self.cutter, self.last_price, self.clock, self.live)
        self.by, self.center = by_sites, self.last_price
        prices, unit = self._prices(self.last_price), self.frame.layout.money_unit
        gaps = by_sites.gaps * abs(self.matrix.size) / unit
        prices = replace(prices, demand=np.nan_to_num(prices.demand), gaps=gaps)
        self.bounds = Bounds(by_sites.bound, by_sites.at_most, prices)
        known = known.or_less(max(by_sites.bound, best), by_sites.at_most)
        return replace(known, later=LaterBound(self, known)) if self.has_areas else known

    def roughly(self) -> Priced | None:
        """Return prices, values and a loose bound from one rough relaxation; None if it fails."""
        columns = self._columns()
        found = self._solve(columns, settings.ROUGH[self.links])
        if not (found.optimal or found.infeasible or self.clock.over):
            found = self._solve(columns)
        if not found.optimal:
            return None
        bound, at_most, _, price = self._bound()
        at_most *= abs(self.matrix.size)
        taken, prices = self._values(columns, found), self._prices(price)
        return Priced(self.active, taken, self.frame.signed(bound), at_most, prices)

    def _values(self, columns: Ints, found: Answered) -> Floats:
        """Return the value of each option in a solved relaxation over the given columns."""
        taken = np.zeros(self.count)
        options = columns[columns < self.count]
        taken[options] = np.clip(found.point[: len(options)], 0.0, 1.0)
        return taken

    @property
    def is_late(self) -> bool:
        """Whether another exact relaxation may not end in time."""
        return self.clock.over or self.clock.left_s < settings.AGAIN * self.round_s

    def _lowered(self, known: Priced, gap: float, best: float) -> Priced:
        """Return the bounds after lowering them step by step (see `LaterBound`)."""
        if self.by is None or not self.has_areas:
            return known
        if self.is_late and not self.by_areas:  # only areas lower a bound without a relaxation
            return known
        later, more = LaterBound(self, known), True
        enough = best + gap * abs(best) if math.isfinite(best) else -math.inf
        while more and later.bound > enough and not self.clock.over:
            more = later.lower(gap, best, self.clock, threads=self.threads, seed=self.seed)
        return known.or_less(max(later.bound, best), later.at_most)

    def areas(self) -> AreaBound:
        """Return the bounds by areas at the best prices found, before any area is solved."""
        if self.by is None:
            self.center = self.last_price
            self.by = bound_by(self.frame, self.cutter, self.center, self.clock, self.live)
        return AreaBound(self.frame, self.center, self.by, self.live)

    def _prices(self, dual: Floats) -> Prices:
        """Return the unscaled prices of demand, money and limits, given the duals of all rows."""
        frame = self.frame
        of_row = np.zeros_like(frame.service.kwh)
        if frame.layout.by_pair:
            of_row = np.maximum(frame.of_demand(dual), 0.0)
        return Prices.of(frame, self.matrix, dual, of_row)

    def with_number(self, group: Flags, way: float, least: float, worth: float) -> Pricing:
        """Return a copy with a row: `way` times the number of options of a group is >= `least`.

        In the relaxation, the row may be missed at a cost of `worth` per station, so that a number
        that no plan reaches gives a low bound at once.
        """
        out = copy(self)
        out.flows, out.bounds_by_kept = copy(self.flows), []
        out.flows.inside, out.flows.linked = self.flows.inside.copy(), self.flows.linked.copy()
        out.active, out.live = self.active.copy(), self.live.copy()
        out.link_price, out.by = self.link_price.copy(), None
        out.site_price = self.site_price.copy()
        out.counted = np.append(self.counted, self.matrix.a.shape[0])
        out.missed = abs(worth / self.matrix.size)
        out._add_rows(sparse.csr_array(way * group[None, :]), np.array([least]))
        return out

    def rounds(
        self, gap: float, best: float, known: Priced | None = None, *, rough: bool,
        once: bool = False,
    ) -> Priced | None:  # fmt: skip
        """Add options until none promises a gain; return bounds, or `known` if time runs out.

        `rough`: whether to solve the first relaxation roughly; `once`: whether to return as soon as
        no option promises a gain, after adding the rows that the relaxation violates.
        """
        frame = self.frame
        stage, before = OFFERS, math.inf
        enough = best + gap * abs(best) if math.isfinite(best) else -math.inf
        again = False  # whether this rough round is the second
        while True:
            columns, began_s = self._columns(), self.clock.elapsed_s
            found = self._solve(columns, settings.ROUGH[self.links] if rough else 0.0)
            self.round_s = self.clock.elapsed_s - began_s
            if rough and not found.optimal:
                rough = False
                continue
            if found.infeasible and not (self.flows.inside.all() and self.active.all()):
                # Add all energy columns and, if the relaxation remains infeasible, all options.
                self.active[:] |= self.flows.inside.all()
                self.flows.inside[:] = True
                continue
            if found.infeasible:
                none = np.full(self.count, -math.inf)
                prices = self._prices(self.price)
                return Priced(self.active, none, -math.inf, none, prices, infeasible=True)
            if not found.optimal:
                return known
            bound, at_most, reduced, price = self._bound()
            self._note(frame.signed(bound), price)
            taken = self._values(columns, found)
            limit, each = frame.signed(bound), abs(self.matrix.size) * at_most
            each[~self.live] = np.minimum(each[~self.live], best)
            # The prices of an earlier round may give a better bound.
            if known is not None and known.bound < limit:
                limit, each = known.bound, known.at_most
            else:
                self.last_price = price
            prices = self._prices(self.price)
            known = Priced(self.active.copy(), taken, max(limit, best), each, prices)
            if not self.links and known.bound <= enough:
                return known
            # If an exact relaxation may not end in time, a second rough one gives a bound. The
            # prices of the first are worse, because many columns are still missing.
            late = self.links and rough and self.is_late
            if self.links and (late or not rough):
                by = self._by_sites()
                known = known.or_less(max(by.bound, best), by.at_most)
            if late and (again or known.bound <= enough):
                return known
            if self.links and not rough:
                now = min(frame.signed(bound), by.bound)
                close = max(gap, settings.PRICING_STALLED) * abs(now)
                near = now - frame.signed(found.objective) <= close
                stalled = near and before - now <= settings.PRICING_STALLED * abs(now)
                if known.bound <= enough or (stage == SITES and stalled):
                    return known
                if near and once:
                    self.has_new_rows = self._link(columns, taken, found.point)
                    self.has_new_rows |= self._split(columns, found.point, by)
                    return known
                if near and self.by_areas:
                    return known  # integer programs of areas give an equally good bound sooner
                # If more than twice the requested gap remains with links, only rows for sites can
                # close it.
                far = near and known.bound - enough > gap * abs(enough)
                if (stage == OFFERS and near) or (stage == LINKS and (stalled or far)):
                    stage += 1
                if near:
                    before = now
            self.live &= known.at_most > best
            self.live[self.start] = True
            self.active &= self.live
            there = int(self.active.sum())
            new = self._price_in(found, bound, reduced, gap, rough=rough)
            added = int(self.active.sum()) > there
            if frame.program.lacks_courses and not (self.links or rough):
                least = settings.RELAXED_GAP * gap * abs(known.bound)
                if not added and before - known.bound <= least:
                    return known  # upgrades that are not options keep the bound high
                before = known.bound
            if rough:
                rough = again = late
                continue
            if self.links and ((stage >= LINKS and near) or not new):
                new |= self._link(columns, taken, found.point)
                stage = max(stage, LINKS) if new else SITES
            if stage == SITES:
                new |= self._split(columns, found.point, by)
            if not new:
                return known

    def _by_sites(self) -> BySites:
        """Return the site-by-site bound, at the current prices or halfway to the best prices."""
        at, live = self.price, self.live
        by = bound_by(self.frame, self.cutter, at, self.clock, live)
        best = math.inf if self.by is None else self.by.bound
        if by.bound > best:  # prices oscillate from round to round
            at = (self.price + self.center) / 2
            by = bound_by(self.frame, self.cutter, at, self.clock, live)
        if by.bound <= best:
            self.center, self.by = at.copy(), by
        self._note(by.bound, by.price)
        return by

    def _note(self, bound: float, price: Floats) -> None:
        kept = price[self.frame.rows_of("kept")]
        self.bounds_by_kept.append((bound, abs(self.matrix.size) * kept))

    def _price_in(
        self, found: Answered, bound: float, reduced: Floats, gap: float, *, rough: bool
    ) -> bool:
        """Add the options and energy columns that promise a gain; return whether there are any."""
        # In a large program, it is better to spend the time for another round on improving plans. A
        # rough relaxation is followed by another round in any case.
        share = 2.0 if self.frame.large and not rough else settings.RELAXED_GAP
        open_ = max(settings.SIGNIFICANT, share * gap)
        if bound - found.objective <= open_ * abs(bound):
            return False
        new = self._promising(reduced[: self.count], bound)
        self.active[new] = True
        least = settings.SIGNIFICANT * abs(bound) / max(len(self.flows.site), 1)
        return self.flows.price_in(reduced, least) or len(new) > 0

    def _link(self, columns: Ints, taken: Floats, point: Floats) -> bool:
        """Add the violated rows (links and rounded floors); return whether any is new."""
        # Links spread a row's demand over more of the fractional stations. Without the columns to
        # these stations, the row's price would be much too low.
        self.flows.add_nearest(self.frame.site[taken > settings.SIGNIFICANT])
        energy = np.zeros(len(self.flows.site))
        mine = (columns >= self.count) & (columns < self.count + len(energy))
        energy[columns[mine] - self.count] = point[mine]
        broken = self.flows.link_broken(taken, energy)
        if self.floors is not None:
            rows, least = self.floors.broken(taken, self.price)
            if len(least):
                self._add_rows(rows, least)
                broken = True
        return broken

    def _split(self, columns: Ints, point: Floats, by: BySites) -> bool:
        """Add the rows for single sites that a point violates; return whether there are any."""
        rows = site_rows(self.frame, by)
        if rows is None:
            return False
        least = settings.SIGNIFICANT * abs(float(point @ self.matrix.cost[columns]))
        broken = rows[:, columns] @ point > least / self.frame.sites
        rows = sparse.csr_array(rows[np.flatnonzero(broken)])
        self.of_sites = sparse.csr_array(sparse.vstack([self.of_sites, rows]))
        self.site_price = np.zeros(self.of_sites.shape[0])
        return bool(broken.any())

    def _add_rows(self, rows: sparse.csr_array, least: Floats) -> None:
        self.frame = self.frame.with_rows(rows, least)
        self.matrix, self.a = self.frame.matrix, self.frame.by_column
        none = np.zeros(len(least))
        self.price = np.concatenate([self.price, none])
        self.center = np.concatenate([self.center, none])
        self.last_price = np.concatenate([self.last_price, none])

    def _promising(self, gain: Floats, bound: float) -> Ints:
        """Return the best inactive options that promise more than the active ones at their site."""
        site = self.frame.site
        there = np.zeros(self.frame.sites)
        np.maximum.at(there, site[self.active], gain[self.active])
        promises = gain - there[site] > settings.EXACT * max(abs(bound), 1e-9)
        new = np.flatnonzero(~self.active & self.live & promises)
        return new[best_of_each(site[new], gain[new], settings.AT_ONCE)]

    # --- the bound ---------------------------------------------------------------------------

    def _bound(self) -> tuple[float, Floats, Floats, Floats]:
        """Return the bound, the bound on plans with each option, reduced costs, and prices used.

        Rows for one option per site have price 0: the bound counts only each site's best option.
        """
        m, count = self.matrix, self.count
        price = allowed(m, self.price)
        price[m.family.get("one", slice(0, 0))] = 0.0
        reduced = m.cost - self.a.T @ price - self.flows.less_by_links(self.link_price)
        reduced -= self.of_sites.T @ self.site_price
        # Payments outside the relaxation may promise gains. The prices of the rows that cap these
        # payments cancel these gains.
        short = self.paid[reduced[self.paid] > 0]
        more = np.zeros(len(price))
        more[self.cap_row[short]] = reduced[short] / self.cap_by[short]
        reduced -= self.a.T @ more
        price += more
        # Several energy columns outside the relaxation may have a favourable reduced cost on the
        # same demand row. The row's price rises, so that the demand is not counted more than once.
        most, more = self._outbid(reduced)
        less, gain = reduced - self.a.T @ more, reduced[:count]
        total = sum_at_limits(price + more, m.row_lower, m.row_upper)
        total += sum_at_limits(less[count:], m.lower[count:], m.upper[count:])
        best = best_of_sites(self.frame, gain, self.live)
        total += float(best.sum())
        # A bound by sites does not count the limits of columns, so no column may promise a gain.
        return total, total - best[self.frame.site] + gain, reduced, price + most

    def _outbid(self, reduced: Floats) -> tuple[Floats, Floats]:
        """Return two rises of each demand row's price.

        After the first rise, no column promises a gain. The second rise gives the lowest bound:
        columns whose gain exceeds this rise count up to their upper limits. The row's columns are
        taken in order of decreasing gain per unit of demand, until their upper limits add up to the
        demand. The rise is the gain of the last column taken, or 0 if the limits never add up.
        """
        row, column, by = self._of_demand
        gain = reduced[column] / by
        gains = np.flatnonzero(gain > 0)
        gains = gains[np.lexsort((-gain[gains], row[gains]))]
        row, gain = row[gains], gain[gains]
        wanted = (by * self.matrix.upper[column])[gains]
        first = np.flatnonzero(np.diff(row, prepend=-1))
        total = np.cumsum(wanted)
        before = np.repeat(total[first] - wanted[first], np.diff(first, append=len(row)))
        full = np.flatnonzero(total - before >= self.matrix.row_upper[row])
        most, best = np.zeros(len(self.price)), np.zeros(len(self.price))
        most[row[first]] = gain[first]
        np.maximum.at(best, row[full], gain[full])
        return most, best


def bounds_on_drives(
    frame: Frame, clock: Clock, choice: Ints | None, *, gap: float, seed: int,
    best: float = -math.inf,
) -> Priced | None:  # fmt: skip
    """Return bounds for an aim that counts driving times, from the relaxation over all options.

    The result is None without capacities, or if time runs out first. `best`: the value of the known
    plan `choice`, negated if less is better.
    """
    if not frame.program.capacitated:
        return None
    start = np.zeros(0, dtype=np.int64) if choice is None else choice
    some = np.arange(frame.count)
    return Pricing(frame, clock, start=start, some=some, seed=seed).run(gap, best)
