"""What must hold of an instance and the numbers beside it before a classic model is solved."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np

from siting.classics.names import TAKES_P, TAKES_RADIUS, ClassicModel
from siting.classics.plain import PlainInstance
from siting.errors import Fault, InputError


def check_classic(
    instance: PlainInstance,
    model: str,
    p: int | None,
    radius: float | None,
    gap: float,
    time_limit_s: float,
    threads: int,
) -> None:
    """Raise `InputError` with every fault of what is asked.

    Parameters
    ----------
    instance, model, p, radius, gap, time_limit_s, threads
        As for `siting.classics.solve.solve_classic`.

    Raises
    ------
    InputError
        If there is any fault.
    """
    faults = []
    models = get_args(ClassicModel)
    if model not in models:
        raise InputError(Fault("model", f"no model {model!r}", f"use {', '.join(models)}"))
    faults += _number_faults(instance, model, p)
    faults += _radius_faults(model, radius)
    if not (math.isfinite(gap) and 0 <= gap < 1):
        faults.append(Fault("gap", f"is {gap}", "give a share of at least 0 and below 1"))
    if not (math.isfinite(time_limit_s) and time_limit_s > 0):
        faults.append(Fault("time_limit_s", f"is {time_limit_s}", "give seconds above 0"))
    if threads < 1:
        faults.append(Fault("threads", f"is {threads}", "give 1 or more"))
    if not any(fault.where == "radius" for fault in faults):
        faults += _reach_faults(instance, model, radius)
    if model == "capacitated_facility_location":
        faults += _capacity_faults(instance)
    if faults:
        raise InputError(faults)


def _number_faults(instance: PlainInstance, model: str, p: int | None) -> list[Fault]:
    if model not in TAKES_P:
        return [] if p is None else [Fault("p", f"plays no part in {model}", "leave it out")]
    sites, standing = len(instance.site_ids), int(instance.existing.sum())
    if p is None:
        return [Fault("p", f"missing: {model} needs a number of sites", f"give 1 to {sites:,}")]
    if isinstance(p, bool) or not isinstance(p, (int, np.integer)):
        return [Fault("p", f"is {p!r}", f"give a whole number from 1 to {sites:,}")]
    if p < 1:
        return [Fault("p", f"is {p:,}", f"give 1 to {sites:,}")]
    if p > sites:
        return [
            Fault("p", f"is {p:,}, but there are {sites:,} candidates", f"give {sites:,} at most")
        ]
    if p < standing:
        what = f"is {p:,}, but {standing:,} sites exist already, and they count"
        ids = tuple(instance.site_ids[instance.existing])
        return [Fault("p", what, f"give {standing:,} or more", ids)]
    return []


def _radius_faults(model: str, radius: float | None) -> list[Fault]:
    if model not in TAKES_RADIUS:
        what = f"plays no part in {model}"
        fix = "leave it out, or drop pairs beyond it from the reach table"
        return [] if radius is None else [Fault("radius", what, fix)]
    if radius is None:
        return [
            Fault("radius", f"missing: {model} needs one", "give it in the unit of the cost column")
        ]
    if not (math.isfinite(radius) and radius >= 0):
        return [Fault("radius", f"is {radius}", "give a number of 0 or more")]
    return []


def _reach_faults(instance: PlainInstance, model: str, radius: float | None) -> list[Fault]:
    """Return which demands that must be served cannot be."""
    if model == "mclp":
        return []
    count = np.diff(instance.start)
    alone = instance.needed & (count == 0)
    faults = []
    if alone.any():
        faults.append(
            Fault(
                "reach",
                f"{int(alone.sum()):,} of {len(count):,} demands can be served from no site",
                "add pairs or candidates for them, or drop them from demand",
                tuple(instance.demand_ids[alone]),
            )
        )
    if radius is not None:
        nearest = np.full(len(count), math.inf)
        nearest[count > 0] = instance.cost[instance.start[:-1][count > 0]]
        far = instance.needed & (count > 0) & (nearest > radius)
        if far.any():
            faults.append(
                Fault(
                    "radius",
                    f"{int(far.sum()):,} of {len(count):,} demands have no site within {radius:g}",
                    f"raise it to {nearest[far].max():g} or more, or add candidates near them",
                    tuple(instance.demand_ids[far]),
                )
            )
    return faults


def _capacity_faults(instance: PlainInstance) -> list[Fault]:
    used = np.zeros(len(instance.site_ids), dtype=bool)
    used[instance.site] = True
    have, need = float(instance.capacity[used].sum()), float(instance.weight.sum())
    if have >= need * (1 - 1e-9):
        return []
    what = f"all sites together can serve {have:,.6g}, the demand is {need:,.6g}"
    return [Fault("candidates, capacity", what, f"add {need - have:,.6g} or more")]
