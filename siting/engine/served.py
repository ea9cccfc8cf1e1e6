"""The demand and payments assigned to a choice, with the shortest drive times that aims allow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.cover import nearest, served_whole
from siting.engine.frame import Frame
from siting.engine.linear import STRICT, Answered, model_of, run_model
from siting.errors import Fault, SolveError
from siting.program.aims import Aim, ShortestDrives
from siting.program.instance import Floats, Ints
from siting.program.matrix import Reached
from siting.program.money import caps_of, cases_of
from siting.program.program import Program
from siting.program.service import Service


def worked_out(
    program: Program, choice: Ints, reached: Sequence[Reached]
) -> tuple[Service, Floats, Floats]:
    """Return the demand assigned to a choice, with the shortest drive times that aims allow.

    The result: the pairs, the energy by pair and slice (kWh/day), and the payments (`subsidies`).
    """
    if served_whole([*(one.aim for one in reached), ShortestDrives()], program):
        return *nearest(program, choice), np.zeros((0, 0))
    # Use the program's own aim for drive times. A program without one counts kWh × minutes.
    asked = [aim for aim in program.all_aims if aim.of_drives]
    drives = asked[-1] if asked else ShortestDrives()
    # A depot may have a thousand times the demand of other rows, so no tolerance suits all rows.
    found = reached_again(program, drives, reached, choice, by_cell=True)
    if found is None:
        raise SolveError(Fault("plan", "could not be recomputed", "try another seed"))
    frame, served = found
    energy = energies(frame, served.point)
    return frame.service, energy, subsidies(frame, choice, energy)


def reached_again(
    program: Program, aim: Aim, reached: Sequence[Reached], choice: Ints, *, by_cell: bool = False
) -> tuple[Frame, Answered] | None:
    """Return a frame for an aim in which a choice is feasible, and the solution there, or None.

    Because of solver tolerances, all values reached may worsen by a fraction: the first entry of
    `settings.LOSSES` that makes the choice feasible. `by_cell`: whether to merge only cells with
    equal drive times, and to try the tightest tolerances first.
    """
    for loss in settings.LOSSES:
        frame = Frame(program, aim, [lowered(one, loss) for one in reached], by_cell=by_cell)
        for strict in (True, False) if by_cell else (False,):
            served = frame.serve(np.sort(choice), Clock(math.inf), strict=strict)
            if served.found:
                return frame, served
    return None


def lowered(reached: Reached, loss: float) -> Reached:
    """Return an aim's value, worsened by the fraction `loss`.

    >>> lowered(Reached(ShortestDrives(), 200.0), 0.01).value
    202.0
    """
    worse = 1.0 if reached.aim.less_is_better else -1.0
    return Reached(reached.aim, reached.value + worse * loss * abs(reached.value))


def energies(frame: Frame, point: Floats) -> Floats:
    """Return the energy by pair and slice (kWh/day), without the excess due to rounding."""
    service, unit = frame.service, frame.layout.energy_unit
    column = frame.layout.pair_column
    out = np.where(column >= 0, point[column], 0.0) * unit
    used = np.zeros_like(service.kwh)
    np.add.at(used, service.row, out)
    share = used / np.where(service.kwh > 0, service.kwh, 1.0)
    # A row that is served in full within the tolerance counts as served in full.
    out = out / np.where(share > 1 - settings.NOISE, share, 1.0)[service.row]
    tiny = settings.ARITHMETIC * service.kwh[service.row]
    return np.where(out > tiny, out, 0.0)


def subsidies(frame: Frame, choice: Ints, energy: Floats) -> Floats:
    """Return the public money paid to each offer by the end of each year (PKR): its viability gap.

    Money is paid as late as possible, and earlier only if a later year has too little money. The
    table is empty if subsidies are fixed. `energy`: by pair and slice (kWh/day).
    """
    program, service, instance = frame.program, frame.service, frame.program.instance
    if program.gap is None:
        return np.zeros((0, 0))
    by_year = [offer[offer >= 0] for offer in program.options.offer[choice].T]
    need, cap = instance.offer_cost, caps_of(instance, program.gap)
    due, most = np.zeros((2, frame.sites, len(by_year)))
    so_far, case = np.zeros(frame.sites), cases_of(instance, program.gap)
    for t, standing in enumerate(by_year):
        earned = np.zeros(frame.sites)
        for s, one in enumerate(program.slices):
            if one.year == t:
                sold = energy[:, s] * service.margin[service.row] * one.probability
                np.add.at(earned, service.site, sold)
        site = instance.offer_site[standing]
        lacks = carried(need[standing] - earned[site], cap[standing], case[site])
        lacks = np.where(lacks > settings.SUMMED * need[standing], lacks, 0.0)
        so_far[site] = np.maximum(so_far[site], lacks)
        due[:, t], most[site, t] = so_far, cap[standing]
    years = program.year_plan
    if years is not None and not years.carry_over and math.isfinite(frame.layout.budget_pkr):
        due = paid_ahead(due, most, years.limit_pkr)
    paid = np.zeros((len(need), len(by_year)))
    for t, standing in enumerate(by_year):
        paid[standing, t] = due[instance.offer_site[standing], t]
    return paid


def carried(lacks: Floats, cap: Floats, case: Ints) -> Floats:
    """Return each station's payment, given all stations' shortfalls (negative: a surplus).

    A business case receives its stations' shortfalls less their surpluses. This payment goes to the
    stations with a shortfall, in proportion to the shortfalls. Any amount above their caps goes to
    stations of the same business case that are below their caps.

    Examples
    --------
    >>> import numpy as np
    >>> carried(np.array([5.0, -2.0, 3.0]), np.array([4.0, 9.0, 1.0]), np.array([0, 0, 2]))
    array([3., 0., 1.])
    """
    _, place = np.unique(case, return_inverse=True)
    due = np.maximum(np.bincount(place, lacks), 0.0)
    first = np.clip(lacks, 0.0, cap)
    share = np.bincount(place, first)
    paid = first * np.minimum(due / np.where(share > 0, share, 1.0), 1.0)[place]
    room, left = cap - first, np.maximum(due - share, 0.0)
    there = np.bincount(place, room)
    more: Floats = np.minimum(left / np.where(there > 0, there, 1.0), 1.0)[place]
    return paid + room * more


def paid_ahead(due: Floats, most: Floats, granted: Floats) -> Floats:
    """Return the sums paid by the end of each year (PKR) if money is paid as late as limits allow.

    `due`: the least that must be paid at each site (row) by the end of each year (column); its last
    column is the whole payment; `most`: the most that may be paid by the end of each year;
    `granted`: the most that may be paid in each year.

    Examples
    --------
    >>> import numpy as np
    >>> paid_ahead(np.array([[0.0, 5.0]]), np.array([[9.0, 9.0]]), np.array([4.0, 3.0]))
    array([[2., 5.]])
    """
    new = np.diff(due, axis=1, prepend=0.0).sum(axis=0)
    if not (new > granted).any():
        return due
    (sites, years), size = due.shape, due.size
    unit = float(due.max())
    up = sparse.eye_array(years) - sparse.eye_array(years, k=-1)
    grows = sparse.kron(sparse.eye_array(sites), up)
    by_year = sparse.kron(np.ones((1, sites)), up)
    # If rounding makes payments exceed a year's limit, the excess is paid in that year.
    over = sparse.vstack([sparse.csr_array((size, years)), -sparse.eye_array(years)])
    a = sparse.csc_array(sparse.hstack([sparse.vstack([grows, by_year]), over]))
    upper = np.maximum(np.minimum(most, due[:, -1:]), due)
    endless = np.full(years, np.inf)
    cost = np.append(-np.ones(size), np.full(years, -settings.OVER))
    ends = np.append(due / unit, np.zeros(years)), np.append(upper / unit, endless)
    sides = np.append(np.zeros(size), -endless), np.append(np.full(size, np.inf), granted / unit)
    found = run_model(model_of(a, cost, *ends, *sides, **STRICT), Clock(math.inf))
    paid: Floats = np.clip(found.point[:size].reshape(sites, years) * unit, due, upper)
    return paid
