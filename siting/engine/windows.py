"""Windows: a large neighbourhood search that re-optimises the plan at a few sites at a time.

A window frees the options at some sites, some of the energy variables, and all columns without a
site. The rest of the plan is fixed, and its amount in each row moves to the right-hand side. HiGHS
solves the resulting small integer program, starting from the incumbent. The program is built from
the matrix alone, so that windows work for any aims and requirements. Sites count as near each other
if they share demand, so no map is needed.

The freed energy variables belong to demand rows that the window can change: rows that its stations
serve, rows not served in full, and rows that its sites would serve better. For each of these rows,
the pairs in use are freed and, at first, a few other pairs: those with the nearest sites in the
window, and those with stations outside it that have free capacity.

A window has two neighbourhoods, mostly far apart, between which public money can move. If no limit
links distant sites, a window has one neighbourhood. Windows are first tried where the relaxation
and the plan differ most. A window is repeated only after the plan changes near it. Once all windows
of a size have been tried, the next windows have more sites and more pairs per row. Several windows
are solved in parallel. Their results are applied in order, so that runs are reproducible.

A crossover combines the better parts of two plans in another kind of window: it frees all sites
where the plans differ, and allows only the options of these plans. Plans of a large city are
combined area by area. Public money then has a price, because each area would otherwise be limited
to the money that it spends in the current plan.

A plan may also be built from nothing, with one window per area. Rows shared with undecided areas
have the prices of a relaxation, so that each area leaves demand and money to other areas where they
are worth more (relax-and-fix).

Sources: D. Pisinger, S. Ropke: Large neighborhood search. Handbook of Metaheuristics, Springer
2010, 399-419. E. Rothberg: An evolutionary algorithm for polishing mixed integer programming
solutions. INFORMS Journal on Computing 19 (2007), 534-541 (crossover). Y. Pochet, L. Wolsey:
Production Planning by Mixed Integer Programming. Springer 2006 (relax-and-fix).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame, first_of_each, overlap
from siting.engine.highs import run_native
from siting.engine.linear import model_of
from siting.program.instance import Flags, Floats, Ints

# Rows shared by sites far apart. The results of several windows may together violate these rows,
# although each result alone meets them.
SHARED = ("resource", "subsidies", "floor", "kept")


@dataclass(frozen=True, eq=False)
class _Found:
    columns: Ints
    values: Floats
    gain: float
    done: bool


class Windows:
    """The windows (sets of sites) for one aim, and the plan that they improve.

    `point`: values of all columns at the incumbent; `taken`: values of the options in a relaxation
    (sites where it differs from the plan come first); `threads`: number of parallel windows.
    """

    def __init__(
        self, frame: Frame, point: Floats, taken: Floats, clock: Clock, *, threads: int, seed: int
    ) -> None:
        self.frame, self.clock = frame, clock
        self.threads, self.seed = threads, seed
        m = frame.matrix
        # With decay, several windows may use one station outside them, so all rows are checked.
        self._shared = np.full(m.a.shape[0], frame.service.near)
        pooled = frame.program.gap is not None and bool(frame.program.gap.concessions)
        self._shared[frame.rows_of(*SHARED, *(["gap"] if pooled else []))] = True
        # Whether sites far apart share a resource (such as money) that could move between them.
        shared = frame.rows_of(*SHARED)
        self._split = bool((m.row_upper[shared] > 0).any() or (m.row_lower[shared] > 0).any())
        self._worth = m.cost[frame.energies]
        service, self._group = frame.service, frame.energy_group
        # The demand of the row and slice that each energy column serves.
        self._wanted = service.kwh[frame.energy_row, frame.energy_slice] / frame.layout.energy_unit
        rows = m.family.get("capacity", slice(0, 0))
        of_capacity = m.a[rows][:, frame.energies].tocoo()
        self._of_capacity = rows.start + of_capacity.row, of_capacity.col
        self._nearness = -service.minutes[frame.energy_pair]
        self._good = np.ones(len(frame.energy_pair), dtype=bool)
        if not service.near:
            self._near = frame.shared_demand
        else:  # with decay, the demand of a row counts only at its best sites
            self._good = self._among_best(self._good, self._worth, settings.BEST_SITES)
            pairs, kwh = np.unique(frame.energy_pair[self._good]), service.kwh.max(axis=1)
            self._near = overlap(kwh, service.row[pairs], service.site[pairs], frame.sites)
        self.taken = taken
        self.hopeless = np.zeros(frame.count, dtype=bool)  # options that no better plan contains
        wide = 10 if service.near or frame.program.gap is not None else 1
        self.gap = wide * settings.WINDOW_GAP
        self.size = settings.FIRST_SIZE
        self.pairs = settings.NEAREST_PAIRS
        self.start(point)

    def start(self, point: Floats) -> None:
        """Restart from a plan."""
        self.point = point.copy()
        self.activity = self.frame.matrix.a @ self.point
        self.value = float(self.frame.matrix.cost @ self.point)
        self._tried = np.zeros(self.frame.sites, dtype=bool)

    @property
    def choice(self) -> Ints:
        """The options of the plan."""
        return np.flatnonzero(self.point[: self.frame.count] > 0.5)

    @property
    def exhausted(self) -> bool:
        """Whether even windows as large as the program have found no improvement."""
        return self.size > 2 * self.frame.sites

    def _neighbours(self, seed: int, count: int) -> Ints:
        """Return a site, followed by the sites that share the most demand with it."""
        near = self._near
        entries = slice(near.indptr[seed], near.indptr[seed + 1])
        score = np.zeros(self.frame.sites)
        score[near.indices[entries]] = near.data[entries]
        if (score > 0).sum() < count:
            score += 1e-6 * (near @ score)
        score[seed] = np.inf
        order = np.argsort(-score, kind="stable")[:count]
        return order[score[order] > 0]

    def round(self) -> float:
        """Solve one window per thread; return the plan's scaled gain."""
        windows = self._next()
        if not windows:
            self.size = int(np.ceil(self.size * settings.GROWTH))
            self.gap = max(self.gap * 0.5, settings.WINDOW_GAP)
            self.pairs *= 2
            self._tried[:] = False
            return 0.0
        work = [self._program(sites) for sites in windows]
        models = [self._model(columns, whole, settings.PROGRAM_NODES) for columns, whole in work]
        run_native(models, self.clock)
        plans = [self._found(m, *one) for m, one in zip(models, work, strict=True)]
        before, taken = self.value, 0
        for sites, one in zip(windows, plans, strict=True):
            if one is not None and self._gains(one):
                if self._take(one):
                    taken += 1
                elif taken:  # tried again, because another window's result conflicts
                    self._tried[sites] = False
        if any(one is not None and not one.done for one in plans) and self.size > 4:
            self.size = max(4, int(self.size / settings.GROWTH**0.5))
        return self.value - before

    def cross(self, pairs: Sequence[tuple[Floats, Ints]], money: Floats) -> list[Floats]:
        """Combine pairs of plans; for each pair, return a point at least as good as the first plan.

        HiGHS solves only the root node, where its heuristics find most of the gain. Plans that
        differ at many sites are combined area by area. Public money then has a price, which rises
        with the money that the plan uses so far; a result may exceed the budget.

        `pairs`: the point of the first plan, and the options of the second; `money`: for each year,
        the price of public money (aim's unit per PKR) if the plan uses exactly the budget. At a
        price of 0, each area keeps its money.
        """
        points, left = [point for point, _ in pairs], []
        for point, other in pairs:
            self.start(point)
            sites = np.unique(self.frame.site[np.setxor1d(self.choice, other)])
            many = len(sites) > settings.CROSSED
            areas = self.frame.areas(sites, settings.CROSSED, self._near) if many else [sites]
            left.append([area for area in reversed(areas) if len(area)])
        prices = [self._prices(money if len(areas) > 1 else 0 * money) for areas in left]
        while not self.clock.over and (going := [n for n, areas in enumerate(left) if areas]):
            programs, models, of = [], [], []
            for n in going:
                self.start(points[n])
                price = self._scarce(prices[n])
                now = self._apart(left[n], max(1, self.threads // len(going)))
                for area in now:
                    programs.append(self._crossed(pairs[n][1], left[n][area]))
                    models.append(self._model(*programs[-1], 1, price, over=price > 0))
                    of.append((n, price))
                left[n] = [area for k, area in enumerate(left[n]) if k not in now]
            run_native(models, self.clock)
            for (n, price), model, program in zip(of, models, programs, strict=True):
                self.start(points[n])
                found = self._found(model, *program, price)
                if found is not None and self._gains(found) and self._take(found, price > 0):
                    points[n] = self.point
        return points

    def build(self, price: Floats) -> bool:
        """Build a plan from nothing, area by area; return whether time allowed all areas.

        The first areas are at the edge. An area pays the `price` of each row that it shares with
        undecided sites, so that demand and money are left to later areas that use them better.
        """
        frame, m = self.frame, self.frame.matrix
        self.start(np.bincount(frame.kept, minlength=m.a.shape[1]).astype(float))
        self.pairs = settings.AREA
        undecided, nodes = np.ones(frame.sites), settings.PROGRAM_NODES
        left = frame.areas(np.arange(frame.sites), settings.AREA, self._near)
        while left and not self.clock.over:
            now, decided = self._apart(left, self.threads), set[int]()
            undecided[np.concatenate([left[n] for n in now])] = 0.0
            open_ = frame.rows_by_site @ undecided > 0
            # A station that earns exactly these prices must be built despite rounding errors.
            cost = np.where(open_, (1 - settings.SIGNIFICANT) * price, 0.0)
            programs = [self._program(left[n]) for n in now]
            models = [self._model(*one, nodes, cost, due=~open_) for one in programs]
            run_native(models, self.clock)
            for n, model, program in zip(now, models, programs, strict=True):
                found = self._found(model, *program, cost)
                if found is None or self._take(found, n == now[0]):
                    decided.add(n)
                else:
                    undecided[left[n]] = 1.0
            left = [area for n, area in enumerate(left) if n not in decided]
        return not left

    def _apart(self, areas: Sequence[Ints], most: int) -> list[int]:
        """Return the positions of up to `most` areas that share no demand, including the first."""
        out, used = list[int](), np.zeros(self.frame.sites, dtype=bool)
        for n, area in enumerate(areas):
            if len(out) < most and not used[area].any():
                out.append(n)
                used[self._near[area].indices] = True
        return out

    def _prices(self, money: Floats) -> Floats:
        """Return the price of each row, given the price of public money in each year."""
        m = self.frame.matrix
        out = np.zeros(m.a.shape[0])
        first = m.family.get("subsidies", slice(0, 0)).start
        out[first : first + len(money)] = money * self.frame.layout.money_unit / abs(m.size)
        return np.where(m.row_upper > 0, out, 0.0)  # without a budget, there is nothing to exchange

    def _scarce(self, price: Floats) -> Floats:
        """Return the prices: higher for rows whose limit the plan exceeds, lower for other rows."""
        limit = np.where(price > 0, self.frame.matrix.row_upper, 1.0)
        used = np.maximum(self.activity / limit, settings.EXACT)
        return np.where(price > 0, price * used**settings.SCARCITY, 0.0)

    def _crossed(self, other: Ints, sites: Ints) -> tuple[Ints, Flags]:
        """Return the columns that a crossover frees at some sites, and which are integers."""
        columns, whole = self._program(sites)
        keep = ~whole | np.isin(columns, np.union1d(self.choice, other))
        return columns[keep], whole[keep]

    def _next(self) -> list[Ints]:
        """Return the sites of the next windows, which do not overlap; empty if all were tried."""
        # Sites where relaxation and plan differ most come first.
        difference = np.abs(self.taken - self.point[: self.frame.count])
        by_site = np.bincount(self.frame.site, difference, minlength=self.frame.sites)
        order = np.argsort(-by_site, kind="stable")
        order = order[~self._tried[order]]
        out: list[Ints] = []
        used = np.zeros(self.frame.sites, dtype=bool)
        seeds = [int(j) for j in order[: 40 * self.threads]]
        for seed in seeds:
            if len(out) == self.threads:
                break
            if used[seed] or self._tried[seed]:
                continue
            count = max(2, self.size // 2) if self._split else self.size
            window = self._neighbours(seed, count)
            self._tried[seed] = True
            left = seeds if self._split else []
            far = [j for j in left if not self._tried[j] and not used[j] and j not in window]
            if far:
                other = far[len(far) // 2 if len(far) > 2 else 0]
                self._tried[other] = True
                window = np.union1d(window, self._neighbours(other, count))
            window = window[~used[window]]
            used[window] = True
            used[self._near[window].indices] = True  # the other windows share no demand with it
            out.append(window)
        return out

    def _program(self, sites: Ints) -> tuple[Ints, Flags]:
        """Return the columns that a window frees, and which of them are integer."""
        frame = self.frame
        inside = np.bincount(sites, minlength=frame.sites) > 0
        column_site = frame.column_site
        free = (column_site >= 0) & inside[column_site]
        count, energies = frame.count, frame.layout.columns.energies
        free[:count] &= ~self.hopeless | (self.point[:count] > 0)
        mine = free[count:energies]
        if frame.service.near:
            free[count:energies] = self._good_pairs(mine)
        elif frame.layout.by_pair:
            free[count:energies] = self._pairs(mine)
        else:
            rows = frame.service.row[inside[frame.service.site]]
            free[count:energies] = np.isin(frame.energy_row, rows)
        subsidy = frame.layout.subsidy_column
        if subsidy.size:
            used = column_site[count:energies][free[count:energies]]
            free[energies:] |= np.isin(column_site[energies:], used[used >= 0])
        free[list(frame.layout.columns.names)] = True
        columns = np.flatnonzero(free)
        return columns, columns < count

    def _good_pairs(self, inside: Flags) -> Flags:
        """Return a window's energy columns under decay: the best inside, and a few outside."""
        worth, in_use = self._worth, self.point[self.frame.energies] > 0
        inside = inside & (self._good | in_use)
        outside = self._outside(inside)
        return inside | outside & (in_use | self._among_best(outside, worth, settings.CANDIDATES))

    def _pairs(self, inside: Flags) -> Flags:
        """Return a window's energy columns: those in use, and a few that may take their place.

        `inside`: all energy columns at the window's sites. The demand rows are those that the
        window's stations serve, those not served in full, and those that its sites would serve
        better.
        """
        now = self.point[self.frame.energies]
        in_use, worth = now > 0, self._worth
        served = np.bincount(self._group, now)
        lacks = served[self._group] < self._wanted * (1 - settings.ARITHMETIC)
        least = np.full(len(served), np.inf)
        np.minimum.at(least, self._group[in_use], worth[in_use])
        row, better = self.frame.energy_row, lacks | in_use | (worth > least[self._group])
        rows = np.bincount(row[inside & better], minlength=len(self.frame.service.kwh)) > 0
        inside = inside & rows[row]
        outside = self._outside(inside)
        # At equal value, prefer near sites in the window, and free capacity outside it.
        inside &= in_use | self._among_best(inside, worth, self.pairs, self._nearness)
        room = self._room()
        outside &= in_use | self._among_best(outside & (room > 0), worth, self.pairs, room)
        return inside | outside

    def _outside(self, inside: Flags) -> Flags:
        """Return the energy columns that join the window's demand rows to stations outside it."""
        frame = self.frame
        rows = np.bincount(frame.energy_row[inside], minlength=len(frame.service.kwh)) > 0
        built = np.bincount(frame.site[self.choice], minlength=frame.sites) > 0
        site = frame.column_site[frame.energies]
        return np.asarray(~inside & built[site] & rows[frame.energy_row])

    def _room(self) -> Floats:
        """Return, for each energy column, the free capacity of its station (scaled)."""
        row, column = self._of_capacity
        left = np.maximum(self.frame.matrix.row_upper[row] - self.activity[row], 0.0)
        out: Floats = np.full(len(self._group), np.inf)
        np.minimum.at(out, column, left)
        return out

    def _among_best(
        self, energies: Flags, worth: Floats, count: int, then: Floats | None = None
    ) -> Flags:
        """Return whether each energy column is among the `count` best of its row and slice.

        `then`: breaks ties between columns of equal worth.
        """
        at = np.flatnonzero(energies)
        group = self._group[at]
        order = np.lexsort((*(() if then is None else (-then[at],)), -worth[at], group))
        best = np.zeros(len(energies), dtype=bool)
        best[at[order[first_of_each(group[order], count)]]] = True
        return best

    def _model(
        self, columns: Ints, whole: Flags, nodes: int, price: Floats | None = None,
        *, over: Flags | None = None, due: Flags | None = None,
    ) -> highspy.Highs:  # fmt: skip
        """Return the program of a window, with the incumbent as its starting solution.

        `price`: price of each row; `over`: rows whose upper limit is lifted; `due`: rows whose
        lower limit holds even if the plan is below it.
        """
        frame, m = self.frame, self.frame.matrix
        part = frame.by_column[:, columns]
        now = self.point[columns]
        rest = self.activity - part @ now
        rows = np.unique(part.indices)
        small = sparse.csc_array(sparse.csr_array(part)[rows])
        lower, upper = m.row_lower[rows] - rest[rows], m.row_upper[rows] - rest[rows]
        here = self.activity[rows] - rest[rows]
        # The current plan must fit despite rounding errors.
        below = np.minimum(lower, here)
        lower = below if due is None else np.where(due[rows], lower, below)
        upper = np.maximum(upper, here)
        if over is not None:
            upper = np.where(over[rows], np.inf, upper)
        # In a large program, restarts take a third of the time and make plans no better.
        model = model_of(
            small, self._cost(columns, price), m.lower[columns], m.upper[columns], lower, upper,
            whole=whole, threads=1, random_seed=self.seed, mip_rel_gap=self.gap,
            mip_max_nodes=nodes, mip_allow_restart=not frame.large,
            time_limit=max(0.05, min(settings.SECONDS, self.clock.left_s)),
        )  # fmt: skip
        start = highspy.HighsSolution()
        start.col_value = now.tolist()
        model.setSolution(start)
        return model

    def _cost(self, columns: Ints, price: Floats | None) -> Floats:
        """Return the earnings of columns, minus the price of what they use."""
        cost = self.frame.matrix.cost[columns]
        return cost if price is None else cost - self.frame.by_column[:, columns].T @ price

    def _found(
        self, model: highspy.Highs, columns: Ints, whole: Flags, price: Floats | None = None
    ) -> _Found | None:
        """Return the HiGHS result for a window; None if nothing was found."""
        if int(model.getInfo().primal_solution_status) != 2:
            return None
        values = np.asarray(model.getSolution().col_value)
        values[whole] = np.round(values[whole])
        gain = float(self._cost(columns, price) @ (values - self.point[columns]))
        done = model.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return _Found(columns, values, gain, done)

    def _gains(self, plan: _Found) -> bool:
        return plan.gain > settings.ARITHMETIC * max(abs(self.value), 1e-12)

    def _take(self, plan: _Found, free: Flags | bool = False) -> bool:
        """Apply a window's plan if it fits the results so far; return whether it was applied.

        `free`: rows that need no check; True if nothing has changed since the plan was made.
        """
        m = self.frame.matrix
        part = self.frame.by_column[:, plan.columns]
        after = self.activity + part @ (plan.values - self.point[plan.columns])
        rows = np.logical_and(self._shared, np.logical_not(free))
        slack = 1e-7 + 1e-9 * np.abs(after[rows])
        if (after[rows] > np.maximum(m.row_upper[rows], self.activity[rows]) + slack).any():
            return False
        if (after[rows] < np.minimum(m.row_lower[rows], self.activity[rows]) - slack).any():
            return False
        before = self.choice
        self.point[plan.columns] = plan.values
        self.activity = after
        self.value = float(m.cost @ self.point)
        changed = np.setxor1d(before, self.choice)
        if len(changed):
            moved = np.unique(self.frame.site[changed])
            self._tried[self._near[moved].indices] = False
        return True
