"""From the section ``program`` to a decision: which variant is solved, and its recount."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from siting import recount
from siting.models import GapRule
from siting.solve import (
    Proof,
    assign,
    solve,
    solve_alternatives,
    solve_fair,
    solve_least_cost,
    solve_viability,
    solve_weighted,
)
from siting.study.decision import Decision, as_solution, effort_of, share_of_zone, with_subsidy
from siting.study.futures import phased, several_futures
from siting.study.objective import factor_of, floors_of, objective_for, worth_of
from siting.study.zones import people_of_zones

if TYPE_CHECKING:
    from siting.study.pipeline import Study


def decide(study: Study) -> Decision:
    """Return the decision of the program that the configuration asks for."""
    program = study.config.program
    variant = program.variant
    if study.config.offers.subsidy.rule == "gap":
        return _viable(study)
    found = {
        "plain": _plain,
        "weighted": _weighted,
        "fair": _fair,
        "least_cost": _least_cost,
        "phased": phased,
        "scenarios": several_futures,
    }[variant](study)
    if program.alternatives is not None:
        found.tables.update(_alternatives(study))
    return found


def _plain(study: Study) -> Decision:
    solver, program = study.config.solver, study.config.program
    solution = solve(
        study.instance,
        program.model,
        gap=solver.gap,
        time_limit_s=solver.time_limit_s,
        threads=solver.threads,
        seed=solver.seed,
        solver=solver.name,
        method=program.method,
        progress=study.solve_progress,
        start=study.start or None,
    )
    service = assign(study.instance, solution.offers, program.model)
    proof = Proof.of(
        solution.objective_kwh_day,
        solution.bound_kwh_day,
        gap_asked=solution.gap_asked,
        stopped=solution.stopped,
        unit="kWh/day",
        nodes=solution.nodes,
        seconds=solution.seconds,
    )
    lines = [("Guarantee", solution.guarantee)] if solution.guarantee else []
    return Decision(solution, service, "the most energy for the budget", proof, lines=lines)


def _weighted(study: Study) -> Decision:
    program = study.config.program
    zones, floors = study.demand_zones, floors_of(study)
    objective = objective_for(study, study.instance)
    found = solve_weighted(
        study.instance,
        objective,
        zones=zones,
        floors=floors,
        city_floor=program.min_served_share or None,
        model=program.model,
        effort=effort_of(study),
    )
    recount.check_floors(
        found.service, study.demand, zones, floors, city_floor=program.min_served_share
    )
    recount.check_worth(
        found.service,
        study.demand,
        found.proof.objective,
        worth_of(study),
        factor_of(study),
    )
    goal = f"the most served {program.objective}"
    goal += ", nearer counting more" if program.decay is not None else ""
    goal += ", floors held" if floors else ""
    tables = {"zones": found.zones} if zones is not None else {}
    checks = [("worth of what is served", found.proof.objective, found.proof.bound)]
    checks += [
        (f"floor of zone {zone}, share served", share_of_zone(found.zones, zone), share)
        for zone, share in floors.items()
    ]
    solution = as_solution(study, found.offers, found.service, found.proof)
    lines = [("Worth of the plan", f"{found.proof.objective:,.0f} {found.proof.unit}")]
    return Decision(solution, found.service, goal, found.proof, tables, lines, checks)


def _fair(study: Study) -> Decision:
    program = study.config.program
    zones = study.demand_zones
    assert zones is not None  # the configuration's own check
    people = people_of_zones(study.cells, study.cell_zones, zones)
    found = solve_fair(
        study.instance, zones, people=people, model=program.model, effort=effort_of(study)
    )
    recount.check_fairness(
        found.service,
        study.demand,
        zones,
        worst_zone=found.worst_zone,
        worst_share=share_of_zone(found.zones, found.worst_zone),
        gini=found.gini,
        people=people,
    )
    price = (
        "not found in time" if found.extra_pkr is None else f"PKR {found.extra_pkr / 1e6:,.2f} m"
    )
    lines = [
        (
            "Worst-served zone",
            f"{found.worst_zone} ({share_of_zone(found.zones, found.worst_zone):.1%})",
        ),
        ("Proven of the worst share", str(found.worst_proof)),
        ("Gini of shares served", f"{found.gini:.3f}, without fairness {found.plain_gini:.3f}"),
        ("Price of fairness", f"{found.lost_kwh_day:,.0f} kWh/day, or {price} more budget"),
    ]
    solution = as_solution(study, found.offers, found.service, found.proof)
    goal = "the worst zone served best, then the most energy"
    checks = [("share served in the worst zone", share_of_zone(found.zones, found.worst_zone), 0.0)]
    tables = {"zones": found.zones}
    return Decision(solution, found.service, goal, found.proof, tables, lines, checks)


def _least_cost(study: Study) -> Decision:
    program = study.config.program
    asked = program.least_cost
    assert asked is not None
    zones, floors = study.demand_zones, floors_of(study)
    found = solve_least_cost(
        study.instance,
        asked.served_share,
        zones=zones,
        floors=floors,
        of=asked.of,
        money=asked.money,
        model=program.model,
        effort=effort_of(study),
    )
    recount.check_money(
        found.offers, study.offers, column=asked.money, claimed_pkr=found.proof.objective
    )
    floor = asked.served_share if asked.of == "demand" else 0.0
    recount.check_floors(found.service, study.demand, zones, floors, city_floor=floor)
    solution = as_solution(study, found.offers, found.service, found.proof, budget=False)
    what = "public money" if asked.money == "subsidy_pkr" else "cost in all"
    goal = f"the least {what} that serves {asked.served_share:.0%} of the {asked.of}"
    lines = [(f"Least {what}", f"PKR {found.proof.objective / 1e6:,.2f} m, no plan needs less than "
              f"{found.proof.bound / 1e6:,.2f} m")]  # fmt: skip
    tables = {"zones": found.zones} if zones is not None else {}
    checks = [(f"{what}, PKR", found.proof.objective, found.proof.objective)]
    return Decision(solution, found.service, goal, found.proof, tables, lines, checks)


def _viable(study: Study) -> Decision:
    program = study.config.program
    zones, floors = study.demand_zones, floors_of(study)
    case = study.gap_case
    found = solve_viability(
        case.instance,
        GapRule(case.margin_pkr, case.cap_share),
        zones=zones,
        floors=floors,
        city_floor=program.min_served_share or None,
        effort=effort_of(study),
    )
    recount.check_gaps(
        found.sites[~found.sites["offer_id"].str.endswith(":existing")],
        found.service,
        case.offers,
        margin_pkr=case.margin_pkr,
        cap_share=case.cap_share,
        budget_pkr=program.budget_pkr,
    )
    subsidies = dict(zip(found.sites["site_id"], found.sites["subsidy_pkr"], strict=True))
    solution = as_solution(study, found.offers, found.service, found.proof)
    solution = with_subsidy(solution, found.subsidy_pkr)
    paid = int((found.sites["subsidy_pkr"] > 0).sum())
    lines = [("Stations that need public money", f"{paid:,} of {len(found.sites):,}")]
    tables = {"viability": found.sites}
    if zones is not None:
        tables["zones"] = found.zones
    goal = "the most energy, where public money fills what the business case lacks"
    checks = [("subsidy is what each case lacks, PKR", found.subsidy_pkr, program.budget_pkr)]
    return Decision(solution, found.service, goal, found.proof, tables, lines, checks, subsidies)


def _alternatives(study: Study) -> dict[str, pd.DataFrame]:
    program = study.config.program
    asked = program.alternatives
    assert asked is not None
    found = solve_alternatives(
        study.instance,
        asked.count,
        differ_by=asked.differ_by,
        within_share=asked.within_share,
        objective=objective_for(study, study.instance),
        zones=study.demand_zones,
        floors=floors_of(study),
        city_floor=program.min_served_share or None,
        model=program.model,
        effort=effort_of(study),
    )
    recount.check_distances(
        [plan.offers for plan in found.plans], study.offers, asked.differ_by, found.sites
    )
    plans = pd.DataFrame(
        [
            {
                "plan": n,
                "worth": plan.proof.objective,
                "unit": plan.proof.unit,
                "bound": plan.proof.bound,
                "gap": plan.proof.gap,
                "status": plan.proof.status,
                "loss_share": plan.loss_share,
                "offers": " ".join(plan.offers),
            }
            for n, plan in enumerate(found.plans, 1)
        ]
    )
    return {"alternatives": plans, "alternative_sites": found.sites}
