"""Who is served by what under a choice, and what is paid for it, as near as the aims allow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from siting.engine.clock import Clock
from siting.engine.cover import nearest, served_whole
from siting.engine.frame import Frame
from siting.engine.values import less_is_better
from siting.errors import Fault, SolveError
from siting.program.aims import ShortestDrives
from siting.program.instance import Floats, Ints
from siting.program.matrix import Reached
from siting.program.money import caps_of
from siting.program.program import Program
from siting.program.service import Service

# Shares of reached values given up, one after the other, until the plan can be worked out.
LOSSES = (0.0, 1e-7, 1e-6, 1e-5)
HAIR = 1e-8
# So small a share of what a station needs is rounding, and not lacking.
ROUNDING = 1e-11


def worked_out(
    program: Program, choice: Ints, reached: Sequence[Reached]
) -> tuple[Service, Floats, Floats]:
    """Return who is served by what under a choice, drives as short as the aims allow.

    These are the pairs, the energy by pair and slice (kWh/day), and what is paid (`subsidies`).
    """
    if served_whole([*(one.aim for one in reached), ShortestDrives()], program):
        return *nearest(program, choice), np.zeros((0, 0))
    for loss in LOSSES:
        # What a solver reaches by its tolerances, row by row, cannot always be reached again.
        kept = [lowered(one, loss) for one in reached]
        frame = Frame(program, ShortestDrives(), kept, by_cell=True)
        served = frame.serve(choice, Clock(math.inf))
        if served.found:
            energy = energies(frame, served.point)
            return frame.service, energy, subsidies(frame, choice, energy)
    raise SolveError(Fault("plan", "could not be worked out again", "try another seed"))


def lowered(reached: Reached, loss: float) -> Reached:
    """Return an aim reached, with a share of its value given up.

    >>> lowered(Reached(ShortestDrives(), 200.0), 0.01).value
    202.0
    """
    worse = 1.0 if less_is_better(reached.aim) else -1.0
    return Reached(reached.aim, reached.value + worse * loss * abs(reached.value))


def energies(frame: Frame, point: Floats) -> Floats:
    """Return the energy by pair and slice (kWh/day), no row or station overdone by a hair."""
    service, unit = frame.service, frame.layout.energy_unit
    column = frame.layout.pair_column
    out = np.where(column >= 0, point[column], 0.0) * unit
    if not frame.layout.by_pair:
        raise SolveError(Fault("plan", "pairs are not told apart"))
    used = np.zeros_like(service.kwh)
    np.add.at(used, service.row, out)
    share = used / np.where(service.kwh > 0, service.kwh, 1.0)
    # A row served but for a hair is served whole.
    out = out / np.where(share > 1 - HAIR, share, 1.0)[service.row]
    # What is too small to tell from arithmetic, beside what the row wants, is none.
    tiny = 1e-7 * service.kwh[service.row]
    kept: Floats = np.where(out > tiny, out, 0.0)
    return kept


def subsidies(frame: Frame, choice: Ints, energy: Floats) -> Floats:
    """Return the public money paid by offer and year (PKR): what each case lacks, and no more.

    Without a viability gap nothing is paid and the table is empty. `energy` is by pair and slice
    (kWh/day).
    """
    program, service = frame.program, frame.service
    if program.gap is None:
        return np.zeros((0, 0))
    offers = program.options.offer
    need, cap = program.instance.offer_cost, caps_of(program.instance, program.gap)
    paid = np.zeros((len(need), offers.shape[1]))
    so_far = np.zeros(frame.sites)
    for t in range(offers.shape[1]):
        earned = np.zeros(frame.sites)
        for s, one in enumerate(program.slices):
            if one.year == t:
                sold = energy[:, s] * service.margin[service.row] * one.probability
                np.add.at(earned, service.site, sold)
        standing = offers[choice, t]
        standing = standing[standing >= 0]
        site = program.instance.offer_site[standing]
        lacks = np.clip(need[standing] - earned[site], 0.0, cap[standing])
        lacks = np.where(lacks > ROUNDING * need[standing], lacks, 0.0)
        so_far[site] = np.maximum(so_far[site], lacks)
        paid[standing, t] = so_far[site]
    return paid
