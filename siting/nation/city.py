"""Tasks for one city of a nation: compute its facts, make a plan, write the run folder.

Each task returns a row of results. A failed task returns its error, so that the other cities can
continue.
"""

from __future__ import annotations

import functools
import math
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from siting import settings
from siting.config import Config, to_yaml, with_keys
from siting.config.program import Envelope
from siting.engine.prices import bound_by_money, rupees_of
from siting.errors import InfeasibleError, SitingError
from siting.outcome import Outcome
from siting.plan import Plan
from siting.program.limits import Limit
from siting.program.slices import Years
from siting.study.other_plans import Effort
from siting.study.outcome_figures import bare_outcome
from siting.study.pipeline import Study
from siting.study.runs import write_run
from siting.study.to_program import DRIVES, MILLION, aims_of, program_of
from siting.tables import mean_drive_min

# Number of studies that a process caches; caching helps because a city is solved many times.
# Measured: the studies and programs of eleven synthetic cities (row 17) need 1.5 GB.
MOST_KEPT = 12
# Two solves count as equal if their budgets or prices differ by less than this share.
NEAR = 2e-3
_kept: dict[str, Study] = {}
# A worker process with several threads runs one solve at a time.
_one_at_a_time = threading.Lock()

Row = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """A solve of a city: find the best plan for a budget, or at given prices of public money."""

    city: str
    purpose: str  # reason for the solve, such as the name of a split, `price` or `fill`
    money: tuple[float, ...]  # public money for the plan (PKR); in a multi-year plan, for each year
    # Price of public money: the energy (kWh/day) that a rupee must add; in a multi-year plan, one
    # per year. If None, there is no price, and the plan serves the most energy that `money` allows.
    prices: tuple[float, ...] | None = None
    least_share: float = 0.0  # minimum share of the demand to serve
    least_stations: int = 0  # minimum number of new stations
    # Each envelope by name: its maximum amount (PKR) and the charger groups it applies to.
    envelopes: Mapping[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    rupee: bool = False  # whether to also return the dual price of each year's budget
    # Whether to use the remaining time to cut drive times; true only for the final plan.
    shorten: bool = False

    @property
    def budget_pkr(self) -> float:
        """Total public money over all years (PKR)."""
        return math.fsum(self.money)

    @property
    def free(self) -> bool:
        """Whether the solve sets no minimum share served and no minimum number of stations."""
        return self.least_share == 0 and self.least_stations == 0

    @property
    def told(self) -> Row:
        """The settings of the solve that are stored with its answer."""
        keys = ("city", "purpose", "budget_pkr", "money", "prices", "free")
        return {key: getattr(self, key) for key in keys}

    def like(self, other: Mapping[str, Any]) -> bool:
        """Return whether the answer of another solve of the city is also valid for this solve.

        `other` has at least the keys ``money``, ``prices`` and ``free`` of `told`. Both solves
        must set floors, or neither. Without prices, the other solve's money must be nearly equal
        and not higher. With prices, its prices must be nearly equal, and its money must not be
        lower, because a bound for a smaller budget does not hold for a larger one.
        """
        if (self.prices is None) != (other["prices"] is None) or self.free != other["free"]:
            return False
        if self.prices is not None:
            mine, theirs = np.array(self.prices), np.array(other["prices"])
            near = bool((abs(mine - theirs) <= NEAR * mine.max()).all())
            return near and covers(other["money"], self.money)
        mine, theirs = np.array(self.money), np.array(other["money"])
        return bool(((mine * (1 - NEAR) <= theirs) & (theirs <= mine + 1e-6)).all())

    def of(self, config: Config) -> Config:
        """Return the configuration with which the city is solved."""
        program = config.program
        kept = {
            name: Envelope.model_construct(budget_pkr=pkr, charger_groups=groups, rule="ceiling")
            for name, (pkr, groups) in self.envelopes.items()
        }
        more: dict[str, Any] = {
            "budget_pkr": self.budget_pkr,
            "alternatives": None,
            "limits.envelopes": {**program.limits.envelopes, **kept},
            "min_served_share": max(program.min_served_share, self.least_share),
        }
        if not self.shorten:
            more["then"] = tuple(aim for aim in program.then or () if aim not in DRIVES)
        if program.years is not None:
            years = list(program.years.budgets_pkr)
            more["years.budgets_pkr"] = dict(zip(years, self.money, strict=True))
        if self.prices is not None:
            more |= {"least_gain.per_million": self.prices[0] * MILLION, "then": ()}
            more |= {"least_gain.rule": "always", "least_gain.money": "subsidy_pkr"}
            if program.years is not None:
                # Reported energy is a mean over the years; the program has a weighted sum.
                each = MILLION * math.fsum(weights_of(config))
                more["least_gain.per_million_by_year"] = {
                    year: price * each for year, price in zip(years, self.prices, strict=True)
                }
        return with_keys(config, {f"program.{key}": value for key, value in more.items()})


def covers(money: Iterable[float], other: Iterable[float]) -> bool:
    """Return whether the amount `money` (PKR) is at least as large as `other` in every year."""
    return all(one >= two - 1.0 for one, two in zip(money, other, strict=True))


def given_up(config: Config) -> float:
    """Return the share of energy that a final plan may sacrifice for shorter drive times."""
    return settings.KEPT * config.solver.gap if {*DRIVES} & {*aims_of(config)} else 0.0


def weights_of(config: Config) -> tuple[float, ...]:
    """Return the weight of each year's energy in a city's program; 1 for a single-year plan."""
    asked = config.program.years
    return (1.0,) if asked is None else Years.of(**asked.model_dump()).weights


def _guarded(work: Callable[..., Row]) -> Callable[..., Row]:
    @functools.wraps(work)
    def guarded(*args: Any) -> Row:
        begun = time.perf_counter()
        try:
            with _one_at_a_time:
                row = work(*args)
        except SitingError as err:
            status = "impossible" if isinstance(err, InfeasibleError) else "failed"
            row = {"status": status, "error": str(err)}
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


@_guarded
def facts(config: Config) -> Row:
    """Return the facts of a city: people, demand, vehicles, and cells with demand (WKB, lon/lat).

    The demand is returned even if other tables are invalid. In a multi-year plan, it is the mean
    over the years, weighted as in the city's program.
    """
    return facts_of(_study(config))


def facts_of(study: Study) -> Row:
    """Return the facts of a city from its study; see `facts`."""
    config = study.config
    row: Row = {"status": "optimal", "error": "", "title": config.title, "note": config.note}
    demand = study.demand
    kwh = demand["demand_kwh_day"].to_numpy(float)
    years = config.program.years
    tables = [demand] if years is None else [
        study.in_other(year=year).demand for year in years.budgets_pkr
    ]  # fmt: skip
    weights = np.array(weights_of(config)) / math.fsum(weights_of(config))
    wanted = [math.fsum(one["demand_kwh_day"]) for one in tables]
    parts = [
        one.groupby("vehicle_class", sort=False)["demand_kwh_day"].sum() * weight
        for one, weight in zip(tables, weights.tolist(), strict=True)
    ]
    by_class = pd.concat(parts, axis=1).reindex(parts[-1].index).fillna(0.0).sum(axis=1)
    cells = study.cells[study.cells["cell_id"].isin(demand.loc[kwh > 0, "cell_id"])].to_crs(4326)
    middle = cells.geometry.representative_point()
    weight = np.maximum(cells["people"].to_numpy(float), 1e-9)
    row |= {
        "people": float(study.cells["people"].sum()),
        "vehicles": float(study.energy["vehicles"].sum()),
        "demand_kwh_day": math.fsum(weights * wanted),
        "reachable_kwh_day": math.fsum(weights * wanted),
        "wanted_by_year": wanted,
        "reachable_by_year": wanted,
        "by_class": by_class.to_dict(),
        "cells": dict(zip(cells["cell_id"].astype(str), cells.to_wkb()["geometry"], strict=True)),
        "lon": float(np.average(middle.x, weights=weight)),
        "lat": float(np.average(middle.y, weights=weight)),
    }
    try:
        instance = study.instance
        # `served_pairs` is false for rows of 0 kWh/day, so every row gets a demand of 1 here.
        last = replace(instance, demand_kwh=np.ones(len(instance.demand_kwh)))
        ids = set(instance.demand_ids[last.served_pairs].astype(str))
        reachable = [
            math.fsum(one.loc[one["demand_id"].astype(str).isin(ids), "demand_kwh_day"])
            for one in tables
        ]
        row |= {"reachable_by_year": reachable, "reachable_kwh_day": math.fsum(weights * reachable)}
    except SitingError as err:
        row |= {"status": "failed", "error": str(err)}
    return row


def asked_of(config: Config, ask: Ask, limit_s: float, threads: int) -> Config:
    """Return the configuration for a solve of a city, with `limit_s` as the time limit."""
    threads = min(threads, config.solver.threads)
    return with_keys(ask.of(config), {"solver.time_limit_s": limit_s, "solver.threads": threads})


def _asked(config: Config, ask: Ask, limit_s: float, threads: int, start: tuple[str, ...]) -> Study:
    study = _study(config).with_stages({}, asked_of(config, ask, limit_s, threads))
    study.start = start
    return study


@_guarded
def answer(config: Config, ask: Ask, start: tuple[str, ...], limit_s: float, threads: int) -> Row:
    """Return the plan and the bound that a solve of a city finds.

    ``bound_kwh_day`` is an upper bound on the energy of any plan or, if the solve has prices, on
    ``energy - price * money``.
    """
    study = _asked(config, ask, limit_s, threads, start)
    asked = study.asked
    program = program_of(asked)
    if ask.least_stations:
        instance = program.instance
        new = {str(o): 1.0 for o in instance.offer_ids[~instance.offer_existing]}
        need = float(ask.least_stations)
        least = Limit("new stations", "number", "stations", math.inf, new, at_least=need)
        program = program.limit(least)
    found_answer = Effort(study.config).solve(program, start=start)
    outcome, _ = bare_outcome(asked, found_answer)
    whole = math.fsum(weights_of(config))
    bound = outcome.proof.bound / whole
    rupees = np.zeros(0)
    if ask.rupee:
        rupees = rupees_of(program, limit_s=limit_s, seed=asked.config.solver.seed) / whole
    used = {str(one["limit"]): float(one["used"]) for one in outcome.limits}
    return {
        "status": outcome.status,
        "error": "",
        **_figures(study, outcome),
        "subsidy_pkr": outcome.subsidy_pkr,
        "cost_pkr": outcome.cost_pkr,
        "bound_kwh_day": bound if math.isfinite(bound) else math.nan,
        "new_stations": found_answer.new_stations,
        "offers": _as_built(outcome),
        "rupee": rupees.tolist(),
        "envelopes": {name: used.get(name, 0.0) for name in ask.envelopes},
    }


@_guarded
def bound(config: Config, ask: Ask, limit_s: float) -> Row:
    """Return a bound on a city's energy that holds for every choice of yearly budgets.

    The bound follows from the relaxations of the solve's program. ``bound_kwh_day`` is an upper
    bound on ``energy - price * money`` at the row's ``prices``: dual prices plus the solve's own
    prices, if it has any. The status is ``none`` if the relaxations prove no such bound.
    """
    asked = _asked(config, ask, limit_s, 1, ()).asked
    seed, whole = asked.config.solver.seed, math.fsum(weights_of(config))
    found = bound_by_money(program_of(asked), limit_s=limit_s, seed=seed)
    if found is None:
        return {"status": "none", "error": ""}
    level, rates = found
    prices = tuple((rates / whole + np.array(ask.prices or 0.0)).tolist())
    return {"status": "bound", "error": "", "bound_kwh_day": level / whole, "prices": prices}


@_guarded
def write(
    config: Config, ask: Ask, start: tuple[str, ...], limit_s: float, threads: int, out: Path
) -> Row:
    """Write the run folder of a city's final plan, and return the plan's row."""
    study = _asked(config, ask, limit_s, threads, start)
    plan, _ = write_run(study, out, datetime.now().astimezone())
    return written_row(study, plan)


def written_row(study: Study, plan: Plan) -> Row:
    """Return the figures of a city's run that the nation's tables use."""
    told = {key: plan.facts[key] for key in ("subsidy_pkr", "cost_pkr", "new_stations")}
    return {"status": plan.outcome.status, "error": "", **_figures(study, plan.outcome), **told}


def _as_built(outcome: Outcome) -> tuple[str, ...]:
    """Return the offers of the last year in building order; later solves start from them."""
    first = outcome.built.drop_duplicates("site_id")["site_id"].to_list()
    site = outcome.built.drop_duplicates("offer_id").set_index("offer_id")["site_id"]
    return tuple(sorted(outcome.offers, key=lambda offer: first.index(site[offer])))


def _figures(study: Study, outcome: Outcome) -> Row:
    """Return the figures of a plan: energy, public money, new stations and mean drive time."""
    weights = outcome.slices.set_index("slice")["weight"] / outcome.slices["weight"].sum()
    rows = outcome.services
    kwh = rows["served_kwh_day"] * rows["slice"].map(weights).astype(float)
    offers = study.offers
    before = set(offers.loc[offers["existing"].astype(bool), "site_id"].astype(str))
    new = outcome.built[~outcome.built["site_id"].astype(str).isin(before)]
    return {
        "served_kwh_day": math.fsum(kwh),
        "served_by_year": outcome.served["served_kwh_day"].astype(float).tolist(),
        "drawn_by_year": outcome.money["spent_pkr"].astype(float).tolist(),
        "new_by_year": [int((new["slice"] == name).sum()) for name in outcome.slices["slice"]],
        "drives_min": mean_drive_min(kwh, rows["travel_min"]),
        "by_class": {str(k): float(v) for k, v in kwh.groupby(rows["vehicle_class"]).sum().items()},
    }
