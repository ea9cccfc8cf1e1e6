"""The content of ``run.json``: the answer, its basis, and all that repeating it needs."""

from __future__ import annotations

import math
import platform
import sys
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from siting import __version__
from siting.engine.proof import far_in_words, is_far
from siting.plan import Plan, status_text
from siting.study.alternatives_text import Cards
from siting.study.binds import lines_that_bind, standing_line
from siting.study.earning import earnings, earnings_in_words, power_line, power_per_ev
from siting.study.pipeline import Study
from siting.study.read_sources import FAR, left_out
from siting.study.robustness import lines_beside
from siting.study.to_plan import CERTIFICATE

FORMAT = 3
PACKAGES = (
    "geopandas",
    "highspy",
    "networkx",
    "numpy",
    "osmnx",
    "pandas",
    "pulp",
    "pyogrio",
    "pyproj",
    "scipy",
    "shapely",
)
DOUBTFUL = ("ASSUMPTION", "L")


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table with None for blanks, as they are read again."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def _to_all(parts: pd.DataFrame | None) -> dict[str, float] | None:
    """Return the yearly cost of stations, drivers' time and both; None without that aim."""
    return None if parts is None else dict(zip(parts["part"], parts["pkr_year"], strict=True))


def with_facts(study: Study, plan: Plan, now: datetime) -> Plan:
    """Return the plan of a run made now: its facts are computed when they are first read."""
    return replace(plan, facts_of=partial(_run_facts, study, now))


def _run_facts(study: Study, now: datetime, plan: Plan) -> dict[str, Any]:
    """Return the contents of ``run.json``, in the order a person reads them."""
    s = plan.outcome
    config = study.config
    mean_min, p90_min = (None if math.isnan(one) else one for one in s.drives_min)
    cards = study.cards
    gain = earnings(config, plan, cards.lost)
    # The certificate's prices, which show binding limits, use the time left.
    beside = lines_beside(study)
    power = power_per_ev(config, plan, study.compatibility, study.energy)
    told = (
        *s.lines,
        *lines_that_bind(study.places_used, study.binding),
        *power_line(power),
        *standing_line(study.standing_sales),
        *beside,
    )
    return {
        "format": FORMAT,
        "siting": __version__,
        "name": config.name,
        "title": config.title,
        "note": config.note,
        "year": config.year,
        "written": now.isoformat(timespec="seconds"),
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
        # Other aims have their own proofs; the energy then has none.
        "bound_kwh_day": s.bound_kwh_day,
        "proof_text": str(s.proof),
        "gap": s.gap,
        "asked_gap": config.solver.gap,
        "far_from_proven": is_far(s.gap),
        "tie_break": s.tie_break,
        "budget_pkr": s.budget_pkr,
        "subsidy_pkr": s.subsidy_pkr,
        "cost_pkr": s.cost_pkr,
        "cost_to_all_pkr_year": _to_all(s.tables.get("cost_to_all")),
        "public_money": plan.money,
        "new_stations": len(plan.new_sites),
        "existing_stations": int(plan.sites["existing"].sum()),
        "served_share": plan.served_share,
        "places": study.places_used,
        "binding": study.binding,
        "standing_sales": study.standing_sales,
        # The deciding figures, the nearest first; and the effect of each alone, the largest first.
        "break_evens": _records(study.break_evens),
        "figure_swings": _records(study.figure_swings),
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
        # The further results for which there was time.
        "in_time": {k: n for k, n in study.spare.done.items() if k != CERTIFICATE},
        "alternatives": dict(cards.texts),
        # Energy lost without each new station, kWh/day: all else unchanged, and after a re-plan.
        "lost_without": cards.facts(),
        "gain_per_million_pkr": gain,
        "power_per_ev": power,
        "warnings": [
            *filter(None, [far_in_words(s.gap)]),
            *earnings_in_words(gain),
            *_untold(cards),
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
            "seed": config.solver.seed,
            "threads": config.solver.threads,
            "time_limit_s": config.solver.time_limit_s,
        },
        "peak_memory_mb": peak_memory_mb(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of `siting`, Python, platform and packages by name."""
    return {
        "siting": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **package_versions(),
    }


def _untold(cards: Cards) -> list[str]:
    """Return a warning if the cards had too little time; else nothing."""
    if not cards.blank:
        return []
    told = f"of the {len(cards.new):,} new stations, {cards.blank}"
    return [f"{told}; siting explain RUN SITE does it for one"]


def warnings_of(study: Study, plan: Plan) -> list[str]:
    """Return warnings that a reader of the plan must know, in plain words."""
    config = study.config
    lines = list(study.demand_notes)
    lines += [
        f"{key} gives no place and is left out: {what}"
        for key, what in study.empty_sources.itertuples(index=False)
    ]
    if config.sweep:
        lines.append("the section sweep was not used: only siting batch reads it")
    by_share = config.offers.service.rule == "rated_share"
    if by_share and config.program.model != "coverage":
        lines.append(
            "capacity is a share of the chargers' rated output (offers.service.rule: rated_share) "
            "and promises nothing about waiting; the default, waiting, plans for it"
        )
    for why, count in left_out(plan.dropped).items():
        where = f"{why} ({config.candidates.max_snap_m:g} m)" if why == FAR else why
        if count:
            lines.append(
                f"{count:,} places {where} were left out (layer dropped in plan.gpkg names them)"
            )
    ruled_out = plan.offers["reason"].fillna("").astype(str).str.strip() != ""
    if ruled_out.any():
        lines.append(f"{ruled_out.sum():,} offers were ruled out; offers.csv says why")
    able = plan.offers.loc[~ruled_out & ~plan.offers["existing"].astype(bool), "site_id"]
    if len(plan.new_sites) and set(able) <= set(plan.sites["site_id"]):
        spacing = [s.spacing_m for s in config.candidates.sources if s.kind == "streets"]
        wanted_m = max(50, round(min(spacing) / 3, -1)) if spacing else 1000
        lines.append(
            f"every one of the {able.nunique():,} places where a station can be built has one: "
            "nothing was chosen among them, and more places may serve more; add some to "
            f"candidates.sources, e.g. {{kind: streets, spacing_m: {wanted_m:g}}}"
        )
    if config.program.model == "coverage":
        over = plan.sites[plan.sites["use_share"] > 1]
        if len(over):
            lines.append(
                f"{len(over):,} stations would have to deliver more than their chargers can: the "
                "model coverage has no capacity; use model capacitated to size them"
            )
    share = study.network.report.get("share_lost")
    if share and share > 0.02:
        lines.append(f"{share:.1%} of the street length was cut off from the rest and left out")
    doubtful = int(study.assumptions["confidence"].isin(DOUBTFUL).sum())
    lines.append(f"{doubtful} figures are assumptions or weakly sourced; run.json lists them")
    return lines


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a plan depends on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # vendored or renamed: say so rather than fail a run
            versions[name] = "unknown"
    return versions


def peak_memory_mb() -> float | None:
    """Return the most memory this process has held, MB; ``None`` if unknown."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
