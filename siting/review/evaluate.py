"""A plan drawn by hand or by another tool, scored beside the best plan for the same money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from siting import export
from siting.config import to_yaml
from siting.errors import Fault, InfeasibleError, InputError
from siting.export import judged_picture
from siting.files import sha256, whole_folder
from siting.plan import Plan, make_plan
from siting.program.instance import Instance
from siting.program.limits import limit_tables, number
from siting.review.record import folder_for, head_of
from siting.review.score import Waiting, score, score_table
from siting.review.solving import Asking
from siting.review.their_layer import read_their_layer
from siting.review.their_plan import TheirPlan, their_plan
from siting.solve import Solution
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
    path, program, waiting = Path(sites), config.program, Waiting.of(study)
    own = {name: dict(counts) for name, counts in config.offers.configurations.items()}
    found = their_plan(study, read_their_layer(path, own, waiting.chargers, names), str(path))
    notes = list(found.notes)
    if program.variant != "plain" or program.objective != "energy":
        aim = program.variant
        notes.append(f"both are judged by energy served, whatever the program ({aim}) aims at")
    asking = Asking(program.model, config.solver, program.method)
    plans = {"theirs": _theirs(found, asking)}
    scores = {"theirs": score(plans["theirs"], waiting)}
    spent = plans["theirs"].solution.subsidy_pkr
    most = scores["theirs"]["new_stations"] if same_stations else None
    study.tell("evaluate", f"their plan serves {scores['theirs']['served_share']:.1%}")
    try:
        plans["best"] = _best(found.study, asking, spent, most)
        scores["best"] = score(plans["best"], waiting)
    except InfeasibleError as err:
        notes += [f"no plan keeps the rules for this money: {fault}" for fault in err.faults]
    checks = pd.concat([p.checks.assign(plan=name) for name, p in plans.items()], ignore_index=True)
    facts: dict[str, Any] = {
        "sites": {"file": path.name, "sha256": sha256(path)},
        "same_stations": same_stations,
        "broken_rules": found.broken,
        "notes": notes,
        "theirs": scores["theirs"],
        "best": None,
    }
    if "best" in plans:
        s = plans["best"].solution
        facts["best"] = {
            **scores["best"],
            "status": s.status,
            "stopped": s.stopped,
            "bound_kwh_day": s.bound_kwh_day,
            "bound_share": s.bound_kwh_day / s.demand_kwh_day,
            "gap": s.gap,
            "asked_gap": s.gap_asked,
        }
    checks = checks[["plan", "check", "found", "limit"]]
    return Evaluation(
        config.title, config.note, plans["theirs"], plans.get("best"), scores, found.broken, notes,
        checks, facts,
    )  # fmt: skip


def _theirs(found: TheirPlan, asking: Asking) -> Plan:
    """Return their plan recounted; the rules it breaks do not keep it from being scored."""
    study, ours = found.study, found.study.offers["offer_id"].isin(found.chosen)
    offers = study.offers.assign(reason=study.offers["reason"].mask(ours, ""))
    spent = float(offers.loc[ours, "subsidy_pkr"].sum())
    tables = (study.demand, offers, study.reach, study.compatibility)
    instance = Instance.from_tables(*tables, spent)
    service = asking.service(instance, found.chosen)
    solution = Solution(
        model=asking.model,
        status="feasible",
        offers=found.chosen,
        objective_kwh_day=float(service["served_kwh_day"].sum()),
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
    return _recounted(study, offers, service, solution, gap=None)


def _best(study: Study, asking: Asking, budget_pkr: float, most_new: int | None) -> Plan:
    """Return the best plan for so much money over all offers that keep the rules."""
    limits, required, forbidden = study.limits, study.required_sites, study.forbidden_sites
    if most_new is not None:
        limits = (*limits, number(study.offers, most_new, "as many stations as theirs"))
    tables = (study.demand, study.offers, study.reach, study.compatibility)
    instance = Instance.from_tables(
        *tables, budget_pkr, limits=limits, required=required, forbidden=forbidden
    )
    solution = asking.best(instance)
    study.tell("evaluate", f"best plan for the same money: {solution.objective_kwh_day:,.0f} "
               f"kWh/day, bound {solution.bound_kwh_day:,.0f}")  # fmt: skip
    use, there = limit_tables(limits) if limits else (None, None)
    return _recounted(
        study, study.offers, asking.service(instance, solution.offers), solution,
        gap=solution.gap, limits=use, limits_at_most=there,
        required_sites=required, forbidden_sites=forbidden,
    )  # fmt: skip


def _recounted(
    study: Study, offers: pd.DataFrame, service: pd.DataFrame, solution: Solution, **held: Any
) -> Plan:
    """Return a plan recounted with the rules that it was held to."""
    plan = make_plan(
        title=study.config.title,
        note=study.config.note,
        cells=study.cells,
        demand=study.demand,
        candidates=study.candidates,
        dropped=study.dropped,
        offers=offers,
        edges=study.network.edges,
        service=service,
        solution=solution,
    )
    checks = verify(
        sites=plan.sites,
        service=plan.service,
        demand=study.demand,
        offers=plan.offers,
        reach=study.reach,
        compatibility=study.compatibility,
        cutoff_min=study.config.reach.cutoff_min,
        budget_pkr=solution.budget_pkr,
        capacitated=solution.model == "capacitated",
        objective_kwh_day=solution.objective_kwh_day,
        bound_kwh_day=solution.bound_kwh_day,
        **held,
    )
    return plan.with_checks(checks)


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
    out = out or folder_for(study.config, "evaluate", now)
    with whole_folder(out) as folder:
        found = evaluate(study, sites, names=names, same_stations=same_stations)
        write_evaluation(found, folder)
        (folder / "config.yaml").write_text(to_yaml(study.config), encoding="utf-8")
        facts = {
            **head_of(study.config, now),
            "sentence": found.sentence,
            **found.facts,
            "checks": found.checks.to_dict("records"),
            "demand": study.demand_facts,
            "inputs": study.inputs,
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
    panels = {}
    for name, plan in plans.items():
        demand, scored = export.demand_layer(plan.cells, plan.demand), found.scores[name]
        for what, layer, key in (("sites", plan.sites, "site_id"), ("demand", demand, "cell_id")):
            file = f"{name}_{what}"
            export.write_geojson(layer, folder / f"{file}.geojson", name=file, note=found.note,
                                 key=key)  # fmt: skip
        whose = "Theirs" if name == "theirs" else "Best for the same money"
        counts = f"{scored['served_share']:.1%} served, {scored['new_stations']:,} new stations"
        panels[f"{whose}: {counts}"] = (demand, plan.sites)
    if find_spec("matplotlib") is not None:
        judged_picture.draw_side_by_side(
            folder / "evaluation.png",
            edges=found.theirs.edges,
            panels=panels,
            title=found.title,
            subtitle=found.sentence,
            note=found.note,
        )
