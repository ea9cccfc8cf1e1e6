"""One objective of one program as a matrix, with lookups shared by the engine's steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from siting import settings
from siting.engine.clock import Clock
from siting.engine.courses import BestCourses
from siting.engine.highs import run_native
from siting.engine.linear import STRICT, Answered, answered, model_of, run_model
from siting.program.aims import Aim
from siting.program.instance import Flags, Floats, Ints
from siting.program.matrix import Matrix, Reached
from siting.program.money import cases_of, is_shared
from siting.program.program import Program


class Frame:
    """One objective of a program as a matrix, with lookup tables for its rows and columns.

    A *choice* is an array of option positions in ascending order, at most one per site.
    """

    def __init__(
        self, program: Program, aim: Aim, reached: Sequence[Reached] = (), *, by_cell: bool = False
    ) -> None:
        self.program, self.aim, self.reached = program, aim, tuple(reached)
        self.matrix = program.matrix(aim, self.reached, by_cell=by_cell)
        self.layout = self.matrix.layout
        self.service = self.layout.service
        self.options = program.options
        self.site = program.options.site
        self.sites = len(program.instance.site_ids)
        self.count = len(program.options)
        self.resources = program.resources
        self.must = program.instance.must_sites
        self.sign = 1.0 if self.matrix.size > 0 else -1.0
        self.energies = slice(self.count, self.layout.columns.energies)  # the energy columns
        # For each energy column, a pair that represents it, and its slice.
        self.energy_pair = np.zeros(self.energies.stop - self.count, dtype=np.int64)
        self.energy_slice = np.zeros_like(self.energy_pair)
        for s in range(len(program.slices)):
            pairs, column = self.layout.pairs(s)
            self.energy_pair[column - self.count] = pairs
            self.energy_slice[column - self.count] = s

    @cached_property
    def energy_site(self) -> Ints:
        """The site of each energy column, if each pair has its own column."""
        return np.asarray(self.service.site[self.energy_pair])

    @property
    def other_columns(self) -> Ints:
        """The columns other than options, energy and payments."""
        rest = np.arange(self.energies.stop, self.matrix.a.shape[1])
        return rest[~np.isin(rest, self.layout.subsidy_column)]

    @cached_property
    def column_site(self) -> Ints:
        """The site of each column; -1 for columns without a site."""
        out = np.full(self.matrix.a.shape[1], -1, dtype=np.int64)
        out[: self.count] = self.site
        layout = self.layout
        if layout.by_pair:
            out[self.energies] = self.energy_site
        offer, year = np.nonzero(layout.subsidy_column >= 0)
        out[layout.subsidy_column[offer, year]] = layout.instance.offer_site[offer]
        return out

    @cached_property
    def energy_row(self) -> Ints:
        """The merged demand row of each energy column."""
        return np.asarray(self.service.row[self.energy_pair])

    @cached_property
    def energy_group(self) -> Ints:
        """For each energy column, a number that identifies its merged demand row and slice."""
        return self.energy_row * len(self.program.slices) + self.energy_slice

    def share_of(self, energies: Ints, taken: Floats) -> Floats:
        """Return the total value of the options that can deliver each given column's energy."""
        out, when = np.zeros(len(energies)), self.energy_slice[energies]
        site, kind = self.energy_site[energies], self.service.kind[self.energy_row[energies]]
        for s, able in enumerate(self.able):
            mine = when == s
            if mine.any():
                there = np.zeros((self.sites, able.shape[1]))
                np.add.at(there, self.site, taken[:, None] * able)
                out[mine] = there[site[mine], kind[mine]]
        return out

    @cached_property
    def by_column(self) -> sparse.csc_array:
        """The matrix by columns."""
        return sparse.csc_array(self.matrix.a)

    @cached_property
    def rows_by_site(self) -> sparse.csr_array:
        """A matrix (rows by sites) with an entry of 1 where the row has a column of the site."""
        column = np.flatnonzero(self.column_site >= 0)
        at = np.ones(len(column)), (column, self.column_site[column])
        shape = (self.matrix.a.shape[1], self.sites)
        out = sparse.csr_array(abs(self.matrix.a) @ sparse.csr_array(at, shape))
        out.data[:] = 1.0
        return out

    def areas(self, sites: Ints, size: int, near: sparse.csr_array | None = None) -> list[Ints]:
        """Divide sites into areas of up to `size` sites that share demand, from the edge inwards.

        `near`: demand shared by every two sites, by default `shared_demand`.
        """
        near = self.shared_demand if near is None else near
        left, out = np.bincount(sites, minlength=self.sites) > 0, []
        rest = near @ left.astype(float)  # demand that each site shares with the remaining sites
        while left.any():
            area: list[int] = []
            shared = np.zeros(self.sites)  # demand shared with the area
            while left.any() and len(area) < size:
                score = shared / np.maximum(rest, settings.SIGNIFICANT) if area else -rest
                j = int(np.where(left, score, -np.inf).argmax())
                if area and not shared[j]:
                    break
                area.append(j)
                left[j] = False
                entries = slice(near.indptr[j], near.indptr[j + 1])
                shared[near.indices[entries]] += near.data[entries]
                rest[near.indices[entries]] -= near.data[entries]
            out.append(np.sort(np.array(area)))
        return out

    def rows_of(self, *families: str) -> Ints:
        """Return the positions of the matrix rows in the given families."""
        spans = [self.matrix.family.get(one, slice(0, 0)) for one in families]
        return np.concatenate([np.arange(span.start, span.stop) for span in spans])

    @property
    def large(self) -> bool:
        """Whether the program is too large for steps whose time grows with pairs times sites."""
        return len(self.energy_pair) * self.sites > settings.LARGE

    def with_rows(self, rows: sparse.csr_array, least: Floats) -> Frame:
        """Return the frame with added rows that all plans satisfy; `least`: their lower limits."""
        m = self.matrix
        wide = sparse.csr_array((rows.data, rows.indices, rows.indptr), (len(least), m.a.shape[1]))
        lower = np.concatenate([m.row_lower, least])
        upper = np.concatenate([m.row_upper, np.full(len(least), np.inf)])
        a = sparse.csr_array(sparse.vstack([m.a, wide]))
        return self.with_matrix(replace(m, a=a, row_lower=lower, row_upper=upper))

    def with_matrix(self, matrix: Matrix) -> Frame:
        """Return the frame with another matrix and without values cached for the old matrix."""
        out = copy(self)
        out.matrix = matrix
        for one in ("by_column", "column_site", "rows_by_site"):
            vars(out).pop(one, None)
        return out

    def of_demand(self, values: Floats) -> Floats:
        """Return `values` (of all matrix rows) as a table of merged demand rows and slices."""
        out, rows = np.zeros_like(self.service.kwh), self.rows_of("demand")
        out[self.demand_of(rows)] = values[rows]
        return out

    def demand_of(self, rows: Ints) -> tuple[Ints, Ints]:
        """Return the merged demand row and the slice of each given matrix row for demand."""
        # All columns of a matrix row for demand belong to one merged demand row and slice.
        first = self.matrix.a.indices[self.matrix.a.indptr[rows]] - self.count
        return self.energy_row[first], self.energy_slice[first]

    @cached_property
    def shared_demand(self) -> sparse.csr_array:
        """Demand (kWh/day) shared by every two sites; if there are many rows, from a sample."""
        of = self.service
        return overlap(of.kwh.max(axis=1), of.row, of.site, self.sites)

    @cached_property
    def able(self) -> list[Flags]:
        """For each slice, whether each option (row) serves each kind of demand (column)."""
        return [self.layout.delivered(s) > 0 for s in range(len(self.program.slices))]

    @cached_property
    def kept(self) -> Ints:
        """The options that keep existing stations as they are."""
        existing = self.program.instance.offer_existing
        return np.flatnonzero(existing[self.options.offer].all(axis=1))

    @cached_property
    def money(self) -> Floats:
        """The cost of each option in the aim, excluding payments that are decision variables."""
        out = np.zeros(self.count)
        column, value = self.aim.money(self.layout)
        mine = column < self.count
        out[column[mine]] = value[mine]
        return out

    @cached_property
    def pooled(self) -> Flags:
        """Whether each site shares its business case with others (in a concession)."""
        rule = self.program.gap
        if rule is None:
            return np.zeros(self.sites, dtype=bool)
        return is_shared(cases_of(self.program.instance, rule))

    @cached_property
    def courses(self) -> BestCourses:
        """The best courses of the sites, with upgrades that are not options."""
        return BestCourses(self.program)

    @property
    def charge(self) -> Floats:
        """The cost of each option that the aim deducts from worth; 0 if the aim is not worth."""
        return self.money if self.aim.of_worth else np.zeros(self.count)

    @property
    def drawn_by_year(self) -> bool:
        """Whether payments are yearly decision variables, which makes cuts and windows slow."""
        return self.program.gap is not None and self.program.year_plan is not None

    @property
    def nothing(self) -> Ints:
        """The empty choice by site, which is -1 at every site."""
        return np.full(self.sites, -1, dtype=np.int64)

    def values(self, options: Ints) -> Floats:
        """Return the value of each option in a plan: 1 for the given ones, else 0."""
        return np.bincount(options, minlength=self.count).astype(float)

    def by_site(self, options: Ints) -> Ints:
        """Return the given options as a choice by site: the option at each site, or -1."""
        choice = self.nothing
        choice[self.site[options]] = options
        return choice

    def signed(self, objective: float) -> float:
        """Return the aim's value for a matrix objective, negated if less is better."""
        return abs(self.matrix.size) * objective

    def open_columns(self, choice: Ints) -> Ints:
        """Return the columns, except options, that a choice does not force to 0."""
        parts, service = [], self.service
        for able, column in zip(self.able, self.layout.pair_column.T, strict=True):
            there = np.zeros((self.sites, len(service.kinds)), dtype=bool)
            there[self.site[choice]] = able[choice]
            open_ = there[service.site, service.kind[service.row]]
            parts.append(np.unique(column[open_ & (column >= 0)]))
        aimed = np.array(sorted(self.layout.columns.names), dtype=np.int64)
        return np.concatenate([*parts, self.payments(choice), aimed])

    def payments(self, options: Ints) -> Ints:
        """Return the columns of the public money paid to the offers of the given options."""
        by_year = zip(self.layout.subsidy_column.T, self.options.offer[options].T, strict=False)
        paid = [column[offer[offer >= 0]] for column, offer in by_year]
        columns = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *paid]))
        return columns[columns >= 0]

    def fits(self, choice: Ints) -> bool:
        """Return whether a choice keeps all limits, has the required sites and repeats no site."""
        count = np.bincount(self.site[choice], minlength=self.sites)
        one_each = bool((count <= 1).all() and (count[self.must] == 1).all())
        return one_each and self.resources.within(choice)

    def serve(
        self, choice: Ints, clock: Clock, threads: int = 1, *, strict: bool = False
    ) -> Answered:
        """Return the optimum of the program, with values for the whole matrix, at a fixed choice.

        `strict`: whether to use the tightest tolerances.
        """
        m = self.matrix
        columns = self.open_columns(choice)
        part = self.by_column[:, columns]
        fixed = np.zeros(m.a.shape[1])
        fixed[choice] = 1.0
        shift = self.by_column[:, choice] @ np.ones(len(choice))
        rows = np.bincount(part.indices, minlength=m.a.shape[0]) > 0
        # Rows that contain only options are skipped. Other rows must hold even if none of their
        # columns is open.
        first = max((m.family[f].stop for f in ("one", "resource") if f in m.family), default=0)
        lower, upper = m.row_lower - shift, m.row_upper - shift
        empty = ~rows
        empty[:first] = False
        if (lower[empty] > settings.EXACT).any() or (upper[empty] < -settings.EXACT).any():
            return _none(infeasible=True)
        keep = np.flatnonzero(rows)
        ends = m.lower[columns], m.upper[columns]
        found = _solved(
            sparse.csc_array(part[keep]), m.cost[columns], *ends, lower[keep], upper[keep],
            clock, threads, STRICT if strict else {},
        )  # fmt: skip
        if not found.found:
            return _none(infeasible=found.infeasible)
        fixed[columns] = np.clip(found.point, *ends)
        price, reduced = np.zeros(m.a.shape[0]), np.zeros(m.a.shape[1])
        if len(found.price):
            price[keep], reduced[columns] = found.price, found.reduced
        cost = float(m.cost @ fixed)
        return Answered(True, found.optimal, False, fixed, price, reduced, cost, found.bound)


def _solved(
    a: sparse.csc_array, cost: Floats, lower: Floats, upper: Floats, row_lower: Floats,
    row_upper: Floats, clock: Clock, threads: int, options: Mapping[str, Any],
) -> Answered:  # fmt: skip
    """Return the solution of a linear program; a large one is solved in parallel pieces."""
    if a.shape[1] <= settings.MANY_COLUMNS:
        return run_model(model_of(a, cost, lower, upper, row_lower, row_upper, **options), clock)
    pieces = _apart(a)
    models = []
    for rows, columns in pieces:
        ends = lower[columns], upper[columns], row_lower[rows], row_upper[rows]
        part = sparse.csc_array(a[:, columns][rows])
        models.append(model_of(part, cost[columns], *ends, **options))
    for n in range(0, len(models), threads):
        run_native(models[n : n + threads], clock)
    answers = [answered(model) for model in models]
    if not all(answer.found and answer.optimal for answer in answers):
        return _none(infeasible=any(answer.infeasible for answer in answers))
    point, price, reduced = np.zeros(len(cost)), np.zeros(len(row_lower)), np.zeros(len(cost))
    for (rows, columns), answer in zip(pieces, answers, strict=True):
        point[columns], price[rows] = answer.point, answer.price
        reduced[columns] = answer.reduced
    best = sum(answer.objective for answer in answers)
    return Answered(True, True, False, point, price, reduced, best, best)


def _apart(a: sparse.csc_array) -> list[tuple[Ints, Ints]]:
    """Return the rows and columns of independent pieces of a program; small ones are joined."""
    blocks: Any = [[None, a], [a.T, None]]
    count, label = connected_components(sparse.block_array(blocks), False)
    rows, columns = label[: a.shape[0]], label[a.shape[0] :]
    size = np.bincount(columns, minlength=count)
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.minimum(np.arange(count), settings.MOST_PIECES - 1)
    pieces = range(min(count, settings.MOST_PIECES))
    return [(np.flatnonzero(rank[rows] == n), np.flatnonzero(rank[columns] == n)) for n in pieces]


def _none(*, infeasible: bool) -> Answered:
    empty, bound = np.zeros(0), -np.inf if infeasible else np.inf
    return Answered(False, False, infeasible, empty, empty, empty, -np.inf, bound)


def overlap(kwh: Floats, row: Ints, site: Ints, sites: int) -> sparse.csr_array:
    """Return, for every two sites, the demand within reach of both sites.

    `row` and `site` list the pairs of demand row and site.
    """
    by_row = sparse.csr_array((np.sqrt(kwh[row]), (row, site)), shape=(len(kwh), sites))
    degree = np.diff(by_row.indptr)
    if float((degree.astype(float) ** 2).sum()) > 3e7:
        # A sample of the rows is enough to find which sites are near one another.
        keep = np.argsort(-kwh / np.maximum(degree, 1), kind="stable")
        keep = keep[np.cumsum(degree[keep].astype(float) ** 2) < 3e7]
        by_row = by_row[np.sort(keep)]
    return sparse.csr_array(by_row.T @ by_row)


def first_of_each(group: Ints, count: int) -> Flags:
    """Return whether each entry is among the first `count` of its group; `group` must be sorted."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    rank = np.arange(len(group)) - np.repeat(starts, np.diff(starts, append=len(group)))
    return np.asarray(rank < count)


def best_of_each(group: Ints, score: Floats, count: int) -> Ints:
    """Return the positions of the `count` highest scores in each group, group by group."""
    order = np.lexsort((-score, group))
    return order[first_of_each(group[order], count)]
