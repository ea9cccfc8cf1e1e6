"""Programs without capacities: which station serves each row, and a solver for covering problems.

Without capacities, each demand row is served by the station that gives the row the most worth or,
among equals, by the nearest. If a budget is the only limit, the program is the maximal covering
problem of Church and ReVelle with costs, which `siting.engine.covering` solves for millions of
rows.

Source: R. Church, C. ReVelle: The maximal covering location problem. Papers of the Regional Science
Association 32 (1974), 101-118.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from siting.engine.answer import Result
from siting.engine.clock import Clock
from siting.engine.covering.covering import Covering
from siting.engine.covering.run import run_covering
from siting.engine.proof import Stopped
from siting.program.aims import Aim
from siting.program.instance import Flags, Floats, Ints
from siting.program.program import Program
from siting.program.resources import BUDGET
from siting.program.service import Service


def served_whole(aims: Sequence[Aim], program: Program) -> bool:
    """Return whether, under these aims, each row in reach is served in full by one station."""
    first = next((aim for aim in aims if aim.of_worth or aim.of_drives), None)
    return not program.capacitated and first is not None and first.of_worth


def nearest(program: Program, choice: Ints) -> tuple[Service, Floats]:
    """Return the pairs within reach of a choice's offers, and the energy of each pair by slice."""
    taken = program.options.offer[choice]
    pairs = program.service(by_cell=True, offers=np.unique(taken[taken >= 0]))
    able = _able(program, pairs)
    energy = np.zeros((len(pairs.site), len(program.slices)))
    for s, one in enumerate(program.slices):
        standing = np.full(len(program.instance.site_ids), -1, dtype=np.int64)
        standing[program.options.site[choice]] = taken[:, one.year]
        offer, row = standing[pairs.site], pairs.row
        there = np.flatnonzero((offer >= 0) & (pairs.kwh[row, s] > 0))
        there = there[able[offer[there], pairs.kind[row[there]]]]
        keys = pairs.site, pairs.minutes, -pairs.factor, row
        there = there[np.lexsort([key[there] for key in keys])]
        first = there[np.diff(row[there], prepend=-1) != 0]
        energy[first, s] = pairs.kwh[row[first], s]
    return pairs, energy


def _able(program: Program, service: Service) -> Flags:
    """Return whether each offer (row) serves each kind of demand (column)."""
    has = program.instance.offer_capacity > 0
    out = np.zeros((len(has), len(service.kinds)), dtype=bool)
    for k, groups in enumerate(service.kinds):
        out[:, k] = has[:, list(groups)].any(axis=1)
    return out


def covering_of(program: Program) -> Covering | None:
    """Return a program as a covering problem over the same options; None if that is impossible."""
    floors = any(floor.share > 0 for floor in program.floors)
    if program.capacitated or floors or len(program.slices) > 1:
        return None
    resources, options, service = program.resources, program.options, program.service()
    kinds, free = resources.kinds, not np.isfinite(resources.at_least).any()
    if kinds not in ((), (BUDGET,)) or not free or service.near:
        return None
    must = program.instance.must_sites
    of_site = np.bincount(options.site, minlength=len(must))
    if (of_site[must] != 1).any():
        return None
    one = program.slices[0]
    count, rows, sites = len(options), len(service.kwh), len(must)
    place = options.site, np.arange(count)
    at_site = sparse.csr_array((np.ones(count), place), shape=(sites, count))
    ones = np.ones(len(service.site))
    reach = sparse.csr_array((ones, service.site, service.start), shape=(rows, sites))
    pairs = (reach @ at_site).tocoo()
    there = _able(program, service)[options.last[pairs.col], service.kind[pairs.row]]
    entries = pairs.row[there], pairs.col[there]
    covers = sparse.csr_array((np.ones(int(there.sum())), entries), shape=pairs.shape)
    cost = resources.use[[0]].toarray().ravel() if kinds else np.zeros(len(options))
    most = float((resources.at_most + resources.slack)[0]) if kinds else 0.0
    worth = one.weight * one.probability * service.kwh[:, 0] * service.worth[:, 0]
    forced = np.flatnonzero(must[options.site]).tolist()
    return Covering.of_matrix(covers, worth, cost, most, group=options.site, forced=forced)


def solve_covered(
    program: Program, clock: Clock, *, gap: float, seed: int, start: Ints | None
) -> Result | None:
    """Return the result if the program is a covering problem, else None."""
    with clock.phase("build"):
        covering = covering_of(program)
    if covering is None or not covering.allows(covering.forced):
        return None
    run = run_covering(covering, clock, gap, seed)
    chosen = run.chosen
    if start is not None and covering.allows(start):
        chosen = max(chosen, start, key=covering.value)
    chosen = _without_idle(covering, chosen)
    value = covering.value(chosen)
    stopped: Stopped = clock.stopped if clock.over else "solver stopped"
    return Result(chosen, value, max(run.bound, value), stopped, run.nodes)


def _without_idle(covering: Covering, chosen: Ints) -> Ints:
    """Drop options that add nothing, the most expensive first, and return the remaining options."""
    by_option = sparse.csr_array(covering.matrix.T)
    times: Floats = np.asarray(by_option[chosen].sum(axis=0)).ravel()
    forced = set(covering.forced.tolist())
    kept = []
    for option in chosen[np.lexsort((chosen, -covering.cost[chosen]))].tolist():
        rows = by_option.indices[by_option.indptr[option] : by_option.indptr[option + 1]]
        alone = (times[rows] == 1) & (covering.weight[rows] > 0)
        if option in forced or alone.any():
            kept.append(option)
        else:
            times[rows] -= 1
    return np.array(sorted(kept), dtype=np.int64)
