"""The classic models: names, parameters, and faults of a question."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np

from siting import settings
from siting.classics.plain import PlainInstance
from siting.engine.effort import Effort
from siting.errors import Fault, InputError, refuse
from siting.program.instance import Flags

ClassicModel = Literal[
    "mclp", "lscp", "p_median", "p_center", "facility_location", "capacitated_facility_location"
]
TAKES_P = ("mclp", "p_median", "p_center")
TAKES_RADIUS = ("mclp", "lscp")
UNITS = {
    "mclp": "weight",
    "lscp": "sites",
    "p_median": "weight x cost",
    "p_center": "cost",
    "facility_location": "cost",
    "capacitated_facility_location": "cost",
}


def check_classic(
    instance: PlainInstance,
    model: str,
    p: int | None,
    radius: float | None,
    effort: Effort,
) -> None:
    """Check a question; raise `InputError` with every fault."""
    models = get_args(ClassicModel)
    if model not in models:
        raise InputError("model", f"no model {model!r}", f"use {', '.join(models)}")
    faults = _number_faults(instance, model, p)
    of_radius = _radius_faults(model, radius)
    faults += [*of_radius, *effort.faults()]
    if not of_radius and model != "mclp":
        faults += _reach_faults(instance, math.inf if radius is None else radius)
    if model == "capacitated_facility_location":
        faults += _capacity_faults(instance)
    refuse(faults)


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
        what = f"is {p:,}, but there are {sites:,} candidates"
        return [Fault("p", what, f"give {sites:,} at most")]
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
        fix = "give it in the unit of the cost column"
        return [Fault("radius", f"missing: {model} needs one", fix)]
    if not (math.isfinite(radius) and radius >= 0):
        return [Fault("radius", f"is {radius}", "give a number of 0 or more")]
    return []


def _reach_faults(instance: PlainInstance, radius: float) -> list[Fault]:
    """Return which demands that must be served cannot be."""
    there = np.diff(instance.start) > 0
    nearest = np.full(len(there), math.inf)
    nearest[there] = instance.cost[instance.start[:-1][there]]
    far = instance.needed & there & (nearest > radius)

    def fault(where: str, which: Flags, what: str, fix: str) -> list[Fault]:
        text = f"{int(which.sum()):,} of {len(there):,} demands {what}"
        return [Fault(where, text, fix, tuple(instance.demand_ids[which]))] if which.any() else []

    mend = "add pairs or candidates for them, or drop them from demand"
    more = f"raise it to {nearest[far].max(initial=0):g} or more, or add candidates near them"
    return [
        *fault("reach", instance.needed & ~there, "can be served from no site", mend),
        *fault("radius", far, f"have no site within {radius:g}", more),
    ]


def _capacity_faults(instance: PlainInstance) -> list[Fault]:
    used = np.zeros(len(instance.site_ids), dtype=bool)
    used[instance.site] = True
    have, need = float(instance.capacity[used].sum()), float(instance.weight.sum())
    if have >= need * (1 - settings.EXACT):
        return []
    what = f"all sites together can serve {have:,.6g}, the demand is {need:,.6g}"
    return [Fault("candidates, capacity", what, f"add {need - have:,.6g} or more")]
