"""What a city of a nation is asked, worked out where an executor puts it: facts, plans, its folder.

Each function takes one task and returns one row of plain values; errors are returned, not raised,
so that one city cannot stop the others.
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from siting.config import Config, to_yaml
from siting.config.limits import Envelope
from siting.errors import InfeasibleError, SitingError
from siting.program.limits import Limit
from siting.study.answered import bare_outcome
from siting.study.ask import MILLION, program_of
from siting.study.other_plans import Effort
from siting.study.pipeline import Study
from siting.study.runs import write_run

# Studies that a process keeps at hand: their tables take seconds, and a city is asked often.
MOST_KEPT = 4
# Two budgets, or two prices, this near to each other are one question.
NEAR = 2e-3
_kept: dict[str, Study] = {}
# As in `siting.batch.worker`: a worker of several threads takes one question at a time.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Ask:
    """One question to a city."""

    city: str
    purpose: str  # why it is asked: a split's name, `price`, `fill`, `trade`
    budget_pkr: float  # public money that its plan may draw
    # What a rupee has to bring (kWh/day); none: the most energy for the budget.
    price: float | None = None
    least_share: float = 0.0  # of its demand that it must serve
    least_stations: int = 0  # new ones that it must have
    # By name: money that some chargers may draw (PKR), and their groups.
    envelopes: Mapping[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def free(self) -> bool:
        """Whether it has no floors to keep."""
        return self.least_share == 0 and self.least_stations == 0

    def like(self, other: Ask, *, free: bool | None = None) -> bool:
        """Return whether another question is all but the same, for no more money."""
        if (self.price is None) != (other.price is None):
            return False
        if self.free != (other.free if free is None else free):
            return False
        if self.price is not None and other.price is not None:
            return abs(self.price - other.price) <= NEAR * self.price
        return self.budget_pkr * (1 - NEAR) <= other.budget_pkr <= self.budget_pkr + 1e-6

    def of(self, config: Config) -> Config:
        """Return the configuration that asks it."""
        program = config.program
        limits = program.limits
        kept = {
            name: Envelope.model_construct(budget_pkr=pkr, charger_groups=groups, rule="ceiling")
            for name, (pkr, groups) in self.envelopes.items()
        }
        limits = limits.model_copy(update={"envelopes": {**limits.envelopes, **kept}})
        more: dict[str, Any] = {
            "budget_pkr": self.budget_pkr,
            "limits": limits,
            "alternatives": None,
            "min_served_share": max(program.min_served_share, self.least_share),
        }
        if self.price is not None:
            gain = {"per_million": self.price * MILLION, "rule": "always"}
            more |= {"least_gain": program.least_gain.model_copy(update=gain), "then": ()}
        return config.model_copy(update={"program": program.model_copy(update=more)})


Row = dict[str, Any]


def _guarded(work: Callable[..., Row]) -> Callable[..., Row]:
    def guarded(*args: Any) -> Row:
        begun = time.perf_counter()
        try:
            with _one_at_a_time:
                row = work(*args)
        except InfeasibleError as err:
            row = {"status": "impossible", "error": str(err)}
        except SitingError as err:
            row = {"status": "failed", "error": str(err)}
        except Exception as err:
            where = traceback.extract_tb(err.__traceback__)[-1]
            text = f"{type(err).__name__}: {err} ({Path(where.filename).name}:{where.lineno})"
            row = {"status": "failed", "error": text}
        return row | {"seconds": round(time.perf_counter() - begun, 3)}

    return guarded


def _study(config: Config) -> Study:
    key = to_yaml(config)
    if key not in _kept:
        while len(_kept) >= MOST_KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[key] = Study(config)
    return _kept[key]


def facts(config: Config) -> Row:
    """Return what a city wants and could be served, and where; see `_facts`."""
    return _guarded(_facts)(config)


def answer(config: Config, ask: Ask, start: tuple[str, ...], limit_s: float, threads: int) -> Row:
    """Return what came of one question; see `_answer`."""
    return _guarded(_answer)(config, ask, start, limit_s, threads)


def write(
    config: Config, ask: Ask, start: tuple[str, ...], limit_s: float, threads: int, out: Path
) -> Row:
    """Write the run folder of a city for its money; see `_write`."""
    return _guarded(_write)(config, ask, start, limit_s, threads, out)


def _facts(config: Config) -> Row:
    """Return people, energy and vehicles of a city, and its cells (WKB, lon/lat) with demand.

    What is known of the energy it wants is returned where something else is at fault.
    """
    study = _study(config)
    row: Row = {"status": "optimal", "error": "", "title": config.title, "note": config.note}
    demand = study.demand
    kwh = demand["demand_kwh_day"].to_numpy(float)
    row |= {
        "people": float(study.cells["people"].sum()),
        "vehicles": float(study.energy["vehicles"].sum()),
        "demand_kwh_day": math.fsum(kwh),
        "reachable_kwh_day": math.fsum(kwh),
        "by_class": demand.groupby("vehicle_class", sort=False)["demand_kwh_day"].sum().to_dict(),
    }
    cells = study.cells[study.cells["cell_id"].isin(demand.loc[kwh > 0, "cell_id"])].to_crs(4326)
    middle = cells.geometry.representative_point()
    weight = np.maximum(cells["people"].to_numpy(float), 1e-9)
    row |= {
        "cells": dict(zip(cells["cell_id"].astype(str), cells.to_wkb()["geometry"], strict=True)),
        "lon": float(np.average(middle.x, weights=weight)),
        "lat": float(np.average(middle.y, weights=weight)),
    }
    try:
        near = study.instance.served_pairs
        ids = set(study.instance.demand_ids[np.asarray(near) > 0].astype(str))
        mine = demand["demand_id"].astype(str).isin(ids).to_numpy()
        row["reachable_kwh_day"] = math.fsum(kwh[mine])
    except SitingError as err:
        row |= {"status": "failed", "error": str(err)}
    return row


def _asked(config: Config, ask: Ask, limit_s: float, threads: int, start: tuple[str, ...]) -> Study:
    solver = {"time_limit_s": limit_s, "threads": min(threads, config.solver.threads)}
    asked = ask.of(config)
    asked = asked.model_copy(update={"solver": asked.solver.model_copy(update=solver)})
    study = _study(config).with_stages({}, asked)
    study.start = start
    return study


def _answer(config: Config, ask: Ask, start: tuple[str, ...], limit_s: float, threads: int) -> Row:
    """Return plan and bound of one question to a city.

    ``bound_kwh_day`` limits the energy of any plan for the budget; with a price, the energy less
    what the money for it has to bring.
    """
    study = _asked(config, ask, limit_s, threads, start)
    asked = study.asked
    program = program_of(asked)
    if ask.least_stations:
        instance = program.instance
        new = {str(o): 1.0 for o in instance.offer_ids[~instance.offer_existing]}
        need = float(ask.least_stations)
        program = program.limit(
            Limit("new stations", "number", "stations", math.inf, new, at_least=need)
        )
    found_answer = Effort(study.config).solve(program, start=start)
    found, _ = bare_outcome(asked, found_answer)
    classes = found.service.groupby("vehicle_class")["served_kwh_day"].sum()
    mean, _far = found.drives_min
    used = {str(one["limit"]): float(one["used"]) for one in found.limits}
    return {
        "status": found.status,
        "error": "",
        "served_kwh_day": found.served_kwh_day,
        "subsidy_pkr": found.subsidy_pkr,
        "cost_pkr": found.cost_pkr,
        "bound_kwh_day": found.proof.bound if math.isfinite(found.proof.bound) else math.nan,
        "new_stations": int((~program.instance.offer_existing[found_answer.standing]).sum()),
        "drives_min": mean,
        "offers": found.offers,
        "by_class": {str(k): float(v) for k, v in classes.items()},
        "envelopes": {name: used.get(name, 0.0) for name in ask.envelopes},
    }


def _write(
    config: Config, ask: Ask, start: tuple[str, ...], limit_s: float, threads: int, out: Path
) -> Row:
    """Return what a city's run folder says, once it stands."""
    study = _asked(config, replace(ask, price=None), limit_s, threads, start)
    plan = write_run(study, out, datetime.now().astimezone())
    return {
        "status": plan.outcome.status,
        "error": "",
        "served_kwh_day": plan.facts["objective_kwh_day"],
        "subsidy_pkr": plan.facts["subsidy_pkr"],
        "cost_pkr": plan.facts["cost_pkr"],
        "new_stations": plan.facts["new_stations"],
        "drives_min": plan.facts["mean_travel_min"],
        "by_class": {c["vehicle_class"]: c["served_kwh_day"] for c in plan.facts["classes"]},
    }
