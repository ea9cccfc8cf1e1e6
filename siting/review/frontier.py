"""The best plan of a study for each of several budgets, with its bound."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from siting import export
from siting.config import even_steps, python_value, rupees_of_word, to_yaml
from siting.config.program import GridZones
from siting.engine.answer import AimProof, Answer
from siting.engine.proof import relative_gap
from siting.errors import InfeasibleError, InputError, listed, naming, refuse
from siting.interrupts import seen_through
from siting.review.solving import better_by, with_budget
from siting.study.facts import folder_for, head_of
from siting.study.other_plans import Effort
from siting.study.outcome_figures import bare_outcome
from siting.study.pipeline import Study
from siting.study.program_zones import gini, zone_of_cells, zone_of_demand, zone_table
from siting.study.robustness import risk_of, slow_of
from siting.study.stages import Report
from siting.study.stored_run import Source, study_of
from siting.study.to_program import program_of
from siting.writing import claimed_folder

MOST_BUDGETS = 200
# If the program has no zones, figures by zone are computed for grid squares.
SQUARES = GridZones(kind="grid")


def budgets_of(text: str) -> list[float]:
    """Return the budgets (PKR) in a string of the form ``low:high:count`` or ``a,b``.

    Raises `InputError` if the string has neither form, or a budget is invalid.

    >>> budgets_of("0:2e6:3")
    [0.0, 1000000.0, 2000000.0]
    >>> budgets_of("[5e6,1e6]"), budgets_of("1cr, 5m"), budgets_of("10 lakh:3m:2")
    ([1000000.0, 5000000.0], [5000000.0, 10000000.0], [1000000.0, 3000000.0])
    """
    fix = "give low:high:count, such as 20m:100m:5, or a list such as 20m,50m"
    try:
        steps = even_steps(text)
        if steps is None:
            parts = text.strip().removeprefix("[").removesuffix("]").split(",")
            steps = sorted({float(rupees_of_word(part)) for part in parts})
        budgets = [float(pkr) for pkr in steps]
    except ValueError as err:
        raise InputError("budgets", f"{text!r} is not a list of budgets", fix) from err
    odd = tuple(f"{pkr:g}" for pkr in budgets if not (np.isfinite(pkr) and pkr >= 0))
    if odd:
        raise InputError("budgets", "not an amount of PKR 0 or more", fix, odd)
    if not 2 <= len(budgets) <= MOST_BUDGETS:
        raise InputError("budgets", f"{len(budgets)} budgets", f"give 2 to {MOST_BUDGETS} budgets")
    return budgets


def frontier(run: Source, budgets_pkr: Sequence[float]) -> pd.DataFrame:
    """Return the figures and the bound of the best plan for each budget.

    Each solve starts from the plan for the next smaller budget, so a larger budget never has a
    worse plan. The bound for a budget also holds for every smaller budget. With the ``regret`` aim,
    a larger budget may have a worse plan, and each bound holds only for its own budget. If the plan
    has several years, each year keeps its share of the budget. Budgets without a feasible plan are
    left out.

    Parameters
    ----------
    run
        A study, a plan or a run folder. Its own budget is ignored.
    budgets_pkr
        The budgets (PKR).

    Returns
    -------
    DataFrame
        One row per budget, smallest first. The plan: ``budget_pkr``, ``served_kwh_day``,
        ``served_share``, ``bound_kwh_day`` (blank if energy is not the aim), ``objective``,
        ``bound`` and ``unit`` of the first aim, ``gap``, ``status``, ``new_stations``,
        ``subsidy_pkr``, ``cost_pkr``. The risk in ``risk_case``, a scenario with slower growth of
        the fleet: ``risk_stations`` (new stations with an NPV below 0), ``risk_subsidy_pkr`` (the
        subsidy of these stations), ``risk_loss_pkr_year`` (the yearly loss of stations that lose
        money). Fairness: ``worst_class_share`` and ``worst_zone_share`` (the lowest share served of
        any vehicle class and of any zone), ``gini`` (the Gini coefficient of the zones' shares
        served, weighted by demand). ``pkr_per_kwh_day`` is the extra subsidy per extra kWh/day,
        compared with the next smaller budget; blank if no extra energy is served. ``knee`` is true
        at the budget beyond which a further rupee serves clearly less. ``attrs["units"]`` has the
        units.

    Raises
    ------
    InputError
        If the study has no budget to vary.
    InfeasibleError
        If no budget has a feasible plan.
    """
    budgets = [python_value(pkr) for pkr in listed("budgets_pkr", python_value(budgets_pkr))]
    wrong = [pkr for pkr in budgets if not (isinstance(pkr, int | float) and 0 <= pkr < math.inf)]
    fix = "enter an amount of PKR 0 or more"
    refuse(naming("budgets_pkr", "not an amount of money", wrong, fix))
    if not budgets:
        raise InputError("budgets_pkr", "is empty", "give at least one budget in PKR")
    study = study_of(run)
    config, asked = study.config, study.asked
    if not asked.budgeted:
        what = "minimises public money first, so there is no budget to vary"
        fix = "leave it out, or put a different aim first in program.aims"
        raise InputError("program.least_cost", what, fix)
    rows: list[dict[str, Any]] = []
    demand = asked.last_demand
    zones = zone_of_demand(demand, zone_of_cells(config.program.zones or SQUARES, study.cells))
    wanted = demand.groupby("vehicle_class")["demand_kwh_day"].sum()
    start: tuple[str, ...] = study.start
    last: Answer | None = None
    impossible: InfeasibleError | None = None
    regret, slow = False, slow_of(study)
    for budget in sorted(budgets):
        given = with_budget(asked, budget)
        try:
            program = program_of(given)
            answer = Effort(config, study.solve_progress).solve(program, start=start)
        except InfeasibleError as err:
            impossible = err
            study.tell("frontier", f"PKR {budget / 1e6:,.1f} m: no plan meets the requirements")
            continue
        # Regret is measured from each budget's best plans, so no result holds for another budget.
        regret = program.all_aims[0].from_best
        if last is not None and not regret:
            answer = _no_worse(answer, last)
        last = answer
        outcome, _ = bare_outcome(given, answer)
        start, proof = outcome.offers, outcome.proof
        shares = zone_table(zones, demand, outcome.service, {})
        share, weight = (shares[c].to_numpy(float) for c in ("served_share", "demand_kwh_day"))
        served = outcome.service.groupby("vehicle_class")["served_kwh_day"].sum()
        rows.append(
            {
                "budget_pkr": float(budget),
                "served_kwh_day": outcome.served_kwh_day,
                "served_share": outcome.served_kwh_day / outcome.demand_kwh_day,
                "bound_kwh_day": outcome.bound_kwh_day,
                "objective": proof.objective,
                "bound": proof.bound,
                "unit": proof.unit,
                "gap": outcome.gap,
                "status": outcome.status,
                "new_stations": answer.new_stations,
                "subsidy_pkr": outcome.subsidy_pkr,
                "cost_pkr": outcome.cost_pkr,
                **risk_of(outcome, given, slow),
                "worst_class_share": float((served.reindex(wanted.index).fillna(0) / wanted).min()),
                "worst_zone_share": float(share.min()),
                "gini": gini(share, weight),
            }
        )
        study.tell("frontier", f"PKR {budget / 1e6:,.1f} m: {proof}")
    if impossible is not None and not rows:
        raise impossible
    if not regret:
        _share_bounds(rows, config.solver.gap, program.all_aims[0].less_is_better)
    table = pd.DataFrame(rows).astype({"bound_kwh_day": float})
    table["bound"] = table["bound"].where(np.isfinite(table["bound"]))
    more = table["served_kwh_day"].diff()
    table["pkr_per_kwh_day"] = (table["subsidy_pkr"].diff() / more).where(more > 1e-9)
    table["knee"] = np.arange(len(table)) == _knee(table)
    return export.with_units(table)


def frontier_to_folder(
    config: Path,
    budgets_pkr: Sequence[float],
    *,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    now: datetime,
    progress: Report | None = None,
) -> tuple[pd.DataFrame, Path]:
    """Return the frontier of a configuration, and the folder with its table and chart.

    `out`: the new or empty folder to write, by default ``runs_dir/NAME-frontier-TIME``. The other
    parameters are those of `frontier` and `siting.run`; `progress` also reports each budget.
    """
    study = Study(config, overrides, progress=progress, today=now.date())
    usual = folder_for(study.config, "frontier", now)
    with seen_through() as wish, claimed_folder(out, usual) as (folder, place):
        table = frontier(study, budgets_pkr)
        wish.at_stake = True
        note = " ".join(filter(None, (study.config.note, export.credit_line(study.inputs))))
        export.write_csv(table, folder / "frontier.csv", note=note)
        if find_spec("matplotlib") is not None:
            title = f"{study.config.title}: energy served for public money"
            figure = export.frontier_figure(table, title=title, note=note)
            export.save_figure(figure, folder / "frontier.png")
        else:
            needs = 'no chart was drawn: install its package with pip install "siting[map]"'
            study.tell("picture", needs)
        (folder / "config.yaml").write_text(to_yaml(study.config), encoding="utf-8")
        squares, own = f"squares of {SQUARES.size_m:,.0f} m", "the zones of the program"
        facts = {
            **head_of(study.config, now),
            "demand": study.demand_facts,
            "zones": own if study.config.program.zones else squares,
            "frontier": table.to_dict("records"),
            "inputs": study.inputs,
            "seconds": dict(study.seconds),
        }
        export.write_json(facts, folder / "frontier.json")
    return table, place


def _no_worse(answer: Answer, less: Answer) -> Answer:
    """Return the better solution; `less`, for a smaller budget, is given the bound of `answer`."""
    if better_by(answer.program, less.proof, answer.proof) <= 0:
        return answer
    now, aim = answer.proof, less.program.all_aims[0]
    proof = AimProof.of(
        aim, less, now.bound, gap_asked=now.gap_asked, stopped=now.stopped, seconds=now.seconds
    )
    return replace(less, proofs=(proof, *less.proofs[1:]))


def _share_bounds(rows: list[dict[str, Any]], gap_asked: float, less: bool) -> None:
    """Replace each bound by that of the next larger budget, also valid, if that is tighter."""
    tighter, looser = (max, min) if less else (min, max)
    for row, larger in reversed(list(itertools.pairwise(rows))):
        bound = looser(tighter(row["bound"], larger["bound"]), row["objective"])
        if math.isfinite(bound) and bound != row["bound"]:
            row["bound"] = bound
            row["gap"] = relative_gap(row["objective"], bound)
            row["status"] = "optimal" if row["gap"] <= gap_asked else "feasible"
            if row["bound_kwh_day"] is not None:
                row["bound_kwh_day"] = bound


def _knee(table: pd.DataFrame) -> int:
    """Return the index of the row farthest above the line from the first row to the last."""
    x = table["budget_pkr"].to_numpy(dtype=float)
    y = table["served_kwh_day"].to_numpy(dtype=float)
    # If energy does not clearly rise, the farthest row would only reflect rounding errors.
    if len(table) < 3 or not y[-1] > y[0] or np.isclose(y[-1], y[0]):
        return 0
    above = (y - y[0]) / (y[-1] - y[0]) - (x - x[0]) / (x[-1] - x[0])
    return int(np.round(above, 9).argmax())  # the first of equal rows
