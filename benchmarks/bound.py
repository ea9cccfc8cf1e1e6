"""Solve the linear relaxation of M with the package, and with HiGHS on all rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import cover_city
from benchmarks.asked import Asked
from benchmarks.measure import median_watch, watch
from benchmarks.record import Finding, ratio

# The package's bound must fall to within this share of the optimum.
ACCURACY = 5e-7


def measure(asked: Asked) -> Finding:
    """Measure row 6."""
    name = asked.size("M", "tiny")
    size = cover_city.size_of(name)
    finding = Finding("bound", f"relaxation of {size.sites:,} sites × {size.demands:,} demands")
    finding.figures = {"bound_over_interior": None, "bound_off": None}
    limit_s = asked.stretched(200)
    ours = finding.add(
        "siting, cuts by zone", asked.call("benchmarks.bound:by_siting", limit_s, name=name)
    )
    interior = finding.add(
        "HiGHS, interior point, no crossover",
        asked.call("benchmarks.bound:by_highs", limit_s, name=name, method="ipm"),
    )
    simplex = finding.add(
        "HiGHS, simplex",
        asked.call("benchmarks.bound:by_highs", limit_s, name=name, method="simplex"),
    )
    if ours is None:
        return finding
    for way, found in (("interior point", interior), ("simplex", simplex)):
        if found is not None:
            finding.expect(f"relaxation, ours and {way}", found["value"], ours["value"], 1e-6)
    if interior is not None:
        finding.figures = {
            "bound_over_interior": ratio(interior["cpu_s"], ours["cpu_s"]),
            "bound_off": abs(ours["value"] / interior["value"] - 1),
        }
    return finding


def by_highs(name: str, method: str) -> dict[str, Any]:
    """Time HiGHS on the relaxation with one row for each demand."""
    import highspy
    from scipy import sparse

    of = cover_city.arrays(cover_city.size_of(name))
    demands, sites = of.minutes.shape
    covers = sparse.csr_array(
        (np.full(of.pairs, -1.0), of.minutes.indices, of.minutes.indptr), shape=of.minutes.shape
    )
    rows = sparse.vstack(
        [
            sparse.hstack([covers, sparse.eye_array(demands)]),
            sparse.hstack([sparse.csr_array(of.cost[None, :]), sparse.csr_array((1, demands))]),
        ]
    ).tocsr()
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = sites + demands, demands + 1
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.col_cost_ = np.concatenate([np.zeros(sites), of.weight])
    lp.col_lower_, lp.col_upper_ = np.zeros(sites + demands), np.ones(sites + demands)
    lp.row_lower_ = np.full(demands + 1, -highspy.kHighsInf)
    lp.row_upper_ = np.concatenate([np.zeros(demands), [of.budget]])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = rows.indptr
    lp.a_matrix_.index_ = rows.indices
    lp.a_matrix_.value_ = rows.data
    model = highspy.Highs()
    for key, value in (
        ("output_flag", False), ("threads", 1), ("solver", method), ("run_crossover", "off")
    ):  # fmt: skip
        model.setOptionValue(key, value)
    model.passModel(lp)
    with watch() as seen:
        model.run()
    value = float(model.getInfo().objective_function_value)
    status = model.modelStatusToString(model.getModelStatus())
    return seen.facts(value=value, found=f"{value:,.2f} ({status})")


def by_siting(name: str) -> dict[str, Any]:
    """Time the package on the relaxation."""
    from benchmarks.covering import lp_bound
    from siting import Program
    from siting.engine.cover import covering_of

    instance = cover_city.instance(cover_city.arrays(cover_city.size_of(name)))
    covering = covering_of(Program(instance, "coverage"))
    seen, value = median_watch(lambda: lp_bound(covering, accuracy=ACCURACY))
    return seen.facts(value=value, found=f"{value:,.2f}")
