"""A plan drawn by hand or by another tool, scored beside the best plan for the same money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from siting import __version__, export
from siting.config import to_yaml
from siting.errors import Fault, InfeasibleError, InputError
from siting.export import judged_picture
from siting.files import sha256, whole_folder
from siting.models import Instance, Limit, number
from siting.plan import Plan, make_plan
from siting.review.score import score, score_table
from siting.review.their_layer import read_their_layer
from siting.review.their_plan import TheirPlan, catalogue_of, their_plan
from siting.solve import Solution, assign, solve
from siting.study.facts import demand_facts, inputs_of
from siting.study.pipeline import Study
from siting.study.stages import Report
from siting.verify import verify


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Their plan and the best one for the same money.

    Parameters
    ----------
    title, note
        Of the study.
    theirs, best
        The two plans, both recounted; `best` is none where no plan keeps the rules for the money.
    scores
        The figures of each (`siting.review.score.score`), ``theirs`` first.
    broken
        The rules that their plan breaks, in words; it is scored all the same.
    notes
        What else a reader must know.
    checks
        What the recount of both found: ``plan``, ``check``, ``found``, ``limit``.
    facts
        What goes into ``evaluation.json``.
    """

    title: str
    note: str
    theirs: Plan
    best: Plan | None
    scores: dict[str, dict[str, Any]]
    broken: list[str]
    notes: list[str]
    checks: pd.DataFrame
    facts: dict[str, Any]

    @property
    def table(self) -> pd.DataFrame:
        """The figures side by side: ``figure``, ``unit``, ``theirs``, ``best``."""
        return score_table(self.scores)

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        theirs = self.scores["theirs"]["served_share"]
        if self.best is None:
            return f"Theirs serves {theirs:.1%} of the energy wanted."
        best = self.scores["best"]["served_share"]
        bound = self.facts["best"]["bound_share"]
        same = " and as many stations" if self.facts["same_stations"] else ""
        proven = f"it is proven that no plan within the rules serves more than {bound:.1%}"
        if theirs > bound * (1 + 1e-9):
            return (
                f"Theirs breaks rules and serves {theirs:.1%}, more than any plan within them for "
                f"the same money{same}: the best found of these serves {best:.1%} ({proven})."
            )
        found = "" if self.best.solution.status == "optimal" else " found"
        return (
            f"Theirs serves {theirs:.1%} of the energy wanted; the best plan{found} for the same "
            f"money{same} serves {best:.1%} ({proven})."
        )


def evaluate(
    study: Study,
    sites: Path | str,
    *,
    names: Mapping[str, str] | None = None,
    same_stations: bool = False,
) -> Evaluation:
    """Return the score of a layer of stations beside the best plan for the same subsidy.

    The best plan may use every offer of the study and those of the layer that keep the rules, so
    that its proven limit holds for any plan a user could have drawn from either.

    Parameters
    ----------
    study
        The study that judges: its demand, reach, prices and rules.
    sites
        The layer; see `siting.review.their_layer.read_their_layer` for its columns.
    names
        What the layer calls configurations or chargers, and what the study calls them.
    same_stations
        Whether the best plan may have no more new stations than theirs.

    Raises
    ------
    InputError
        With every fault of the layer at once, or where the study lets the program decide on each
        subsidy.

    Examples
    --------
    >>> found = evaluate(Study("configs/islamabad.yaml"), "theirs.geojson")  # doctest: +SKIP
    >>> print(found.sentence)  # doctest: +SKIP
    """
    config = study.config
    if config.offers.subsidy.rule == "gap":
        what = "rule gap leaves each subsidy to the program; a plan from outside has none to score"
        raise InputError(Fault("offers.subsidy.rule", what, "use --set offers.subsidy.rule=share"))
    path = Path(sites)
    own = {name: dict(counts) for name, counts in config.offers.configurations.items()}
    layer = read_their_layer(path, own, catalogue_of(study), names)
    found = their_plan(study, layer, str(path))
    notes = list(found.notes)
    if config.program.variant != "plain" or config.program.objective != "energy":
        aim = config.program.variant
        notes.append(f"both are judged by energy served, whatever the program ({aim}) aims at")
    theirs, their_checks = _their_plan_made(study, found)
    scores = {"theirs": score(study, theirs)}
    best, best_checks = None, their_checks.iloc[:0]
    spent = theirs.solution.subsidy_pkr
    most = scores["theirs"]["new_stations"] if same_stations else None
    study.tell("evaluate", f"their plan serves {scores['theirs']['served_share']:.1%}")
    try:
        best, best_checks = _best_plan(study, found, spent, most)
        scores["best"] = score(study, best)
    except InfeasibleError as err:
        notes += [f"no plan keeps the rules for this money: {fault}" for fault in err.faults]
    checks = pd.concat(
        [their_checks.assign(plan="theirs"), best_checks.assign(plan="best")], ignore_index=True
    )[["plan", "check", "found", "limit"]]
    facts: dict[str, Any] = {
        "sites": {"file": path.name, "sha256": sha256(path)},
        "same_stations": same_stations,
        "broken_rules": found.broken,
        "notes": notes,
        "theirs": scores["theirs"],
        "best": None,
    }
    if best is not None:
        s = best.solution
        facts["best"] = {
            **scores["best"],
            "status": s.status,
            "stopped": s.stopped,
            "bound_kwh_day": s.bound_kwh_day,
            "bound_share": s.bound_kwh_day / s.demand_kwh_day,
            "gap": s.gap,
            "asked_gap": s.gap_asked,
        }
    return Evaluation(
        config.title, config.note, theirs, best, scores, found.broken, notes, checks, facts
    )


def _instance(study: Study, found: TheirPlan, offers: pd.DataFrame, budget_pkr: float,
              limits: tuple[Limit, ...] = (), *, held: bool) -> Instance:  # fmt: skip
    return Instance.from_tables(
        study.demand,
        offers,
        found.reach,
        study.compatibility,
        budget_pkr,
        limits=limits,
        required=study.required_sites if held else (),
        forbidden=study.forbidden_sites if held else (),
    )


def _their_plan_made(study: Study, found: TheirPlan) -> tuple[Plan, pd.DataFrame]:
    """Return their plan recounted; the rules it breaks do not keep it from being scored."""
    ours = found.offers["offer_id"].isin(found.chosen)
    offers = found.offers.assign(reason=found.offers["reason"].mask(ours, ""))
    spent = float(offers.loc[ours, "subsidy_pkr"].sum())
    model = study.config.program.model
    instance = _instance(study, found, offers, spent, held=False)
    service = assign(instance, found.chosen, model)
    served = float(service["served_kwh_day"].sum())
    solution = Solution(
        model=model,
        status="feasible",
        offers=found.chosen,
        objective_kwh_day=served,
        bound_kwh_day=instance.demand_kwh_day,
        gap=0.0,
        gap_asked=0.0,
        stopped="solver stopped",
        nodes=0,
        seconds={},
        tie_break="polished",
        subsidy_pkr=spent,
        cost_pkr=float(offers.loc[ours, "cost_pkr"].sum()),
        budget_pkr=spent,
        demand_kwh_day=instance.demand_kwh_day,
        solver="",
        solver_version="",
    )
    plan = _plan(study, found, offers, service, solution)
    checks = _verified(study, found, plan, solution)
    return plan.with_checks(checks), checks


def _best_plan(
    study: Study, found: TheirPlan, budget_pkr: float, most_new: int | None
) -> tuple[Plan, pd.DataFrame]:
    """Return the best plan for so much money over all offers that keep the rules."""
    limits = found.limits
    if most_new is not None:
        limits = (*limits, number(found.offers, most_new, "as many stations as theirs"))
    instance = _instance(study, found, found.offers, budget_pkr, limits, held=True)
    solver, program = study.config.solver, study.config.program
    solution = solve(
        instance,
        program.model,
        gap=solver.gap,
        time_limit_s=solver.time_limit_s,
        threads=solver.threads,
        seed=solver.seed,
        solver=solver.name,
        method=program.method,
    )
    study.tell("evaluate", f"best plan for the same money: {solution.objective_kwh_day:,.0f} "
               f"kWh/day, bound {solution.bound_kwh_day:,.0f}")  # fmt: skip
    service = assign(instance, solution.offers, program.model)
    plan = _plan(study, found, found.offers, service, solution)
    checks = _verified(study, found, plan, solution, limits=limits)
    return plan.with_checks(checks), checks


def _plan(study: Study, found: TheirPlan, offers: pd.DataFrame, service: pd.DataFrame,
          solution: Solution) -> Plan:  # fmt: skip
    return make_plan(
        title=study.config.title,
        note=study.config.note,
        cells=study.cells,
        demand=study.demand,
        candidates=found.candidates,
        dropped=study.dropped,
        offers=offers,
        edges=study.network.edges,
        service=service,
        solution=solution,
    )


def _verified(
    study: Study,
    found: TheirPlan,
    plan: Plan,
    solution: Solution,
    limits: tuple[Limit, ...] | None = None,
) -> pd.DataFrame:
    from siting.models import limit_tables

    use, there = limit_tables(limits) if limits else (None, None)
    held = limits is not None
    return verify(
        sites=plan.sites,
        service=plan.service,
        demand=study.demand,
        offers=plan.offers,
        reach=found.reach,
        compatibility=study.compatibility,
        cutoff_min=study.config.reach.cutoff_min,
        budget_pkr=solution.budget_pkr,
        capacitated=solution.model == "capacitated",
        objective_kwh_day=solution.objective_kwh_day,
        bound_kwh_day=solution.bound_kwh_day,
        gap=solution.gap if held else None,
        limits=use,
        limits_at_most=there,
        required_sites=study.required_sites if held else (),
        forbidden_sites=study.forbidden_sites if held else (),
    )


def evaluate_to_folder(
    config: Path,
    sites: Path,
    *,
    overrides: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    same_stations: bool = False,
    out: Path | None = None,
    now: datetime,
    progress: Report | None = None,
) -> tuple[Evaluation, Path]:
    """Return an evaluation and the folder with its tables, layers and picture.

    Parameters
    ----------
    config
        The study's YAML file.
    sites, names, same_stations
        As in `evaluate`.
    overrides
        ``key.path=value`` texts that replace keys of the file.
    out
        The folder, new or empty; by default ``runs_dir/NAME-evaluate-TIME``.
    now
        The time, for the folder's name and the record.
    progress
        Called with an `Event` when a stage is done.
    """
    study = Study(config, overrides, progress=progress, today=now.date())
    if out is None:
        out = study.config.output.runs_dir / f"{study.config.name}-evaluate-{now:%Y%m%d-%H%M%S}"
    with whole_folder(out) as folder:
        found = evaluate(study, sites, names=names, same_stations=same_stations)
        write_evaluation(found, folder)
        (folder / "config.yaml").write_text(to_yaml(study.config), encoding="utf-8")
        facts = {
            "siting": __version__,
            "name": study.config.name,
            "title": found.title,
            "note": found.note,
            "year": study.config.year,
            "written": now.isoformat(timespec="seconds"),
            "sentence": found.sentence,
            **found.facts,
            "checks": found.checks.to_dict("records"),
            "demand": demand_facts(study),
            "inputs": inputs_of(study),
        }
        export.write_json(facts, folder / "evaluation.json")
    return replace(found, facts=facts), out


def write_evaluation(found: Evaluation, folder: Path) -> None:
    """Write the table, the layers of both plans and a picture into a folder.

    Parameters
    ----------
    found
        The evaluation.
    folder
        An existing folder: ``evaluation.csv``, ``theirs_sites.geojson``, ``theirs_demand.geojson``
        and the same of ``best``; ``evaluation.png`` where Matplotlib is installed.
    """
    export.write_csv(found.table, folder / "evaluation.csv", note=found.note)
    plans = {"theirs": found.theirs} | ({"best": found.best} if found.best is not None else {})
    for name, plan in plans.items():
        export.write_geojson(
            plan.sites, folder / f"{name}_sites.geojson", name=f"{name}_sites", note=found.note,
            key="site_id",
        )  # fmt: skip
        export.write_geojson(
            export.demand_layer(plan.cells, plan.demand), folder / f"{name}_demand.geojson",
            name=f"{name}_demand", note=found.note, key="cell_id",
        )  # fmt: skip
    if find_spec("matplotlib") is not None:
        judged_picture.draw_side_by_side(
            folder / "evaluation.png",
            edges=found.theirs.edges,
            panels={
                f"{'Theirs' if name == 'theirs' else 'Best for the same money'}: "
                f"{found.scores[name]['served_share']:.1%} served, "
                f"{found.scores[name]['new_stations']:,} new stations": (
                    export.demand_layer(plan.cells, plan.demand),
                    plan.sites,
                )
                for name, plan in plans.items()
            },
            title=found.title,
            subtitle=found.sentence,
            note=found.note,
        )
