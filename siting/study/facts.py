"""Collect the content of ``run.json``: the result, its basis, and the data to repeat the run."""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from siting import __version__
from siting.config import Config
from siting.config.program import LeastGain
from siting.engine.proof import far_in_words, is_far
from siting.export.values import plain
from siting.files import texts_of
from siting.manifest import RUN_FORMAT
from siting.outcome import Line
from siting.plan import Plan, status_text
from siting.study.binds import lines_that_bind, standing_line
from siting.study.pipeline import Study
from siting.study.read_sources import FAR, left_out
from siting.study.robustness import lines_beside
from siting.study.to_limits import power_for
from siting.study.to_plan import CERTIFICATE
from siting.study.to_program import MILLION
from siting.tables import may_be_built
from siting.texts import counted

PACKAGES = ("geopandas", "highspy", "networkx", "numpy", "osmnx", "pandas", "pulp", "pyogrio",
            "pyproj", "scipy", "shapely")  # fmt: skip
DOUBTFUL = ("ASSUMPTION", "L")
SHOWN = 5  # maximum number of ids in a warning
# EU requirement per battery-electric car, kW (Regulation (EU) 2023/1804, AFIR, article 3).
AFIR_KW = 1.3


def folder_for(config: Config, verb: str, now: datetime) -> Path:
    """Return a command's default folder: ``runs_dir/NAME-COMMAND-TIME``."""
    return config.output.runs_dir / f"{config.name}-{verb}-{now:%Y%m%d-%H%M%S}"


def head_of(config: Config, now: datetime | None = None) -> dict[str, Any]:
    """Return the first fields of a command's JSON file: version, study and time."""
    named = {name: getattr(config, name) for name in ("name", "title", "note", "year")}
    written = {} if now is None else {"written": now.isoformat(timespec="seconds")}
    return {"siting": __version__, **named, **written}


def with_facts(study: Study, plan: Plan, now: datetime) -> Plan:
    """Return the plan with facts that are dated `now`, and computed when they are first read."""
    return replace(plan, facts_of=partial(_run_facts, study, now))


def _run_facts(study: Study, now: datetime, plan: Plan) -> dict[str, Any]:
    """Return the contents of ``run.json``, in reading order."""
    s = plan.outcome
    config = study.config
    mean_min, p90_min = (None if math.isnan(one) else one for one in s.drives_min)
    to_all = s.tables.get("cost_to_all")
    cards = study.cards
    gain = earnings(config, plan, cards.lost)
    # `lines_beside` is called before `study.binding`, whose certificate uses up the spare time.
    beside = list(lines_beside(study))
    power = power_per_ev(study, plan)
    untold = f"some results on the new stations were {cards.blank}; siting explain RUN SITE "
    untold += "computes both results for one station"
    told = (
        *s.lines,
        *lines_that_bind(study.places_used, study.binding),
        *power_line(power),
        *standing_line(study.standing_sales),
        *beside,
    )
    return {
        "format": RUN_FORMAT,
        **head_of(config, now),
        "status": s.status,
        "status_text": status_text(s),
        "stopped": s.stopped,
        "model": s.model,
        "blocks": list(s.blocks),
        "aims": [one.aim for one in s.proofs],
        "aim": s.aim,
        "proof": vars(s.proof),
        "proofs": [{"aim": one.aim, **vars(one.proof)} for one in s.proofs],
        "headline": {one.field: {"label": one.label, "text": one.text} for one in told},
        "objective_kwh_day": s.served_kwh_day,
        "mean_travel_min": mean_min,
        "p90_travel_min": p90_min,
        # The bound is known only if energy is the first aim.
        "bound_kwh_day": s.bound_kwh_day,
        "proof_text": str(s.proof),
        "gap": s.gap,
        "asked_gap": config.solver.gap,
        "far_from_proven": is_far(s.gap),
        "tie_break": s.tie_break,
        **{name: getattr(s, name) for name in ("budget_pkr", "subsidy_pkr", "cost_pkr")},
        "cost_to_all_pkr_year": None if to_all is None else dict(to_all.to_numpy().tolist()),
        "public_money": plan.money,
        "new_stations": len(plan.new_sites),
        "existing_stations": int(plan.sites["existing"].sum()),
        "served_share": plan.served_share,
        "places": study.places_used,
        "binding": study.binding,
        "standing_sales": study.standing_sales,
        "break_evens": plain(study.break_evens.to_dict("records")),
        "figure_swings": plain(study.figure_swings.to_dict("records")),
        "classes": plan.classes.to_dict("records"),
        "demand": study.demand_facts,
        "sizes": {
            "nodes": len(study.network.nodes),
            "edges": len(study.network.edges),
            "cells": len(study.cells),
            "demand_rows": len(study.demand),
            "candidates": len(study.candidates),
            "offers": len(study.offers),
            "offers_shown": len(study.shown_offers),
            "reach_pairs": len(study.reach),
        },
        "limits": list(s.limits),
        "day": study.day,
        "what_if": study.what_if,
        "demand_range": study.demand_range,
        # By kind, the number of further results that were computed in time.
        "in_time": {k: n for k, n in study.spare.done.items() if k != CERTIFICATE},
        "alternatives": dict(cards.texts),
        "lost_without": cards.facts(),
        "gain_per_million_pkr": gain,
        "power_per_ev": power,
        "warnings": [
            *filter(None, [far_in_words(s.gap)]),
            *earnings_in_words(gain),
            *([untold] if cards.blank else []),
            *warnings_of(study, plan),
        ],
        "checks": plan.checks.to_dict("records"),
        "assumptions": study.assumptions.to_dict("records"),
        "inputs": study.inputs,
        "contents": study.contents,
        "roads": study.network.report,
        "seconds": dict(study.seconds),
        "solver": {
            "name": s.solver,
            "version": s.solver_version,
            "method": s.method,
            "seconds": dict(s.seconds),
            "nodes": sum(one.proof.nodes for one in s.proofs),
            **{name: getattr(config.solver, name) for name in ("seed", "threads", "time_limit_s")},
        },
        "peak_memory_mb": peak_memory_mb(),
        **versions(),
    }


def warnings_of(study: Study, plan: Plan) -> Iterator[str]:
    """Yield the warnings for readers of the plan, in plain words."""
    config = study.config
    yield from study.demand_notes
    for key, what in study.empty_sources.itertuples(index=False):
        yield f"{key} yields no place and is left out: {what}"
    if config.sweep:
        yield "the `sweep` section was not used, because only siting batch reads it"
    if config.offers.service.rule == "rated_share" and config.program.model != "coverage":
        yield (
            "capacity is a share of the chargers' rated output (offers.service.rule: rated_share) "
            "and promises nothing about waiting; the default rule (waiting) limits long waits"
        )
    for why, count in left_out(plan.dropped).items():
        where = f"{why} ({config.candidates.max_snap_m:g} m)" if why == FAR else why
        if count:
            verb, them = ("were", "them") if count > 1 else ("was", "it")
            told = f"{verb} left out (the dropped layer of plan.gpkg lists {them})"
            yield f"{counted(count, 'place')} {where} {told}"
    if ruled_out := int((texts_of(plan.offers, "reason") != "").sum()):
        verb = "were" if ruled_out > 1 else "was"
        yield f"{counted(ruled_out, 'offer')} {verb} ruled out; offers.csv gives the reasons"
    able = plan.offers.loc[may_be_built(plan.offers), "site_id"]
    if len(plan.new_sites) and set(able) <= set(plan.sites["site_id"]):
        spacing = [s.spacing_m for s in config.candidates.sources if s.kind == "streets"]
        wanted_m = max(50, round(min(spacing) / 3, -1)) if spacing else 1000
        count = able.nunique()
        places = f"every one of the {count:,} places" if count > 1 else "the only place"
        yield (
            f"{places} where a station can be built has a station, so the plan had no choice of "
            "places; a plan with more candidates may serve more energy: add places to "
            f"candidates.sources, e.g. {{kind: streets, spacing_m: {wanted_m:g}}}"
        )
    if config.program.model == "coverage" and len(over := plan.sites[plan.sites["use_share"] > 1]):
        their = "their" if len(over) > 1 else "its"
        yield (
            f"{counted(len(over), 'station')} would have to deliver more than {their} chargers "
            "can, because the coverage model ignores capacity; use the capacitated model to size "
            "stations"
        )
    if study.network.cut_off:
        yield study.network.cut_off
    doubtful = int(study.assumptions["confidence"].isin(DOUBTFUL).sum())
    if doubtful == 1:
        yield "1 figure is an assumption or has a weak source; run.json lists it"
    else:
        yield f"{doubtful} figures are assumptions or have weak sources; run.json lists them"


def versions() -> dict[str, Any]:
    """Return the software that a plan depends on: ``python``, ``platform`` and ``packages``."""
    packages = dict.fromkeys(PACKAGES, "unknown")
    for name in PACKAGES:
        with suppress(PackageNotFoundError):  # a vendored or renamed package must not stop a run
            packages[name] = version(name)
    python, system = platform.python_version(), platform.platform()
    return {"python": python, "platform": system, "packages": packages}


def peak_memory_mb() -> float | None:
    """Return the peak memory of this process (MB); ``None`` if unknown."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def earnings(config: Config, plan: Plan, lost: Mapping[str, float]) -> dict[str, Any]:
    """Return the gain (kWh/day per PKR m of subsidy) of the plan and of its weakest station.

    The gain of a station is the energy lost per PKR m if the station is not built and all else is
    unchanged. Keys: ``least_gain`` (the lowest ``program.least_gain`` of any year, or the default
    if the configured value applies to the cost), ``plan`` (energy that all new stations serve per
    PKR m), ``least_station`` (id of the weakest station), ``least`` (its gain) and ``below`` (ids
    of the stations below ``least_gain``). Empty if no new station draws public money or no loss is
    known.
    """
    new = plan.new_sites
    drawn = new.set_index(new["site_id"].astype(str))["subsidy_pkr"].astype(float) / MILLION
    drawn = drawn[drawn > 0]
    gain = pd.Series(dict(lost), dtype=float).reindex(drawn.index).dropna()
    if gain.empty:
        return {}
    rate = (gain / drawn[gain.index]).sort_values(kind="stable")
    asked = config.program.least_gain
    little = LeastGain() if asked.always and asked.money != "subsidy_pkr" else asked
    least = float(min((little.per_million_by_year or {0: little.per_million}).values()))
    return {
        "least_gain": least,
        "plan": float(new["served_kwh_day"].sum()) / float(drawn.sum()),
        "least_station": str(rate.index[0]),
        "least": float(rate.iloc[0]),
        # Allow for rounding errors: a station that just reaches the required gain is not listed.
        "below": [str(site) for site in rate.index[rate < least * (1 - 1e-6)]],
    }


def earnings_in_words(facts: Mapping[str, Any]) -> list[str]:
    """Return a list with a warning if new stations add little energy for their subsidy.

    >>> earnings_in_words({"least_gain": 10.0, "plan": 230.0, "least_station": "s0007",
    ...     "least": 4.9, "below": ["s0007"]})
    ['1 new station brings less than 10 kWh/day for each PKR m of public money: s0007 (the lowest, \
s0007, brings 4.9; the average of the plan is 230); program.least_gain can leave out such \
stations']
    """
    if not (below := list(facts.get("below", ()))):
        return []
    more = " …" if len(below) > SHOWN else ""
    verb = "stations bring" if len(below) > 1 else "station brings"
    return [
        f"{len(below):,} new {verb} less than {facts['least_gain']:g} kWh/day for each PKR m of "
        f"public money: {', '.join(below[:SHOWN])}{more} (the lowest, {facts['least_station']}, "
        f"brings {facts['least']:,.1f}; the average of the plan is {facts['plan']:,.0f}); "
        "program.least_gain can leave out such stations"
    ]


def power_per_ev(study: Study, plan: Plan) -> dict[str, Any]:
    """Return the charging power (kW) per electric vehicle of the classes ``limits.ev_classes``.

    Existing stations count. Keys: ``classes``, ``vehicles``, ``power_kw`` (for these classes),
    ``kw_per_ev`` and ``afir_kw`` (EU requirement per battery-electric car). Empty without vehicles.
    """
    classes, vehicles = list(study.config.program.limits.ev_classes), study.energy
    count = float(vehicles.loc[vehicles["vehicle_class"].isin(classes), "vehicles"].sum())
    if not count > 0:
        return {}
    kw = power_for(study.config, plan.offers, study.compatibility)
    power_kw = sum(kw.get(str(offer), 0.0) for offer in plan.sites["offer_id"])
    return {
        "classes": classes,
        "vehicles": count,
        "power_kw": power_kw,
        "kw_per_ev": power_kw / count,
        "afir_kw": AFIR_KW,
    }


def power_line(facts: Mapping[str, Any]) -> list[Line]:
    """Return the charging power per electric vehicle as a headline figure, if known.

    >>> power_line({"classes": ["car"], "vehicles": 5898.0, "power_kw": 2528.0,
    ...     "kw_per_ev": 0.4286, "afir_kw": 1.3})[0].text
    '0.43 kW for each of 5,898 EVs (car); the EU requires 1.3 kW for each battery-electric car \
(AFIR)'
    """
    if not facts:
        return []
    names = ", ".join(str(name).replace("_", " ") for name in facts["classes"])
    text = f"{facts['kw_per_ev']:.2f} kW for each of {facts['vehicles']:,.0f} EVs ({names}); the "
    text += f"EU requires {facts['afir_kw']:g} kW for each battery-electric car (AFIR)"
    return [Line("kw_per_ev", "Power for each EV", text)]
