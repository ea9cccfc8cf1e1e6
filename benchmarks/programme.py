"""Solve programmes with all vehicle classes, six charger sets and increasing public money.

Row 13 is a synthetic city of Karachi's size, and row 14 has the real roads of Saddar, Karachi. The
package makes the study from files. Only the solve is measured, with two threads and a wall-clock
limit. For one of the sums the peer, HiGHS, solves the whole program in PuLP (``method: milp``) in
the same time. `benchmarks.revalue` values every plan again.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from benchmarks import city, made_city
from benchmarks.asked import Asked, real_data
from benchmarks.measure import ROOT, SAME_DRIVES, SAME_QUESTION, same_offers, watch
from benchmarks.record import Finding, Line

MILLION = 1e6
PEOPLE, PLACES, SEED = 16e6, 2000, 99
# Million rupees: requested gap (%).
CITY_GAPS = {200: 0.2, 500: 0.5, 1000: 1.5, 2000: 2.0}
SADDAR_GAP = 0.5
SADDAR_BUDGETS = tuple(range(30, 130, 10))
# The small city of the short run, and the factor on its money.
SMALL_SIDE, SMALL_PLACES, SMALL_PEOPLE, SMALL_MONEY = 50, 40, 250e3, 0.02
THREADS = 2
EXTRACT = "karachi/karachi_saddar_town_drive_20241231.osm.bz2"
STATIONS = "ev_chargers/pakistan_ev_chargers_ocm.csv"
CONFIG = """\
name: made-up-programme
title: A synthetic city's programme
year: 2030
roads:
  source: {kind: file, path: city.osm, licence: CC0, attribution: nobody}
  speeds: karachi_lahore
demand:
  city: karachi
  people: {kind: points, path: people.csv, source: made up, licence: CC0}
  cells: {shape: square, size_m: 500}
candidates:
  sources:
    - {kind: layer, path: places.csv, name_column: name, site_kind: fuel, source: made up}
offers:
  subsidy: {rule: share}
reach: {cutoff_min: 8}
program: {model: capacitated, budget_pkr: 100_000_000}
output: {runs_dir: runs, cache_dir: cache}
"""


def measure(asked: Asked) -> Finding:
    """Measure row 13."""
    finding = Finding("programme", "a programme for a synthetic city: all classes, six sets")
    finding.figures = {f"programme_{b}_gap_pct": None for b in CITY_GAPS}
    finding.figures["programme_late_s"] = None
    config = made_up(asked, finding)
    if config is None:
        return finding
    limit_s, late = asked.size(300, 2), []
    for budget, gap in CITY_GAPS.items():
        money = asked.size(1.0, SMALL_MONEY) * budget
        work = {"config": config, "overrides": [f"program.budget_pkr={money * MILLION:.0f}"]}
        peer = budget == 1000
        ours = compared(asked, finding, f"{money:,.0f} M", work, gap / 100, limit_s, peer=peer)
        if ours is not None:
            finding.figures[f"programme_{budget}_gap_pct"] = 100 * ours["gap"]
            late.append(ours["late_s"])
    finding.figures["programme_late_s"] = max(late) if late else None
    return finding


def saddar(asked: Asked) -> Finding:
    """Measure row 14."""
    finding = Finding("saddar", f"{saddar_name(asked)}, all classes and six charger sets, by money")
    finding.figures = {"saddar_gap_pct": None, "saddar_late_s": None}
    work = saddar_work(asked, finding)
    if work is None:
        return finding
    limit_s = asked.size(60, 2)
    gaps, late = [], []
    budgets = asked.size(SADDAR_BUDGETS, (30, 60))
    for budget in budgets:
        own = [*work["overrides"], f"program.budget_pkr={budget * MILLION:.0f}"]
        ours = compared(
            asked, finding, f"{budget} M", {**work, "overrides": own}, SADDAR_GAP / 100, limit_s,
            peer=budget == 60,
        )  # fmt: skip
        if ours is not None:
            gaps.append(100 * ours["gap"])
            late.append(ours["late_s"])
    if len(gaps) == len(budgets):
        finding.figures = {"saddar_gap_pct": max(gaps), "saddar_late_s": max(late)}
    return finding


# --- cities and places -------------------------------------------------------------------------


def made_up(asked: Asked, finding: Finding) -> str | None:
    """Write the synthetic city, and return its configuration, or None if the writing failed."""
    side, places, people = asked.size(
        (made_city.SIDE, PLACES, PEOPLE), (SMALL_SIDE, SMALL_PLACES, SMALL_PEOPLE)
    )
    folder = asked.folder / "programme"
    config = folder / "city.yaml"
    if not config.is_file():
        given = {"folder": str(folder), "side": side, "places": places, "people": people}
        done = asked.call("benchmarks.programme:prepare", 300, **given)
        if done.value is None:
            finding.add("making the files", done)
            return None
    return str(config)


def prepare(folder: str, side: int, places: int, people: float) -> dict[str, Any]:
    """Write the files of the synthetic city."""
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    city.write_files(root, side, places, SEED, people)
    (root / "city.yaml").write_text(CONFIG, encoding="utf-8")
    return {}


def saddar_name(asked: Asked) -> str:
    """Return the name of the place that a row about Saddar uses."""
    name: str = asked.size("Real roads of Saddar, Karachi", "a small synthetic city")
    return name


def saddar_work(asked: Asked, finding: Finding) -> dict[str, Any] | None:
    """Return the configuration of Saddar (in the short run, of the small city) with its overrides.

    If the extract is missing, it returns None and adds a note.
    """
    if asked.short:
        config = made_up(asked, finding)
        return None if config is None else {"config": config, "overrides": []}
    data = real_data()
    if data is None or not (data / EXTRACT).is_file():
        why = "the extract is not available (SITING_TEST_DATA names its folder)"
        finding.lines.append(Line("siting", found=f"not measured: {why}"))
        finding.notes.append(f"Not measured: {why}.")
        return None
    overrides = [
        f"roads.source.path={data / EXTRACT}",
        f"candidates.existing.path={data / STATIONS}",
        f"output.cache_dir={asked.folder / 'cache'}",
        "offers.subsidy.rule=share",
    ]
    whole = ROOT / "configs" / "real-karachi-saddar.yaml"
    return {"config": str(whole), "overrides": overrides}


# --- the package and its peer
# -------------------------------------------------------------------------


def compared(
    asked: Asked,
    finding: Finding,
    what: str,
    work: dict[str, Any],
    gap: float,
    limit_s: float,
    *,
    peer: bool,
) -> dict[str, Any] | None:
    """Solve a program, optionally with the peer too, check both results, and return the package's.

    Parameters
    ----------
    asked, finding
        The settings of the run, and the finding that gets lines, notes and wrong values. A missing
        plan is not a wrong value.
    what
        The program's name.
    work
        Arguments of `answered`: ``config``, ``overrides`` and, in a plan over years, ``years``.
    gap, limit_s
        Requested gap, and limit in wall seconds.
    peer
        Whether HiGHS solves the whole program too.
    """
    limit_s = asked.stretched(limit_s)
    call_s = 2 * limit_s + 240  # also for the work before and after the solve
    given = {**work, "gap": gap, "limit_s": limit_s}
    target = "benchmarks.programme:answered"
    ours = finding.add(f"siting, {what}", asked.call(target, call_s, **given))
    theirs = None
    if peer:
        theirs = finding.add(
            f"the PuLP program + HiGHS, {what}",
            asked.call(target, call_s, method="milp", memory_mb=16_000, **given),
        )
    if ours is None:
        return None
    if ours["value"] is not None:
        judge(finding, what, ours, theirs, gap)
    finding.notes.append(f"{what}: {ours['sizes']}.")
    return ours


def judge(
    finding: Finding, what: str, ours: dict[str, Any], theirs: dict[str, Any] | None, gap: float
) -> None:
    """Compare claimed values with recounted values, and each bound with each plan.

    Shorter drives may cost a fifth of the requested gap. A plan may therefore claim less than its
    stations could serve, but never more.
    """
    plans = [("ours", ours)]
    if theirs is not None and theirs["value"] is not None:
        plans.append(("HiGHS's", theirs))
    for whose, plan in plans:
        finding.expect(f"{what}, {whose}: rules that the plan breaks", [], plan["broken"])
        sign = -1 if plan["less"] else 1
        short = sign * (plan["value"] - plan["claimed"]) / plan["scale"]
        told = f"{plan['value']}, {plan['claimed']} claimed"
        right = -1e-5 <= short <= 0.2 * gap + 1e-5
        finding.expect(f"{what}, {whose}: value recounted ({told})", True, right)
        for bound_of, other in plans:
            if other["bound"] is None:
                continue
            short = sign * (plan["value"] - other["bound"]) / plan["scale"]
            text = f"{what}: bound of {bound_of} ({other['bound']}) on the plan {whose}"
            finding.expect(text, True, short <= 1e-5)


def answered(
    config: str,
    overrides: list[str],
    gap: float,
    limit_s: float,
    method: str = "exact",
    years: dict[str, list[float]] | None = None,
) -> dict[str, Any]:
    """Make the program of a study, time its solve, and value the plan again.

    Parameters
    ----------
    config, overrides
        The study.
    gap, limit_s, method
        As for `siting.solve`.
    years
        By year: million rupees (carried over) and share of the demand. None: as configured.
    """
    import pandas as pd

    from benchmarks.revalue import recounted
    from siting import solve
    from siting.errors import SolveError
    from siting.study import Study

    # With decay there is no second aim, because the goals were set without one.
    near = any(key.startswith("program.decay=") for key in overrides)
    same = [*SAME_QUESTION, same_offers(), *([] if near else [SAME_DRIVES])]
    program = Study(config, [*same, *overrides]).program
    instance = program.instance
    if years is not None:
        wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids)
        program = program.years(
            {int(year): money * MILLION for year, (money, _) in years.items()},
            {int(year): wanted * share for year, (_, share) in years.items()},
            carry_over=True,
        )
    sizes = (
        f"{len(instance.demand_ids):,} demand rows, {len(instance.site_ids):,} sites, "
        f"{len(instance.offer_ids):,} offers, {len(instance.reach_site):,} cell–site pairs, "
        f"{len(program.slices)} slice{'s' * (len(program.slices) != 1)}"
    )
    with watch() as seen:
        try:
            answer = solve(program, gap=gap, time_limit_s=limit_s, threads=THREADS, method=method)
        except SolveError as err:
            answer, why = None, str(err).splitlines()[0]
    late_s = max(seen.wall_s - 1.05 * limit_s - 1, 0.0)
    if answer is None:
        none = {"value": None, "bound": None, "gap": math.inf, "late_s": late_s}
        return seen.facts(**none, sizes=sizes, found=f"no plan: {why}")
    found, proof = recounted(answer), answer.proof
    less = program.all_aims[0].name == "least regret"
    # Regret may be 0, so its gap is divided by the energy served.
    scale = max(answer.served_kwh_day if less else abs(found.value), 1e-12)
    bound = proof.bound if math.isfinite(proof.bound) else None
    share = math.inf if bound is None else abs(bound - found.value) / scale
    told = f"gap {share:.2%}" + (" of the energy" if less else "")
    return seen.facts(
        value=found.value,
        broken=found.broken,
        claimed=proof.objective,
        bound=bound,
        gap=share,
        less=less,
        scale=scale,
        late_s=late_s,
        sizes=sizes,
        found=f"{found.value:,.0f} {proof.unit}, {told}, {proof.stopped}; "
        f"{len(answer.offers)} stations",
    )
