"""The assumptions behind a plan, what is proven about it, and the data that are missing."""

from __future__ import annotations

import re
from typing import Any

from siting.report.content import Shown
from siting.report.figure_text import figure, label, missing, number, percent, rupees, text_or
from siting.report.run_record import RunRecord

# Names of inputs shown to readers, by configuration key.
_INPUTS = {
    "roads.source": "Roads", "demand.people": "People",
    "demand.surfaces.places": "Places that draw drivers",
    "candidates.existing": "Existing stations", "candidates.sources": "Candidate places",
}  # fmt: skip
_UNSTATED = "not stated"
_DOUBTFUL = ("ASSUMPTION", "L")


def proof(run: RunRecord) -> list[Shown]:
    """Return what is proven about the plan, and the reason why the search stopped."""
    f, solver = run.facts, run.facts["solver"]
    served, bound = f["objective_kwh_day"], f["bound_kwh_day"]
    limit = f"{number(bound, 1)} kWh/day: no plan for this money serves more"
    if bound is None:
        limit = f.get("proof_text", "nothing proven")
    rows = [
        Shown("Status", f["status"], f["status_text"]),
        Shown("Energy served", served, f"{number(served, 1)} kWh/day"),
        Shown("Proven limit", bound, limit),
        Shown("Gap between the plan and the limit", f["gap"], percent(f["gap"], 2)),
        Shown("Gap requested", f["asked_gap"], percent(f["asked_gap"], 2)),
        Shown("Why the search stopped", f["stopped"], f["stopped"]),
        Shown("Model", f["model"], f["model"]),
    ]
    keys = {"name": ("Solver", ""), "time_limit_s": ("Time allowed", " s"), "seed": ("Seed", "")}
    for key, (what, unit) in keys.items():
        if not missing(solver.get(key)):
            rows.append(Shown(what, solver[key], f"{figure(solver[key])}{unit}"))
    return rows


def sources(run: RunRecord) -> list[dict[str, str]]:
    """Return one row per input: its kind, file, owner, licence, date and abbreviated SHA-256."""
    return [
        {
            "what": _input_of(str(row["key"])),
            "file": str(row.get("file") or row.get("query") or row["kind"]),
            "source": text_or(row["source"], _UNSTATED),
            "licence": text_or(row["licence"], _UNSTATED),
            "date": text_or(row.get("date"), text_or(row.get("retrieved"), _UNSTATED)),
            "saved": text_or(row.get("file_date")),
            "basis": text_or(row.get("basis")),
            "sha256": str(row.get("sha256") or "")[:12],
        }
        for row in run.facts["inputs"]
    ]


def _input_of(key: str) -> str:
    """Return the name shown to readers for an input of the configuration.

    >>> _input_of("candidates.sources.1"), _input_of("offers.lines")
    ('Candidate places', 'Offers lines')
    """
    stem = re.sub(r"\.\d+$", "", key)
    return _INPUTS.get(stem, label(stem.replace(".", " ")))


def decides(run: RunRecord) -> list[str]:
    """Return sentences on break-even values; the figure closest to break-even comes first."""
    return [str(row["text"]) for row in run.facts.get("break_evens", [])]


def assumptions(run: RunRecord) -> list[dict[str, Any]]:
    """Return every number on which the plan rests, with range, unit, source and confidence.

    The numbers with the largest effect on the net present value of the new stations come first.
    """
    moved = {
        (row["figure"], row["of"], row["table"]): row["swing_pkr"]
        for row in run.facts.get("figure_swings", [])
    }

    def swing(row: dict[str, Any]) -> float:
        return float(moved.get((row["figure"], text_or(row["of"]), row["table"]), 0.0))

    return [
        {
            **row,
            "range": _range(row),
            "moves": swing(row) / 1e6,
            "doubtful": row["confidence"] in _DOUBTFUL or missing(row["confidence"]),
            "source": text_or(row["source"], _UNSTATED),
        }
        for row in sorted(run.facts["assumptions"], key=swing, reverse=True)
    ]


def checks(run: RunRecord) -> list[dict[str, str]]:
    """Return the results of the independent check of the plan's figures."""

    def show(check: str, value: Any) -> str:
        whole = missing(value) or float(value) == int(float(value))
        return rupees(value) if check.endswith("PKR") else number(value, 0 if whole else 1)

    return [
        {"check": row["check"], **{key: show(row["check"], row[key]) for key in ("found", "limit")}}
        for row in run.facts["checks"]
    ]


def lacking(run: RunRecord) -> list[str]:
    """Return sentences on data that the run lacks and on results that it did not compute."""
    f, roads = run.facts, run.facts["roads"]
    lines = []
    if f["status"] != "optimal":
        lines.append(
            f"It is not proven that this plan is within {percent(f['asked_gap'], 2)} of the best, "
            f"because the search stopped ({f['stopped']}) with a gap of {percent(f['gap'], 2)}."
        )
    rows = sources(run)
    for what, key in (("owner", "source"), ("licence", "licence"), ("date", "date")):
        names = list(dict.fromkeys(row["what"].lower() for row in rows if row[key] == _UNSTATED))
        if names:
            lines.append(f"No {what} is stated for: {', '.join(names)}.")
    if "existing stations" not in {row["what"].lower() for row in rows}:
        lines.append("No layer of existing stations was given, so none are counted.")
    if run.settings["offers"]["feeders"] is None:
        lines.append(
            "No layer of feeders was given, so the spare power of the grid is one assumed figure "
            "for every place."
        )
    if run.settings["offers"]["lines"] is None:
        lines.append("No layer of 11 kV lines was given, so the distance to a line is assumed.")
    share = roads.get("maxspeed_share")
    if isinstance(share, int | float) and share < 1:
        lines.append(f"Only {percent(share)} of the street length has a speed limit in the data.")
    lost = roads.get("street_km_lost")
    if isinstance(lost, int | float) and lost > 0:
        rest = "are cut off from the rest of the network and were left out."
        lines.append(f"{figure(lost)} km of street {rest}")
    far = ~run.demand["in_network"].astype(bool)
    if far.any():
        kwh = number(run.demand.loc[far, "demand_kwh_day"].sum(), 1)
        lines.append(
            f"{number(int(far.sum()))} cells with a total demand of {kwh} kWh/day are too far from "
            "a road and cannot be served."
        )
    nothing = [
        label(row["vehicle_class"]).lower()
        for row in f["classes"]
        if row["demand_kwh_day"] > 0 and row["served_kwh_day"] <= 0
    ]
    if nothing:
        lines.append(f"No demand is served for: {', '.join(nothing)}.")
    if "payback_subsidised_years" not in run.sites.columns:
        lines.append("This run did not compute whether the stations earn back their cost.")
    if not f.get("alternatives"):
        lines.append("This run did not compute the next best place for each station.")
    straight = "Lines from a station to its cells are straight, but drives follow the roads."
    return [*lines, straight]


def _range(row: dict[str, Any]) -> str:
    low, high = row["low"], row["high"]
    if missing(low) or missing(high):
        return _UNSTATED
    return "fixed" if low == high else f"{figure(low)} – {figure(high)}"
