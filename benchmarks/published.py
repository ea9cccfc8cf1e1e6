"""Solve the instances of Cordeau, Furini and Ljubic with 10⁴ to 10⁷ customers to a gap of 1e-6.

The time runs from drawing the customers to the proven optimum. It includes finding the facilities
that cover each customer, merging customers with the same facilities, and solving.
"""

from __future__ import annotations

from typing import Any

from benchmarks.asked import Asked
from benchmarks.measure import cpu_seconds, watch
from benchmarks.record import Finding

GAP = 1e-6
# Customers (power of ten), radius, budget: optimum for seed 1.
OPTIMA = {
    (4, 5.5, 10): 441_545,
    (4, 5.5, 15): 498_935,
    (4, 6.25, 10): 485_802,
    (5, 5.5, 10): 4_431_761,
    (5, 5.5, 15): 5_004_903,
    (5, 6.25, 10): 4_866_754,
    (6, 5.5, 10): 44_433_492,
    (6, 5.5, 15): 50_166_480,
    (6, 6.25, 10): 48_780_184,
    (7, 5.5, 10): 444_205_296,
}


def measure(asked: Asked) -> Finding:
    """Measure row 8."""
    finding = Finding("published", "published covering instances, seed 1, to 1e-6")
    finding.figures = {f"published_{k}": None for k in ("6_cpu_s", "7_cpu_s", "7_peak_mb", "wrong")}
    slowest: dict[int, tuple[float, float]] = {}
    missed = measured = 0
    for (power, radius, budget), optimum in OPTIMA.items():
        if asked.short and (power, budget) != (4, 15):
            continue
        limit_s = asked.stretched(60)
        found = finding.add(
            f"10^{power} customers, R {radius}, B {budget}",
            asked.call("benchmarks.published:by_siting", 3 * limit_s, customers=10**power,
                       radius=radius, budget=budget, limit_s=limit_s),
        )  # fmt: skip
        if found is None:
            continue
        measured += 1
        before = len(finding.wrong)
        what = f"optimum of 10^{power}, R {radius}, B {budget}"
        if found["gap"] <= GAP:
            finding.expect(what, float(optimum), found["value"], GAP)
        else:
            missed += 1
        finding.expect_bound(
            f"bound of 10^{power}, R {radius}, B {budget}", optimum, found["bound"]
        )
        missed += len(finding.wrong) > before
        seconds, memory = slowest.get(power, (0.0, 0.0))
        slowest[power] = max(seconds, found["cpu_s"]), max(memory, found["peak_mb"])
    for power in (6, 7):
        if power in slowest:
            finding.figures[f"published_{power}_cpu_s"] = slowest[power][0]
            finding.figures[f"published_{power}_peak_mb"] = slowest[power][1]
    if measured:
        finding.figures["published_wrong"] = float(missed)
    return finding


def by_siting(customers: int, radius: float, budget: int, limit_s: float) -> dict[str, Any]:
    """Time an instance from drawing it to its proven optimum."""
    from benchmarks.cfl_instances import cfl_covering
    from benchmarks.covering import solve_covering

    with watch() as seen:
        began = cpu_seconds()
        covering = cfl_covering(customers, radius, budget)
        made_s = cpu_seconds() - began
        answer = solve_covering(covering, gap=GAP, time_limit_s=limit_s)
    proof = answer.proof
    return seen.facts(
        value=proof.objective,
        bound=proof.bound,
        gap=proof.gap,
        found=f"{proof.objective:,.0f}, gap {proof.gap:.1e}; made in {made_s:.2f} CPU s, "
        f"{len(covering.weight):,} rows",
    )
