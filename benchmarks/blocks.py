"""Solve the blocks of the program on the real roads of Saddar, Karachi, together and alone.

Studies, peer and checks come from `benchmarks.programme`. The short run uses the same blocks in its
small synthetic city.
"""

from __future__ import annotations

import json
import math
from typing import Any

from benchmarks.asked import Asked
from benchmarks.programme import compared, saddar_name, saddar_work
from benchmarks.record import Finding

# Demand of each year as a share of the demand of 2030.
SHARES = {"2027": 0.35, "2028": 0.55, "2029": 0.75, "2030": 1.0}
DECAY = {"kind": "exponential", "scale_min": 5}
FUTURES = {
    "low": {"probability": 0.3, "case": "low"},
    "central": {"probability": 0.5},
    "high": {"probability": 0.2, "case": "high"},
}
# Fixed prices and rates of the viability gap, independent of the package's defaults.
MONEY = {
    "prices_pkr_kwh": {"lev": 120, "ac": 120, "dc": 120},
    "discount_rate": 0.15,
    "income_tax": 0,
}
# Configuration keys of each block alone; `GAPS` has the requested gaps.
ALONE: dict[str, dict[str, Any]] = {
    "years": {},
    "viability": {"offers.subsidy": {"rule": "gap"}, "money": MONEY},
    "decay": {"program.decay": DECAY},
    "number": {"program.limits": {"most_new_stations": 30}},
    "regret": {"program.scenarios": {"of": FUTURES, "criterion": "regret"}},
}
GAPS = {**dict.fromkeys(ALONE, 0.01), "regret": 0.02}
PEER = "years"


def together(asked: Asked) -> Finding:
    """Measure row 15: two runs of the package, one of them with a limit of a minute."""
    where = saddar_name(asked)
    title = f"{where}: years, floors, an envelope, a limit on stations and decay together"
    finding = Finding("together", title)
    finding.figures = {f"together_{k}": None for k in ("plan_s", "gap_pct", "late_s")}
    work = saddar_work(asked, finding)
    if work is None:
        return finding
    money, size_m, zone_floor, class_floor, most = asked.size(
        (120, 2500, 0.05, 0.3, 90), (60, 2500, 0.02, 0.1, 20)
    )
    blocks = {
        "program.budget_pkr": money * 1_000_000,
        "program.zones": {"kind": "grid", "size_m": size_m},
        "program.zone_floor": zone_floor,
        "program.class_floor": class_floor,
        "program.decay": DECAY,
        "program.limits": {
            "most_new_stations": most,
            "envelopes": {
                "lev": {"budget_pkr": 400_000 * money, "charger_groups": ["lev"]},
            },
        },
    }
    work = {
        "config": work["config"],
        "overrides": [*work["overrides"], *overrides_of(blocks)],
        "years": years_of(money),
    }
    limit_s = asked.size(60, 3)
    early = compared(asked, finding, "within a minute", work, 0.02, limit_s, peer=False)
    # On a busy machine the limit is stretched; seconds are scaled back to those of an idle machine.
    part = limit_s / asked.stretched(limit_s)
    late: list[float] = []
    if early is not None:
        late.append(early["late_s"])
        there = early["value"] is not None
        finding.figures["together_plan_s"] = early["wall_s"] * part if there else math.inf
    limit_s = asked.size(300, 4)
    ours = compared(asked, finding, "within five", work, 0.02, limit_s, peer=True)
    if ours is not None:
        finding.figures["together_gap_pct"] = 100 * ours["gap"]
        finding.figures["together_late_s"] = max([*late, ours["late_s"]])
    return finding


def alone(asked: Asked) -> Finding:
    """Measure row 16."""
    where = saddar_name(asked)
    finding = Finding("blocks", f"{where}: each block alone, PKR 60 M")
    finding.figures = {f"blocks_{name}_gap_pct": None for name in ALONE}
    finding.figures["blocks_late_s"] = None
    work = saddar_work(asked, finding)
    if work is None:
        return finding
    late = []
    for name, blocks in ALONE.items():
        put = {"program.budget_pkr": 60_000_000, **blocks}
        own: dict[str, Any] = {**work, "overrides": [*work["overrides"], *overrides_of(put)]}
        if name == "years":
            own["years"] = years_of(60)
        limit_s = asked.size(120, 2)
        ours = compared(asked, finding, name, own, GAPS[name], limit_s, peer=name == PEER)
        if ours is not None:
            finding.figures[f"blocks_{name}_gap_pct"] = 100 * ours["gap"]
            late.append(ours["late_s"])
    finding.figures["blocks_late_s"] = max(late) if late else None
    return finding


def overrides_of(blocks: dict[str, Any]) -> list[str]:
    """Return keys and values as overrides of a configuration."""
    return [f"{key}={json.dumps(value)}" for key, value in blocks.items()]


def years_of(money: float) -> dict[str, list[float]]:
    """Return by year the money (million PKR, equal in all years) and the share of the demand."""
    return {year: [money / len(SHARES), share] for year, share in SHARES.items()}
