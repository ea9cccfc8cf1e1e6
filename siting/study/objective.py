"""What a program counts, and the floors it holds, from the section ``program``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from siting.models import (
    ExponentialDecay,
    GaussianDecay,
    Instance,
    LinearDecay,
    Objective,
    StepDecay,
    objective_of,
)

if TYPE_CHECKING:
    from siting.study.pipeline import Study


def objective_for(study: Study, instance: Instance) -> Objective:
    """Return what counts: energy, people or sessions, with decay."""
    program = study.config.program
    unit = {"energy": "kWh/day", "people": "people", "sessions": "sessions/day"}[program.objective]
    return objective_of(
        instance,
        worth_of(study),
        unit,
        decay=_decay(program.decay),
        cutoff_min=study.config.reach.cutoff_min,
    )


def _decay(
    asked: Any,
) -> StepDecay | LinearDecay | ExponentialDecay | GaussianDecay | None:
    if asked is None:
        return None
    if asked.kind == "step":
        return StepDecay({float(minutes): factor for minutes, factor in asked.factors.items()})
    if asked.kind == "linear":
        return LinearDecay(asked.full_min, asked.end_min, asked.least)
    if asked.kind == "exponential":
        return ExponentialDecay(asked.scale_min)
    return GaussianDecay(asked.sigma_min)


def worth_of(study: Study) -> pd.Series | None:
    """Return the worth of a demand row served whole, by ``demand_id``; none: its energy."""
    kind = study.config.program.objective
    demand = study.demand
    if kind == "energy":
        return None
    if kind == "sessions":
        kwh = study.sessions.set_index("vehicle_class")["session_kwh"]
        worth = demand["demand_kwh_day"] / demand["vehicle_class"].map(kwh).astype(float)
    else:
        # A cell's people go with its demand: each class row stands for its share of them.
        people = demand["cell_id"].map(study.cells.set_index("cell_id")["people"]).astype(float)
        whole = demand.groupby("cell_id")["demand_kwh_day"].transform("sum")
        worth = people * demand["demand_kwh_day"] / whole
    return pd.Series(worth.to_numpy(dtype=float), index=demand["demand_id"].astype(str))


def factor_of(study: Study) -> Callable[[float], float] | None:
    """Return the decay once more, written anew for the recount."""
    decay = study.config.program.decay
    if decay is None:
        return None
    if decay.kind == "step":
        steps = sorted((float(k), float(v)) for k, v in decay.factors.items())
        return lambda minutes: next((v for k, v in reversed(steps) if minutes >= k), 1.0)
    if decay.kind == "linear":
        full, end, least = decay.full_min, decay.end_min, decay.least
        return lambda minutes: (
            1.0 - (1.0 - least) * min(max((minutes - full) / (end - full), 0.0), 1.0)
        )
    if decay.kind == "exponential":
        scale = decay.scale_min
        return lambda minutes: float(np.exp(-minutes / scale))
    sigma = decay.sigma_min
    return lambda minutes: float(np.exp(-(minutes**2) / (2 * sigma**2)))


def floors_of(study: Study) -> dict[str, float]:
    """Return the floor of each zone that has one."""
    program = study.config.program
    floors: dict[str, float] = {}
    zones = study.demand_zones
    if zones is not None and program.zone_floor > 0:
        floors = {str(zone): program.zone_floor for zone in sorted(zones.dropna().unique())}
    return floors | {str(k): float(v) for k, v in program.zone_floors.items()}
