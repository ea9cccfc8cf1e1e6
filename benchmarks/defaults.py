"""Solve the default program (need, waits, sizes, then cost to all) for real places, with both aims.

The package makes the study from its configuration, and solves it with two threads within a
wall-clock limit. `benchmarks.revalue` values every plan again.
"""

from __future__ import annotations

import math
from typing import Any

from benchmarks.asked import Asked, real_data
from benchmarks.measure import ROOT, watch
from benchmarks.programme import PEOPLE, PLACES, made_up
from benchmarks.record import Finding, Line

REAL = (
    "real-karachi-saddar", "real-karachi-landhi", "real-lahore-central", "real-islamabad-sectors",
)  # fmt: skip
SHARES = (0.0, 0.25, 1.0)  # shares of the configuration's budget
REAL_S, DEMO_S, CITY_S = 60.0, 40.0, 300.0
CITY_MONEY = (0, 20, 200, 1000)  # million rupees
WORST = ("energy_gap_pct", "cost_gap_pct", "late_s")
MILLION = 1e6
SHORT_S = 2.0
NEED = "offers.subsidy.rule=need"


def demo(asked: Asked) -> Finding:
    """Measure row 19: the embedded city, as in `siting demo`."""
    finding = Finding("demo", "the embedded city under the defaults")
    finding.figures = _figures(finding)
    config = str(ROOT / "configs" / "islamabad.yaml")
    limit_s = asked.stretched(asked.size(DEMO_S, SHORT_S))
    _measured(asked, finding, "the embedded city", config, [], limit_s)
    return finding


def places(asked: Asked) -> Finding:
    """Measure row 20: real places under the defaults, with three budgets each."""
    finding = Finding("places", "real places under the defaults")
    finding.figures = _figures(finding)
    if asked.short:
        config = made_up(asked, finding)
        if config is not None:
            _measured(asked, finding, "a small synthetic city", config, [NEED], SHORT_S)
        return finding
    if real_data() is None:
        why = "the extract is not available (SITING_TEST_DATA names its folder)"
        finding.lines.append(Line("siting", found=f"not measured: {why}"))
        return finding
    for place in REAL:
        for share in SHARES:
            config = str(ROOT / "configs" / f"{place}.yaml")
            what, limit_s = f"{place}, {share:.0%} of its public money", asked.stretched(REAL_S)
            _measured(asked, finding, what, config, [], limit_s, share)
    return finding


def city(asked: Asked) -> Finding:
    """Measure row 18: the synthetic city of row 13 under the defaults."""
    what = f"a synthetic city of {PEOPLE / 1e6:.0f} million people, {PLACES:,} places, by default"
    finding = Finding("default_city", what)
    finding.figures = _figures(finding)
    config = made_up(asked, finding)
    if config is None:
        return finding
    for money in asked.size(CITY_MONEY, (20,)):
        overrides = [NEED, f"program.budget_pkr={money * MILLION}"]
        limit_s = asked.stretched(asked.size(CITY_S, SHORT_S))
        _measured(asked, finding, f"PKR {money:,} m", config, overrides, limit_s)
    return finding


def _measured(
    asked: Asked, finding: Finding, what: str, config: str, overrides: list[str], limit_s: float,
    share: float = 1.0,
) -> None:  # fmt: skip
    """Add the line of a plan, and update the widest gaps and the longest delay."""
    done = asked.call(
        "benchmarks.defaults:answered", 3 * limit_s + 120, config=config,
        overrides=[*overrides, f"output.cache_dir={asked.folder / 'cache'}"],
        limit_s=limit_s, share=share,
    )  # fmt: skip
    value = finding.add(what, done)
    if value is None:
        return
    finding.lines[-1].found = value["found"]
    finding.wrong += [f"{what}: {line}" for line in value["broken"]]
    for name, key in zip(WORST, _figures(finding), strict=True):
        finding.figures[key] = max(finding.figures[key] or 0.0, value[name])


def _figures(finding: Finding) -> dict[str, float | None]:
    return dict.fromkeys(f"{finding.row}_{name}" for name in WORST)


def answered(config: str, overrides: list[str], limit_s: float, share: float) -> dict[str, Any]:
    """Make a plan with the defaults, and return the gaps of its aims."""
    from benchmarks.revalue import recounted
    from siting.study import Study
    from siting.study.to_program import answer_of

    study = Study(config, overrides)
    if share != 1.0:
        budget = f"program.budget_pkr={share * study.config.program.budget_pkr}"
        study = Study(config, [*overrides, budget])
    program = study.program
    with watch() as seen:
        answer = answer_of(program, study.config, limit_s)
    found = recounted(answer)
    energy, cost = (one.proof for one in answer.proofs)
    gaps = [100 * one.gap if math.isfinite(one.gap) else math.inf for one in (energy, cost)]
    return seen.facts(
        energy_gap_pct=gaps[0],
        cost_gap_pct=gaps[1],
        late_s=max(seen.wall_s - 1.1 * limit_s - 1, 0.0),
        broken=found.broken,
        found=f"{energy.objective:,.0f} kWh/day, gap {gaps[0]:.2f} %; PKR "
        f"{cost.objective / MILLION:,.1f} m a year, gap {gaps[1]:.2f} %; "
        f"{len(answer.offers)} stations",
    )
