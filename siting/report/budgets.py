"""The money against what there is: in all, by envelope, by year; and other limits of the plan."""

from __future__ import annotations

from typing import Any

from siting.report.figure_text import figure, label, rupees
from siting.report.run_record import RunRecord

# Of feeders there may be hundreds; these are the fullest.
MOST_FEEDERS = 12


def budget_bars(run: RunRecord) -> list[dict[str, Any]]:
    """Return one bar for the budget, or one a year, and one an envelope: used, there, per cent."""
    f = run.facts
    bars = []
    if run.years is not None:
        for row in run.years.years.to_dict("records"):
            there = row["budget_pkr"] + row["carried_pkr"]
            name = str(int(row["year"]))
            name += ", with what is left of earlier years" if row["carried_pkr"] > 0 else ""
            bars.append(_bar(name, row["spent_pkr"], there, "PKR"))
    elif f["aims"][:1] != ["least money"]:
        bars.append(_bar("Public budget", f["subsidy_pkr"], f["budget_pkr"], "PKR"))
    envelopes = [row for row in f.get("limits", []) if row["kind"] == "envelope"]
    bars += [_bar(r["limit"], r["used"], r["at_most"], r["unit"]) for r in envelopes]
    return bars


def other_limits(run: RunRecord) -> list[dict[str, Any]]:
    """Return one bar a limit that is not of money; of feeders the fullest."""
    rows = [row for row in run.facts.get("limits", []) if row["kind"] != "envelope"]
    bars = [
        _bar(r["limit"], r["used"], r["at_least"], r["unit"], "at least")
        if r["at_most"] is None
        else _bar(r["limit"], r["used"], r["at_most"], r["unit"], r["kind"])
        for r in rows
    ]
    feeders = sorted((b for b in bars if b["kind"] == "feeder"), key=lambda b: -b["percent"])
    return [b for b in bars if b["kind"] != "feeder"] + feeders[:MOST_FEEDERS]


def _bar(name: str, used: float, there: float, unit: str, kind: str = "") -> dict[str, Any]:
    """Return a bar with its numbers.

    >>> _bar("bikes", 3e6, 4e6, "PKR")["text"], _bar("F7", 30.0, 0.0, "kW")["percent"]
    ('PKR 3.00 m of PKR 4.00 m', 100.0)
    """
    share = used / there if there > 0 else float(used > 0)

    def say(value: float) -> str:
        return rupees(value) if unit == "PKR" else f"{figure(value)} {unit}"

    most = "at least " if kind == "at least" else ""
    return {
        "name": label(name),
        "kind": kind,
        "used": used,
        "there": there,
        "percent": 100 * share,
        "width": min(max(100 * share, 0.0), 100.0),
        "text": f"{say(used) if unit == 'PKR' else figure(used)} of {most}{say(there)}",
        "left": say(max(there - used, 0.0) if most else there - used),
    }
