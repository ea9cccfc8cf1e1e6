"""Score an outside plan against the best plan for the same public money."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from siting import export
from siting.config import to_yaml
from siting.engine.answer import Answer
from siting.engine.fixed import plan_of
from siting.engine.proof import far_in_words
from siting.errors import InfeasibleError, SitingError, SolveError
from siting.export import maps
from siting.files import sha256
from siting.interrupts import seen_through
from siting.plan import Plan, PlanTables, make_plan
from siting.program.limits import number, with_more_money
from siting.program.money import raised
from siting.program.program import Program
from siting.review.outside_plan import Catalogue, over_limits, read_their_layer, their_plan
from siting.review.score import score, score_table, scores_in_words
from siting.shown import Display, Shown, labelled, sentences
from siting.study.facts import folder_for, head_of
from siting.study.other_plans import Effort
from siting.study.outcome_figures import bare_outcome
from siting.study.pipeline import Study
from siting.study.program_inputs import Asked, money_of
from siting.study.python_inputs import in_words, lay_down
from siting.study.queues import Waiting
from siting.study.read_sources import configurations_of
from siting.study.recounted import account_of
from siting.study.revalue import as_it_stands, in_the_end
from siting.study.robustness import risk_of, slow_of
from siting.study.stages import Report
from siting.study.stored_run import Source, study_of
from siting.study.to_program import blocks_of, program_of
from siting.verify import recount
from siting.writing import claimed_folder

# Blocks of the program that are left out when an outside plan is scored.
SET_ASIDE = {"objective", "decay", "fairness", "least_cost", "years", "scenarios", "aims", "then"}


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Shown):
    """The scores of an outside plan and of the best plan for the same public money.

    `theirs` (the outside plan) and `best` have both passed the recount; `best` is None if no plan
    for this money obeys the rules. `scores` has the figures of each plan
    (`siting.review.score.score`), ``theirs`` first. `broken` has the rules that the outside plan
    breaks, in words; such a plan is scored too. `checks` has one row per check of each recount:
    ``plan``, ``check``, ``found``, ``limit``. `facts` is the content of ``evaluation.json``.
    """

    theirs: Plan
    best: Plan | None
    scores: dict[str, dict[str, Any]]
    broken: list[str]
    notes: list[str]
    checks: pd.DataFrame
    facts: dict[str, Any]

    @property
    def table(self) -> pd.DataFrame:
        """The figures of both plans: ``figure``, ``unit``, ``theirs``, ``best``."""
        return score_table(self.scores)

    def _shown(self) -> Display:
        heads = ["", *(name.capitalize() for name in self.scores)]
        figures = labelled(heads, scores_in_words(self.scores), "table", overflow="fold")
        broken = sentences(
            [f"  {line}" for line in self.broken],
            all_in="broken", title="Their plan breaks these rules but is scored anyway:",
        )  # fmt: skip
        return Display(
            self.theirs.title,
            self.theirs.note,
            [sentences([self.sentence]), figures, *([broken] if self.broken else [])],
            notes=self.notes,
            warning="" if self.best is None else far_in_words(self.best.outcome.gap),
        )

    @property
    def sentence(self) -> str:
        """The comparison in one sentence."""
        theirs = self.scores["theirs"]["served_share"]
        if self.best is None:
            return f"Their plan serves {theirs:.1%} of the demand."
        best = self.scores["best"]["served_share"]
        bound = self.facts["best"]["bound_share"]
        same = " and as many stations" if self.facts["same_stations"] else ""
        proven = f"it is proven that no plan within the rules serves more than {bound:.1%}"
        if theirs > bound * (1 + 1e-9):
            return (
                f"Their plan breaks rules and serves {theirs:.1%}, more than any plan within the "
                f"rules for the same money{same}; the best plan found serves {best:.1%} ({proven})."
            )
        word = "" if self.best.outcome.status == "optimal" else " found"
        return (
            f"Their plan serves {theirs:.1%} of the demand; the best plan{word} for the "
            f"same money{same} serves {best:.1%} ({proven})."
        )


def evaluate(
    run: Source,
    sites: Path | str | gpd.GeoDataFrame,
    *,
    names: Mapping[str, str] | None = None,
    same_stations: bool = False,
) -> Evaluation:
    """Return the scores of a layer of stations and of the best plan for the same subsidy.

    The best plan is chosen from all offers of the study and of the layer that obey the rules.

    Parameters
    ----------
    run
        The study whose demand, reach, prices and rules apply, or a plan or run folder of the study.
    sites
        The layer, as a file or in memory (columns: `siting.review.outside_plan.read_their_layer`).
    names
        A mapping from the layer's names of configurations and chargers to the study's names.
    same_stations
        Whether to limit the best plan to the layer's number of new stations.

    Raises
    ------
    InputError
        If the layer has errors; the exception lists all of them.

    Examples
    --------
    >>> evaluation = evaluate(Study("configs/islamabad.yaml"), "theirs.geojson")  # doctest: +SKIP
    >>> print(evaluation.sentence)  # doctest: +SKIP
    """
    study = study_of(run)
    config, waiting = study.config, Waiting.of(study)
    if isinstance(sites, Path | str):
        path = Path(sites)
    else:
        path = lay_down(("sites",), sites, config.output.cache_dir)
    try:
        chargers = set(waiting.chargers["charger_id"].astype(str))
        catalogue = Catalogue(configurations_of(config.offers), chargers, names or {})
        layer = read_their_layer(path, catalogue)
        priced, chosen, broken, notes = their_plan(study, layer, catalogue, str(path))
    except SitingError as err:
        raise in_words(err) from None
    aside = sorted(blocks_of(config) & SET_ASIDE)
    if aside:
        told = "both plans are judged by the energy served in the last year; these are ignored: "
        notes.append(told + ", ".join(aside))
    # The study's own plan is used only if it is already solved, because solving is slow.
    theirs, also_broken = as_drawn(priced, chosen, own=study.plan if study.has("outcome") else None)
    plans, broken = {"theirs": theirs}, [*broken, *also_broken]
    slow = slow_of(priced)

    def scored(plan: Plan) -> dict[str, Any]:
        return score(plan, waiting, risk_of(plan.outcome, priced.asked, slow))

    scores = {"theirs": scored(theirs)}
    most = scores["theirs"]["new_stations"] if same_stations else None
    study.tell("evaluate", f"their plan serves {scores['theirs']['served_share']:.1%}")
    try:
        start = theirs.sites["offer_id"].astype(str).tolist()
        plans["best"] = _best(priced, theirs.outcome.subsidy_pkr, most, start)
        scores["best"] = scored(plans["best"])
    except InfeasibleError as err:
        notes += [f"no plan keeps the rules for this money: {fault}" for fault in err.faults]
    checks = pd.concat({name: plan.checks for name, plan in plans.items()}, names=["plan"])
    checks = checks.reset_index("plan").reset_index(drop=True)
    facts: dict[str, Any] = {
        "sites": {"file": path.name, "sha256": sha256(path)},
        "same_stations": same_stations,
        "broken_rules": broken,
        "notes": notes,
        "theirs": scores["theirs"],
        "best": None,
    }
    if "best" in plans:
        s = plans["best"].outcome
        bound = s.demand_kwh_day if s.bound_kwh_day is None else s.bound_kwh_day
        facts["best"] = {
            **scores["best"],
            "status": s.status,
            "stopped": s.stopped,
            "bound_kwh_day": bound,
            "bound_share": bound / s.demand_kwh_day,
            "gap": s.gap,
            "asked_gap": s.proof.gap_asked,
        }
    return Evaluation(theirs, plans.get("best"), scores, broken, notes, checks, facts)


def as_drawn(
    study: Study, chosen: Collection[str], budget_pkr: float | None = None, own: Plan | None = None
) -> tuple[Plan, list[str]]:
    """Return the plan of the chosen offers, checked by a recount, and the rules that it breaks.

    In the last year, the stations serve as much energy as they can, with the least public money and
    within the budget if possible. Plans that break rules are valued too. Rules that exclude an
    offer, or that require or forbid a site, are ignored.

    `chosen`: ids of the plan's offers, including existing stations, at most one per site;
    `budget_pkr`: public money available (PKR), by default the study's budget; `own`: the study's
    own plan, which is returned if it has the chosen offers.
    """
    limits = study.asked.limits
    budget = study.program.money_pkr if study.asked.budgeted else math.inf
    if budget_pkr is not None:
        limits = with_more_money(limits, budget_pkr - money_of(study.config))
        budget = budget_pkr
    if own is not None and set(own.outcome.offers) == set(chosen):
        plan, broken = own, _under_floors(study.program, own.outcome.floors)
    else:
        plan, broken = _valued(study, chosen, budget)
    drawn = dict(zip(plan.sites["offer_id"], plan.sites["subsidy_pkr"], strict=True))
    over = over_limits(limits, study.offers, drawn, study.config.program.limits.spacing_m)
    spent = plan.outcome.subsidy_pkr
    if spent > budget * (1 + 1e-6):
        there = f"but PKR {budget / 1e6:,.2f} m is available"
        over.insert(0, f"budget: PKR {spent / 1e6:,.2f} m of subsidy, {there}")
    return plan, [*over, *broken]


def _valued(study: Study, chosen: Collection[str], budget_pkr: float) -> tuple[Plan, list[str]]:
    """Return the plan made of the given offers, and the payment caps and floors that it breaks."""
    broken, answer = [], None
    if study.asked.need is not None and math.isfinite(budget_pkr):
        asked = as_it_stands(study.asked, chosen, budget_pkr)
        program = program_of(asked)
        # A plan that draws more than the budget breaks a rule, and is valued without a budget.
        with suppress(SolveError):
            answer = plan_of(program, chosen, within_budget=True)
    if answer is None:
        asked = as_it_stands(study.asked, chosen)
        program = program_of(asked)
        answer = plan_of(program, chosen)
    if asked.need is not None and program.gap != answer.program.gap:
        broken.append("viability gap: a station would need more public money than is allowed")
        rule = raised(program.instance, asked.need.rule, by=1.0)
        asked = replace(asked, need=replace(asked.need, rule=rule))
    broken += _under_floors(program, answer.floor_table)
    return _recounted(study, asked, answer), broken


def _under_floors(program: Program, served: pd.DataFrame) -> list[str]:
    """Return, as text, the floors that a plan misses; `served`: the share served by floor."""
    shares = dict(zip(served["floor"], served["served_share"], strict=True))
    return [
        f"floor {floor.name}: {shares[floor.name]:.1%} served, {floor.share:.1%} required"
        for floor in program.floors
        if floor.share > 0 and shares[floor.name] < floor.share - 1e-6
    ]


def _best(study: Study, budget_pkr: float, most_new: int | None, start: Sequence[str]) -> Plan:
    """Return the best plan that obeys the rules within a budget; the search begins at `start`."""
    asked = in_the_end(study.asked, budget_pkr)
    if most_new is not None:
        as_many = number(study.offers, most_new, "as many stations as theirs")
        asked = replace(asked, limits=(*asked.limits, as_many))
    answer = Effort(asked.config, study.solve_progress).solve(program_of(asked), start=start)
    study.tell("evaluate", f"best plan for the same money: {answer.proof}")
    return _recounted(study, asked, answer)


def _recounted(study: Study, asked: Asked, answer: Answer) -> Plan:
    """Return a solution as a plan, checked by a recount under the rules of its program."""
    outcome, _ = bare_outcome(asked, answer)
    tables = PlanTables(
        study.cells, asked.last_demand, study.candidates, study.dropped,
        asked.offers, study.network.edges,
    )  # fmt: skip
    plan = make_plan(outcome, tables, title=study.config.title, note=study.config.note)
    return replace(plan, checks=recount(account_of(asked, outcome, plan.sites)))


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
    """Return an evaluation, and the folder with its tables, layers and picture.

    `out`: the new or empty folder to write, by default ``runs_dir/NAME-evaluate-TIME``. The other
    parameters are those of `evaluate` and `siting.run`.
    """
    study = Study(config, overrides, progress=progress, today=now.date())
    usual = folder_for(study.config, "evaluate", now)
    with seen_through() as wish, claimed_folder(out, usual) as (folder, place):
        evaluation = evaluate(study, sites, names=names, same_stations=same_stations)
        wish.at_stake = True
        write_evaluation(evaluation, folder)
        (folder / "config.yaml").write_text(to_yaml(study.config), encoding="utf-8")
        facts = {
            **head_of(study.config, now),
            "sentence": evaluation.sentence,
            **evaluation.facts,
            "checks": evaluation.checks.to_dict("records"),
            "demand": study.demand_facts,
            "inputs": study.inputs,
        }
        export.write_json(facts, folder / "evaluation.json")
    return replace(evaluation, facts=facts), place


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write the table, the layers of both plans and a picture into a folder.

    The files are ``evaluation.csv``, ``theirs_sites.geojson``, ``theirs_demand.geojson``, the same
    two layers for ``best``, and ``evaluation.png`` if Matplotlib is installed.
    """
    note = export.noted(evaluation.theirs)
    export.write_csv(evaluation.table, folder / "evaluation.csv", note=note)
    panels = {}
    for name, whose, plan in (
        ("theirs", "Theirs", evaluation.theirs),
        ("best", "Best for the same money", evaluation.best),
    ):
        if plan is None:
            continue
        demand, scored = export.demand_layer(plan.cells, plan.demand), evaluation.scores[name]
        for what, layer, key in (("sites", plan.sites, "site_id"), ("demand", demand, "cell_id")):
            export.write_geojson(layer, folder / f"{name}_{what}.geojson", note=note, key=key)
        counts = f"{scored['served_share']:.1%} served, {scored['new_stations']:,} new stations"
        panels[f"{whose}: {counts}"] = (demand, plan.sites)
    if find_spec("matplotlib") is not None:
        maps.draw_side_by_side(
            folder / "evaluation.png",
            edges=evaluation.theirs.edges,
            panels=panels,
            title=evaluation.theirs.title,
            subtitle=evaluation.sentence,
            note=note,
        )
