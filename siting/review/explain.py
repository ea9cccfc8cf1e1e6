"""Why here, and why not there: a stored plan asked about one place, or about all its stations.

Every figure is worked out anew from the run folder's tables: what the plan would serve without the
station, with another offer at the place, or with the next best place instead, all else the same.
For a place that gets nothing, the program is solved once more with a station required there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from siting.errors import InfeasibleError, SitingError, SolveError
from siting.models import Instance
from siting.review.opened import Explained
from siting.solve import Solution, assign, solve, solve_alternatives
from siting.solve.outcome import with_offers
from siting.study.decision import effort_of
from siting.study.objective import floors_of, objective_for
from siting.study.pipeline import Study
from siting.study.zones import zone_of_demand

# Energy too small to be spoken of (kWh/day), and use at which a station counts as full.
LITTLE_KWH, FULL_SHARE = 0.5, 0.999
ENDING = "all else the same"


@dataclass(frozen=True, eq=False)
class SiteReasons:
    """Why a place gets what it gets.

    Parameters
    ----------
    site_id, name, state
        The place; ``built``, ``stands``, ``not built`` or ``left out``.
    reasons
        (what, in words), in the order a person asks.
    offers
        One row an offer at the place: ``configuration``, ``chargers``, ``subsidy_pkr``,
        ``cost_pkr``, ``plan_kwh_day`` (what the plan would serve with it, all else the same;
        missing where it cannot be built) and ``said`` in words.
    classes
        One row a vehicle class that it serves: ``served_kwh_day`` here, ``lost_kwh_day`` without.
    figures
        The same as numbers, for programs.
    """

    site_id: str
    name: str
    state: str
    reasons: list[tuple[str, str]]
    offers: pd.DataFrame
    classes: pd.DataFrame
    figures: dict[str, Any]


def explain_site(
    folder: Path | str | Explained,
    site: str,
    *,
    alternatives: int = 5,
    time_limit_s: float = 30.0,
) -> SiteReasons:
    """Return why a place gets its station, or none.

    Parameters
    ----------
    folder
        A run folder, or one opened already.
    site
        The place, by id or name.
    alternatives
        Near-optimal plans to compare with; 0 for none.
    time_limit_s
        Seconds for these plans together, and for the plan with a station required.

    Raises
    ------
    InputError
        If the folder cannot be used, or there is no such site.
    """
    run = folder if isinstance(folder, Explained) else Explained(folder)
    site_id = run.find(site)
    row = run.plan.candidates.set_index("site_id").loc[site_id]
    name = row["name"] if isinstance(row["name"], str) else ""
    built = run.plan.sites.set_index("site_id")
    if site_id in built.index:
        return _built(run, site_id, name, built.loc[site_id], alternatives, time_limit_s)
    return _not_built(run, site_id, name, alternatives, time_limit_s)


# --- a station of the plan -----------------------------------------------------------------------


def _built(
    run: Explained, site: str, name: str, row: pd.Series[Any], count: int, time_s: float
) -> SiteReasons:
    served, lost = float(row["served_kwh_day"]), float(run.losses[site])
    classes = _classes(run, site, str(row["offer_id"]))
    full = float(row["use_share"]) >= FULL_SHARE
    reasons = [
        (
            "What it serves",
            f"{served:,.0f} kWh/day from {int(row['cells_served']):,} cells, "
            f"{row['mean_travel_min']:.1f} min away on average, {row['use_share']:.0%} of what "
            f"its chargers ({row['chargers']}) deliver",
        ),
        (
            "Lost without it",
            f"{lost:,.0f} kWh/day; its neighbours would take over {max(served - lost, 0):,.0f}",
        ),
        ("What it costs", _costs(row, served, lost)),
        ("What holds it", _holds(run, site, full)),
    ]
    figures: dict[str, Any] = {
        "served_kwh_day": served,
        "marginal_kwh_day": lost,
        "subsidy_pkr": float(row["subsidy_pkr"]),
        "cost_pkr": float(row["cost_pkr"]),
        "use_share": float(row["use_share"]),
    }
    if not bool(row["existing"]) and run.energy_only:
        budget = run.plan.solution.budget_pkr
        best = run.marginal.best_elsewhere([site], budget, count=1)
        reasons.append(("Next best place", _next_best(run, best, lost)))
        figures["next_best"] = best.to_dict("records")
        reasons.append(("Planned without it", _without(run, site, time_s, figures)))
    reasons += _frequency(run, site, count, time_s, figures)
    state = "stands" if bool(row["existing"]) else "built"
    offers = _offers(run, site, str(row["offer_id"]))
    return SiteReasons(site, name, state, reasons, offers, classes, figures)


def _classes(run: Explained, site: str, offer: str) -> pd.DataFrame:
    offers = [o for o in run.plan.solution.offers if o != offer]
    rest = assign(run.instance, offers, run.model).groupby("vehicle_class")["served_kwh_day"].sum()
    whole = run.plan.service.groupby("vehicle_class")["served_kwh_day"].sum()
    here = run.plan.service[run.plan.service["site_id"] == site]
    table = here.groupby("vehicle_class")["served_kwh_day"].sum().to_frame()
    table["lost_kwh_day"] = (whole - rest.reindex(whole.index).fillna(0.0)).reindex(table.index)
    table = table[table["served_kwh_day"] > LITTLE_KWH]
    return table.sort_values("served_kwh_day", ascending=False).reset_index()


def _costs(row: pd.Series[Any], served: float, lost: float) -> str:
    pkr = float(row["subsidy_pkr"])
    text = f"PKR {row['cost_pkr'] / 1e6:,.2f} m, {pkr / 1e6:,.2f} m of it public"
    if pkr > 0 and served > 0:
        text += f": {pkr / served:,.0f} rupees of subsidy a kWh/day served"
        text += f", {pkr / lost:,.0f} a kWh/day that would be lost" if lost > LITTLE_KWH else ""
    years = row.get("payback_years")
    if isinstance(years, float) and years == years:
        text += f"; it pays back in {years:,.1f} years"
    return text


def _in_reach(run: Explained, site: str) -> tuple[float, float]:
    """Return the energy wanted in reach of a site that it could serve, and its unserved part."""
    reach, demand = run.study.reach, run.plan.demand
    offers = run.study.offers
    pairs = run.study.compatibility
    here = offers[offers["site_id"] == site]
    able = {
        str(vehicle)
        for group, vehicle in pairs[["charger_group", "vehicle_class"]].itertuples(index=False)
        if (here.get(f"capacity_{group}_kwh_day", pd.Series(dtype=float)) > 0).any()
    }
    near = set(reach.loc[reach["site_id"] == site, "cell_id"].astype(str))
    rows = demand[demand["cell_id"].astype(str).isin(near) & demand["vehicle_class"].isin(able)]
    wanted = float(rows["demand_kwh_day"].sum())
    return wanted, wanted - float(rows["served_kwh_day"].sum())


def _holds(run: Explained, site: str, full: bool) -> str:
    wanted, unserved = _in_reach(run, site)
    text = f"{wanted:,.0f} kWh/day wanted within reach, {unserved:,.0f} of it served nowhere"
    if full and unserved > LITTLE_KWH:
        return f"its own capacity: {text}"
    if unserved <= LITTLE_KWH:
        return f"reach: {text}, so more chargers here would serve nobody new"
    return f"the classes its chargers fit: {text}, and it has capacity left"


def _next_best(run: Explained, best: pd.DataFrame, lost: float) -> str:
    if best.empty:
        return "none: with its money no single station elsewhere would serve anybody new"
    top = best.iloc[0]
    difference = float(top["gain_kwh_day"]) - lost
    kind = str(top["offer_id"]).partition(":")[2]
    same = abs(difference) <= LITTLE_KWH
    verdict = (
        "as much"
        if same
        else f"{abs(difference):,.0f} kWh/day {'more' if difference > 0 else 'less'}"
    )
    where, pkr = run.name_of(str(top["site_id"])), float(top["subsidy_pkr"])
    return (
        f"{where} with {kind} for PKR {pkr / 1e6:,.2f} m: the plan would serve {verdict}, {ENDING}"
    )


# --- a place that gets none ----------------------------------------------------------------------


def _not_built(run: Explained, site: str, name: str, count: int, limit_s: float) -> SiteReasons:
    wanted, unserved = _in_reach(run, site)
    offers = _offers(run, site, "")
    reasons = [
        (
            "Demand there",
            f"{wanted:,.0f} kWh/day wanted within reach; {unserved:,.0f} of it is served nowhere",
        )
    ]
    figures: dict[str, Any] = {"reach_kwh_day": wanted, "unserved_kwh_day": unserved}
    open_ = offers["plan_kwh_day"].notna()
    if site in run.study.forbidden_sites:
        reasons.append(("Why not", "the configuration forbids a station here (forbidden_sites)"))
    elif not open_.any():
        why = sorted({str(said) for said in offers["said"]}) or ["it has no offer"]
        reasons.append(("Why not", "nothing can be built here: " + "; ".join(why)))
    elif wanted <= LITTLE_KWH:
        reasons.append(("Why not", "nobody whom its chargers could serve is within reach"))
    else:
        reasons.append(("Money left", f"PKR {run.left_pkr / 1e6:,.2f} m of the budget"))
        if run.energy_only:
            reasons.append(("Why not", _required(run, site, limit_s, figures)))
            reasons += _frequency(run, site, count, limit_s, figures)
    empty = pd.DataFrame(columns=["vehicle_class", "served_kwh_day", "lost_kwh_day"])
    return SiteReasons(site, name, "not built", reasons, offers, empty, figures)


def _again(run: Explained, given: Instance, limit_s: float) -> Solution:
    solver = run.study.config.solver
    return solve(
        given,
        run.model,
        gap=solver.gap,
        time_limit_s=limit_s,
        threads=solver.threads,
        seed=solver.seed,
        solver=solver.name,
        start=run.plan.solution.offers,
    )


def _without(run: Explained, site: str, limit_s: float, figures: dict[str, Any]) -> str:
    """Return what the best plan without a station at a site serves, in words."""
    at = run.instance.site_ids.astype(str).tolist().index(site)
    if at in run.instance.required_sites.tolist():
        return "not asked: the configuration requires a station here (required_sites)"
    kept = np.flatnonzero(run.instance.offer_site != at)
    found = _again(run, with_offers(run.instance, kept), limit_s)
    difference = found.objective_kwh_day - run.plan.solution.objective_kwh_day
    figures["planned_without"] = _figures(found)
    proven = f"no plan without it serves more than {found.bound_kwh_day:,.0f}"
    if abs(difference) <= LITTLE_KWH:
        return f"another plan, with nothing here, serves as much ({proven} kWh/day)"
    if difference > 0:
        return f"a plan with nothing here serves {difference:,.0f} kWh/day more ({proven})"
    return (
        f"the best plan found with nothing here serves {-difference:,.0f} kWh/day less ({proven})"
    )


def _required(run: Explained, site: str, limit_s: float, figures: dict[str, Any]) -> str:
    """Return what the best plan with a station at a site serves, in words."""
    at = run.instance.site_ids.astype(str).tolist().index(site)
    required = sorted({*run.instance.required_sites.tolist(), at})
    try:
        given = replace(run.instance, required_sites=np.array(required, dtype=np.int64))
        found = _again(run, given, limit_s)
    except InfeasibleError as err:
        return "with all else that is required it cannot stand: " + "; ".join(map(str, err.faults))
    standing = {o.partition(":")[0] for o in found.offers}
    gone = sorted({o.partition(":")[0] for o in run.plan.solution.offers} - standing)
    difference = found.objective_kwh_day - run.plan.solution.objective_kwh_day
    figures["required"] = {**_figures(found), "instead_of": gone}
    kind = next(o.partition(":")[2] for o in found.offers if o.startswith(f"{site}:"))
    where = f"with {kind} here" + (f" and nothing at {', '.join(gone[:4])}" if gone else "")
    where += " …" if len(gone) > 4 else ""
    proven = f"no plan with it serves more than {found.bound_kwh_day:,.0f}"
    if abs(difference) <= LITTLE_KWH:
        return f"it could as well: a plan {where} serves as much ({proven} kWh/day)"
    if difference > 0:
        return (
            f"it was missed within the gap asked: a plan {where} serves {difference:,.0f} kWh/day "
            f"more ({proven}); `siting replan` with --require {site} builds it"
        )
    return f"the best plan found {where} serves {-difference:,.0f} kWh/day less ({proven})"


def _figures(found: Solution) -> dict[str, Any]:
    return {
        "served_kwh_day": found.objective_kwh_day,
        "bound_kwh_day": found.bound_kwh_day,
        "gap": found.gap,
    }


# --- for both ------------------------------------------------------------------------------------


def _offers(run: Explained, site: str, chosen: str) -> pd.DataFrame:
    table = run.study.offers[run.study.offers["site_id"] == site]
    known: Mapping[str, float] = {}
    if site in set(run.instance.site_ids.astype(str)):
        worth = run.marginal.offers_at(site)
        known = dict(zip(worth["offer_id"], worth["value_kwh_day"], strict=True))
    left = {str(o) for o in run.instance.offer_ids}
    spent_here = float(table.loc[table["offer_id"] == chosen, "subsidy_pkr"].sum())
    rows = []
    for offer in table.to_dict("records"):
        id_, reason = str(offer["offer_id"]), str(offer["reason"] or "").strip()
        value = known.get(id_)
        if id_ == chosen:
            said = "stands" if offer["existing"] else "built"
            value = run.served_kwh_day
        elif reason and reason != "nan":
            said, value = f"ruled out: {reason}", None
        elif id_ not in left:
            said = "not open: the site is forbidden, or what stands here is kept"
        elif value is None:
            said = "another offer here costs no more and serves no less"
        else:
            more = value - run.served_kwh_day
            pkr = float(offer["subsidy_pkr"]) - spent_here
            lacks = pkr - run.left_pkr
            said = f"{more:+,.0f} kWh/day for PKR {pkr / 1e6:+,.2f} m"
            said += f"; PKR {lacks / 1e6:,.2f} m too dear" if lacks > 0.5 else ""
        row = {k: offer[k] for k in ("configuration", "chargers", "subsidy_pkr", "cost_pkr")}
        rows.append({**row, "plan_kwh_day": value, "said": said})
    columns = ["configuration", "chargers", "subsidy_pkr", "cost_pkr", "plan_kwh_day", "said"]
    return pd.DataFrame(rows, columns=columns).astype({"plan_kwh_day": float})


def _frequency(
    run: Explained, site: str, count: int, limit_s: float, figures: dict[str, Any]
) -> list[tuple[str, str]]:
    """Return in how many near-optimal plans a site has a station, in words."""
    if count < 1:
        return []
    study = run.study
    if study.config.program.variant not in ("plain", "weighted") or not _alternates(study):
        return [("In other plans", "not compared: the program does not look for other plans")]
    within = max(2 * study.config.solver.gap, 0.01)
    try:
        found = solve_alternatives(
            run.instance,
            count,
            within_share=within,
            objective=objective_for(study, run.instance),
            zones=zone_of_demand(study),
            floors=floors_of(study),
            city_floor=study.config.program.min_served_share or None,
            model=run.model,
            effort=replace(effort_of(study), time_limit_s=limit_s),
            start=run.plan.solution.offers,
        )
    except SolveError:
        text = f"not compared: none was found in {limit_s:g} s; --seconds gives it longer"
        return [("In other plans", text)]
    except SitingError as err:
        return [("In other plans", f"not compared: {err}")]
    times = found.sites.set_index("site_id")["plans"].to_dict().get(site, 0)
    losses = [plan.loss_share for plan in found.plans]
    figures["alternatives"] = {
        "plans": len(found.plans),
        "with_it": int(times),
        "within_share": within,
        "largest_loss_share": max(losses),
        "complete": found.complete,
    }
    if len(found.plans) < 2:
        return [("In other plans", f"only one plan was found in the {limit_s:g} s given")]
    text = (
        f"a station stands here in {times} of {len(found.plans)} near-optimal plans, which differ "
        f"by two sites or more and serve at most {max(losses):.2%} less than the best of them"
    )
    if not found.complete:
        text += f" (asked for {count}; the time ended first)"
    return [("In other plans", text)]


def _alternates(study: Study) -> bool:
    limits = study.limits or study.required_sites or study.forbidden_sites
    return study.config.offers.subsidy.rule != "gap" and not limits
