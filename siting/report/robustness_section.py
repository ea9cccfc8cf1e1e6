"""How the plan fares beside what it was made for: its day, other capacities, other demand."""

from __future__ import annotations

from typing import Any

from siting.report.content import Shown
from siting.report.figure_text import figure, label, number, percent, rupees
from siting.report.run_record import RunRecord

_CASES = {"planned": "As planned: those the plan serves", "free": "All, each to the quickest"}
_SHARES = ("out_of_reach_share", "turned_away_share", "late_share", "peak_late_share")


def robustness(run: RunRecord) -> dict[str, Any] | None:
    """Return the simulated day, what other circumstances do, and the range of the demand.

    None for a run of an earlier version, which has none of them.
    """
    facts = run.facts
    if not all(facts.get(key) for key in ("day", "what_if", "demand_range")):
        return None
    day, rows, draws = facts["day"], facts["what_if"], facts["demand_range"]
    cases = {} if day["why_not"] else _CASES
    return {
        "why_not": day["why_not"],
        "wait_min": figure(day["wait_min"]),
        "alpha": percent(day["alpha"]),
        "drivers": number(day["free"]["drivers_day"]) if cases else "",
        "days": [
            {
                "name": name,
                "exceeds": day[case]["exceeds"],
                "shares": [Shown(key, day[case][key], percent(day[case][key])) for key in _SHARES],
            }
            for case, name in cases.items()
        ],
        "use": [_use(row) for row in day.get("use", [])],
        "classes": [label(name) for name in rows[0]["classes"]],
        "at_risk": any((row.get("money") or {}).get("stations") for row in rows),
        "rows": [
            {"name": label(row["text"]), "why_not": row["why_not"]}
            if row["why_not"]
            else {
                "name": label(row["text"]),
                "why_not": "",
                "wanted": _kwh(row["demand_kwh_day"]),
                "served": _kwh(row["served_kwh_day"]),
                "share": Shown("share", row["served_share"], percent(row["served_share"])),
                # In another scenario a class may want nothing.
                "classes": [percent(row["classes"].get(name)) for name in rows[0]["classes"]],
                "money": _at_risk(row.get("money") or {}),
            }
            for row in rows
        ],
        "draws": number(draws["draws"]),
        "low": _kwh(draws["p05_kwh_day"]),
        "median": _kwh(draws["p50_kwh_day"]),
        "high": _kwh(draws["p95_kwh_day"]),
        "planned": _share(draws.get("planned_share")),
        "slow": _share(draws.get("slow_share")),
    }


def _use(row: dict[str, Any]) -> dict[str, Any]:
    """Return how long the ports of a charger group are in use on the simulated day."""
    limit = row["limit_share"]
    return {
        "name": label(row["name"]),
        "ports": number(row["ports"]),
        "limit": "none" if limit is None else percent(limit, 0),
        "shares": [Shown(c, row[f"{c}_share"], percent(row[f"{c}_share"])) for c in _CASES],
        "over": "" if limit is None else f"{number(row['places_over'])} of {number(row['places'])}",
    }


def _at_risk(money: dict[str, Any]) -> list[Shown]:
    """Return stations below NPV 0, the public money in them, and what losing ones lose a year."""
    if not money.get("stations"):
        return []
    below, paid = money["below_npv_0"], money["subsidy_below_npv_0_pkr"]
    loss = money["loss_pkr_year"]
    return [
        Shown("stations", below, f"{number(below)} of {number(money['stations'])}"),
        Shown("public money in them", paid, rupees(paid)),
        Shown("losses a year", loss, rupees(loss)),
    ]


def _kwh(value: float) -> Shown:
    return Shown("kWh/day", value, number(value))


def _share(value: float | None) -> Shown | None:
    return None if value is None else Shown("share of the draws", value, percent(value, 0))
