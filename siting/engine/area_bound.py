"""A bound on all plans from integer programs, one for each area, at the prices of a relaxation.

A relaxation may share the demand of a row among fractions of stations. If only a few sites can
serve the row, no integer solution can share it in this way. To exploit this, the sites are divided
into areas. A row is *local* if all its columns belong to one area. The other rows are replaced by
their prices in the relaxation, so that no row links two areas. Each area is then an integer program
with its local rows (Lagrangian relaxation)::

    L  =  sum of p_r b_r over the other rows  +  sum over areas of V_a

where ``V_a`` is a bound on what area ``a`` earns at the reduced costs ``c - A' p``. If the area's
demand rows are also replaced by their prices, the area earns at most ``U_a``, a sum over its sites.
Each site contributes the lower of two bounds: the bound by sites (`siting.engine.station_bound`)
and the bound from the relaxation, which also sets prices for the site's own rows. So solving an
area lowers the bound by ``U_a - V_a``. For plans with an option ``o``, only the areas that do not
contain ``o`` lower the bound, and the site of ``o`` contributes only the value of ``o``.

Source: M. Guignard, S. Kim: Lagrangean decomposition. Mathematical Programming 39 (1987), 215-228.
"""

from __future__ import annotations

import math
from itertools import batched

import highspy
import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.highs import run_native
from siting.engine.linear import model_of
from siting.engine.station_bound import OF_A_SITE, BySites, best_of_sites
from siting.program.instance import Flags, Floats, Ints


class AreaBound:
    """Bounds at fixed prices; solving an integer program for each area lowers the bounds.

    `price`: scaled prices, with signs that the rows' limits allow; `by`: the bound by sites at
    these prices; `live`: the options that the bounds must cover.
    """

    def __init__(self, frame: Frame, price: Floats, by: BySites, live: Flags) -> None:
        m, site, unit = frame.matrix, frame.site, abs(frame.matrix.size)
        self.frame, self.price, self.live = frame, by.price, live
        self._reduced = m.cost - frame.by_column.T @ by.price
        self._of_row = _at_limit(by.price, m.row_lower, m.row_upper)
        self._touches = frame.rows_by_site
        self._sites_of_row = np.diff(self._touches.indptr)
        # Rows with a column that has no site are never local.
        linked = np.asarray(abs(m.a) @ (frame.column_site < 0).astype(float)) > 0
        self._sites_of_row[linked] = frame.sites + 1
        # If all terms of a row are at least 0, each area alone must keep the row's upper limit.
        negative = np.where(m.lower[m.a.indices] < 0, -1.0, np.minimum(m.a.data, 0.0))
        least = np.add.reduceat(np.append(negative, 0.0), m.a.indptr[:-1])
        self._packed = np.isfinite(m.row_upper) & (np.where(np.diff(m.a.indptr), least, 0.0) >= 0)
        # The prices of a site's own rows also bound what the site earns.
        own = np.zeros(m.a.shape[0], dtype=bool)
        own[frame.rows_of(*(one for one in OF_A_SITE if one != "demand"))] = True
        own &= self._sites_of_row == 1
        reduced = self._reduced - frame.by_column.T @ np.where(own, price, 0.0)
        of_site = self._touches.T @ np.where(own, _at_limit(price, m.row_lower, m.row_upper), 0.0)
        there = np.flatnonzero(frame.column_site >= 0)[frame.count :]
        np.add.at(of_site, frame.column_site[there], _at_limit(reduced, m.lower, m.upper)[there])
        value = of_site[site] + reduced[: frame.count]
        if math.isfinite(by.bound):
            value = np.minimum(value, (by.at_most - by.bound) / unit + by.earned[site])
        self._earned = best_of_sites(frame, value, live)
        # A bound on any plan, and for each option a bound on plans with it (more is better).
        self.bound = self._alone = by.bound - unit * float((by.earned - self._earned).sum())
        self.at_most = self._each = self._alone + unit * (value - self._earned[site])
        self._size = settings.AREA  # maximum number of sites of an area in the next call

    def lower(self, gap: float, clock: Clock, *, threads: int, seed: int) -> bool:
        """Solve areas (larger in each call) to lower the bounds; return whether larger ones remain.

        Areas that together cannot lower the bound by the relative `gap` are left out.
        """
        solved, largest = False, settings.GROWTH * self.frame.sites
        while not solved and self._size < largest and math.isfinite(self._alone):
            solved = self._solve(self._size, gap, clock, threads, seed)
            self._size = math.ceil(settings.GROWTH * self._size)
        return solved and self._size < largest

    def _solve(self, size: int, gap: float, clock: Clock, threads: int, seed: int) -> bool:
        """Solve areas of up to `size` sites until time is up; return whether any was promising."""
        frame = self.frame
        areas = frame.areas(np.arange(frame.sites), size)
        rows = [self._rows(area) for area in areas]
        shared = [local[self._sites_of_row[local] > 1] for local, _ in rows]
        most = np.array([float(np.abs(self._of_row[several]).sum()) for several in shared])
        unit = abs(frame.matrix.size)
        least = gap * abs(self._alone) / unit / max(len(areas), 1)
        order = [n for n in np.argsort(-most, kind="stable").tolist() if most[n] > least]
        gain, total = np.zeros(frame.sites), 0.0  # `gain`: gain of each site's area
        for now in batched(order, threads):
            if clock.over:
                break
            work = [self._program(areas[n], rows[n], clock, seed) for n in now]
            run_native([model for model, _ in work], clock)
            for n, (model, relaxed) in zip(now, work, strict=True):
                bound = float(model.getInfo().mip_dual_bound)
                if math.isfinite(bound) and bound < relaxed:
                    gain[areas[n]] = relaxed - bound
                    total += relaxed - bound
        self.bound = min(self.bound, self._alone - unit * total)
        less = unit * (total - gain[frame.site])
        self.at_most = np.minimum(self.at_most, self._each - less)
        return bool(order)

    def _rows(self, area: Ints) -> tuple[Ints, Ints]:
        """Return the local rows of an area, and other rows whose upper limits the area keeps."""
        there = self._touches @ np.bincount(area, minlength=self.frame.sites)
        touched, local = there > 0, there == self._sites_of_row
        return np.flatnonzero(touched & local), np.flatnonzero(touched & ~local & self._packed)

    def _program(
        self, area: Ints, rows: tuple[Ints, Ints], clock: Clock, seed: int
    ) -> tuple[highspy.Highs, float]:
        """Return the integer program of an area, and its value in the relaxation."""
        frame, m, (local, others) = self.frame, self.frame.matrix, rows
        inside = np.bincount(area, minlength=frame.sites + 1) > 0
        mine = inside[frame.column_site]
        mine[: frame.count] &= self.live
        columns = np.flatnonzero(mine)
        whole = columns < frame.count
        part = sparse.csr_array(frame.by_column[:, columns])
        cost = self._reduced[columns] + part[local].T @ self.price[local]
        relaxed = self._of_row[local].sum() + self._earned[area].sum()
        both = np.concatenate([local, others])
        model = model_of(
            sparse.csc_array(part[both]), cost, m.lower[columns], m.upper[columns],
            np.concatenate([m.row_lower[local], np.full(len(others), -np.inf)]), m.row_upper[both],
            whole=whole, threads=1, random_seed=seed,
            mip_rel_gap=settings.WINDOW_GAP, mip_max_nodes=10 * settings.PROGRAM_NODES,
            mip_allow_restart=False, time_limit=max(0.05, min(settings.SECONDS, clock.left_s)),
        )  # fmt: skip
        return model, float(relaxed)


def _at_limit(value: Floats, lower: Floats, upper: Floats) -> Floats:
    side = np.where(value > 0, upper, lower)
    return np.asarray(value * np.where(value != 0, side, 0.0))
