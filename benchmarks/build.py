"""Compare the seconds that the package and spopt take to build the maximal covering model in PuLP.

For the goal, spopt (which requires PuLP below 4) starts from a dense matrix of minutes, and the
package from its own instance. Both are in memory. The time of the package from a user's three
tables, with checks, is shown too. The model opens ten facilities of cost 1, because spopt has no
budget. Both models are then solved, and neither plan may exceed the bound of the other model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import cover_city
from benchmarks.asked import Asked
from benchmarks.measure import cpu_seconds, median_watch
from benchmarks.record import Finding, Line, ratio

SITES = 10  # facilities to open
GAP = 0.005


def measure(asked: Asked) -> Finding:
    """Measure row 9."""
    name, limit_s = asked.size("S", "tiny"), asked.stretched(60)
    size = cover_city.size_of(name)
    finding = Finding(
        "build", f"building maximal covering, {size.sites:,} sites × {size.demands:,} demands"
    )
    ours = finding.add(
        "siting, from three tables",
        asked.call("benchmarks.build:by_siting", 4 * limit_s, name=name, limit_s=limit_s),
    )
    theirs = finding.add(
        "spopt, from a dense matrix",
        asked.call(
            "benchmarks.peer_spopt:build", 6 * limit_s, name=name, limit_s=limit_s,
            needs=("spopt",),
        ),
    )  # fmt: skip
    finding.figures = {"build_over_spopt": None}
    if ours is None:
        return finding
    finding.lines.insert(
        0,
        Line(
            "siting, from its instance", ours["model_s"], ours["model_wall_s"], found=ours["found"]
        ),
    )
    finding.expect_bound("bound of ours", ours["value"], ours["bound"])
    if theirs is not None:
        finding.figures["build_over_spopt"] = ratio(theirs["cpu_s"], ours["model_s"])
        finding.notes.append(
            f"Starting from tables, the ratio is {theirs['cpu_s'] / ours['cpu_s']:.0f}."
        )
        finding.expect_bound("bound of ours, over spopt's plan", theirs["value"], ours["bound"])
        if theirs["proven"]:
            finding.expect_bound(
                "spopt's plan and its gap, over our plan", ours["value"],
                theirs["value"] * (1 + GAP),
            )  # fmt: skip
        finding.notes.append(
            f"spopt {theirs['version']} used PuLP {theirs['pulp']}. Solving its model with CBC to "
            f"{GAP:.1%} took another {theirs['solve_s']:.1f} CPU s, and ours {ours['solve_s']:.1f}."
        )
    return finding


def by_siting(name: str, limit_s: float) -> dict[str, Any]:
    """Time the steps from tables to the model, and then solve the model."""
    import pandas as pd

    from siting.classics import PlainInstance, mclp, solve_classic

    size = cover_city.size_of(name)
    of = cover_city.arrays(size)
    pairs = of.minutes.tocoo()
    demand_id = np.array([f"d{i:06d}" for i in range(size.demands)], dtype=object)
    site_id = np.array([f"s{j:06d}" for j in range(size.sites)], dtype=object)
    demand = pd.DataFrame({"demand_id": demand_id, "weight": of.weight})
    sites = pd.DataFrame({"site_id": site_id})
    reach = pd.DataFrame(
        {"demand_id": demand_id[pairs.row], "site_id": site_id[pairs.col], "cost": pairs.data}
    )

    def work() -> Any:
        plain = PlainInstance.from_tables(demand, sites, reach)
        return plain, mclp(plain, SITES, size.minutes)

    seen, (plain, program) = median_watch(work)
    alone, _ = median_watch(lambda: mclp(plain, SITES, size.minutes))
    began = cpu_seconds()
    answer = solve_classic(
        plain, "mclp", p=SITES, radius=size.minutes, gap=GAP, time_limit_s=limit_s, threads=1
    )
    rows = program.prob.numConstraints()
    return seen.facts(
        model_s=alone.cpu_s,
        model_wall_s=alone.wall_s,
        solve_s=cpu_seconds() - began,
        value=answer.objective,
        bound=answer.proof.bound,
        found=f"{rows:,} rows",
    )
