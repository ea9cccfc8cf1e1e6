"""Explain the decision at a place, the value of each station, and the binding limits.

The figures show what the otherwise unchanged plan would serve without the station, with another
offer at its place, or with a station at the next best place instead. The program is also solved
again with the opposite decision at the place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from siting.config.program import Alternatives
from siting.economics import gap_terms
from siting.engine.answer import Answer
from siting.engine.fixed import assign
from siting.engine.marginal import Marginal, lost_without
from siting.errors import InfeasibleError, SitingError, SolveError
from siting.files import texts_of
from siting.program.program import Program
from siting.review.solving import amount, better_by, effort_for, little, stored_answer, with_budget
from siting.shown import SITE, Block, Column, Display, Shown, block_of
from siting.sites.chargers_text import BUILD, chargers_told
from siting.sites.sizes import step_text
from siting.study.other_plans import alternatives
from siting.study.pipeline import Study
from siting.study.program_inputs import Asked, subsidy_of
from siting.study.revalue import in_the_end
from siting.study.stored_run import Source, plan_of, study_of
from siting.study.to_limits import site_named
from siting.study.to_program import MILLION, instance_of, program_of
from siting.tables import capacity_columns, capacity_groups

# Energy too small to mention (kWh/day), and the share of capacity at which a station is full.
LITTLE_KWH, FULL_SHARE = 0.5, 0.999
NEAREST = 3
DIFFER_BY = 2  # near-optimal plans differ by at least this many sites
# The solver's gap is divided by this to find the effect of another million rupees.
FINER = 5
NO_CLASSES = pd.DataFrame(columns=["vehicle_class", "served_kwh_day", "lost_kwh_day"])
STATES = {"built": "is built", "stands": "already exists", "not built": "gets no station"}
_OPENED: WeakKeyDictionary[Study, Explained] = WeakKeyDictionary()


def opened(source: Source | Explained) -> Explained:
    """Return an `Explained` of a source; for a study in memory, it is made only once."""
    if isinstance(source, Explained):
        return source
    if isinstance(source, Path | str):
        return Explained(source)
    study = study_of(source)
    if study not in _OPENED:
        _OPENED[study] = Explained(study)
    return _OPENED[study]


class Explained:
    """A run folder, study or plan to be explained, with the energy lost without each station."""

    def __init__(self, source: Source) -> None:
        self.study = study = study_of(source)
        self.plan = plan_of(study, source)
        # The name of each site; blank if it has none.
        self.names = self.plan.candidates.set_index("site_id")["name"].astype("str").fillna("")
        self.asked, self.found = study.asked, self.plan.outcome
        # The value of a station is the energy that would be lost without it in the last year.
        self.instance = instance_of(in_the_end(self.asked, self.found.budget_pkr))
        program = Program(self.instance, self.found.model)
        self.marginal = Marginal(program, self.found.offers)
        self.served_kwh_day = self.marginal.value
        lost = lost_without(program, self.found.offers, self.plan.sites["site_id"].astype(str))
        self.losses = pd.Series(lost, name="marginal_kwh_day", dtype=float)

    @property
    def pays_by_offer(self) -> bool:
        """Whether the subsidy of an offer is independent of the energy that it serves."""
        return self.asked.need is None

    @property
    def left_pkr(self) -> float:
        """Public money that the plan does not spend (PKR)."""
        return self.found.budget_pkr - self.found.subsidy_pkr

    def name_of(self, site: str) -> str:
        """Return the id of a site, followed by its name if the site has a name."""
        name = self.names[site]
        return f"{site} ({name})" if name else site


def _public_money(row: Mapping[Any, Any]) -> str:
    """Return the subsidy of an offer (PKR m) or, if it is not known, its range.

    >>> _public_money({"paid_pkr": 390e3, "least_pkr": 120e3, "subsidy_pkr": 950e3})
    '0.39'
    >>> _public_money({"paid_pkr": float("nan"), "least_pkr": 120e3, "subsidy_pkr": 950e3})
    '0.12-0.95'
    """
    if not pd.isna(row["paid_pkr"]):
        return f"{row['paid_pkr'] / 1e6:,.2f}"
    ends = (f"{row[end] / 1e6:,.2f}" for end in ("least_pkr", "subsidy_pkr"))
    return "-".join(dict.fromkeys(ends))


# Columns of three tables: the classes that a station serves, the offers at a place, the stations.
SERVED = (
    Column("Vehicle class", "vehicle_class", "_", no_wrap=True),
    Column("Served here, kWh/day", "served_kwh_day", ",.0f"),
    Column("Lost without it", lambda row: row["lost_kwh_day"] + 0.0, ",.0f"),
)
OFFERED = (
    Column("Could be built here", chargers_told, no_wrap=True),
    Column("PKR m", _public_money, ">"),
    Column("The plan would then serve", "said"),
)
OF_OFFERS = (
    "PKR m: public money. For a built station: its subsidy. For other offers: the smallest subsidy "
    "(if the station sells out) and the largest allowed. What the plan would serve is computed "
    "with all other stations unchanged."
)
WORTH = (
    *SITE,
    BUILD,
    Column("PKR m", "subsidy_pkr", ",.2f", per=1e6, min_width=6),
    Column("Serves", "served_kwh_day", ",.0f", min_width=6),
    Column("Lost", "marginal_kwh_day", ",.0f", min_width=6),
    Column("PKR a kWh", "pkr_per_kwh_day", ",.0f", blank="no gain", min_width=9),
)
OF_WORTH = (
    "Serves: kWh/day sold. Lost: kWh/day that would not be served without the station, with all "
    "other stations unchanged. PKR a kWh: subsidy divided by Lost. The most doubtful stations come "
    "first."
)


@dataclass(eq=False, repr=False)
class SiteReasons(Shown):
    """The reasons for or against a station at a place.

    `state` is ``built``, ``stands`` (an existing station) or ``not built``. `reasons` has pairs
    (label, text), in the order in which a reader needs them. `figures` has the numbers in these
    texts, for use by other programs. `note` is the caveat of the plan.

    `offers` has one row per offer shown at the place (`Study.shown_offers`): ``configuration``,
    ``chargers``, ``subsidy_pkr`` (its maximum), ``least_pkr`` (its subsidy at full sales),
    ``paid_pkr`` (its subsidy in the plan; missing if not built), ``cost_pkr``, ``plan_kwh_day``
    (the energy served if only this offer is changed; missing if the offer cannot be built) and
    ``said`` (a remark). `classes` has one row per vehicle class that the station serves:
    ``served_kwh_day`` at the station, and ``lost_kwh_day`` (the plan's loss without the station).
    """

    site_id: str
    name: str
    state: str
    offers: pd.DataFrame
    classes: pd.DataFrame = field(default_factory=lambda: NO_CLASSES)
    reasons: list[tuple[str, str]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    def say(self, what: str, words: str, **figures: Any) -> None:
        """Add a reason and its figures."""
        self.reasons.append((what, words))
        self.figures.update(figures)

    def _shown(self) -> Display:
        blocks = [Block((), self.reasons, most=len(self.reasons))]
        if len(self.classes):
            blocks.append(block_of(self.classes, SERVED, "classes"))
        if len(self.offers):
            below, every = OF_OFFERS, len(self.offers)
            blocks.append(block_of(self.offers, OFFERED, "offers", below=below, most=every))
        name = f" ({self.name})" if self.name else ""
        return Display(f"{self.site_id}{name} {STATES[self.state]}", self.note, blocks)


def explain_site(
    folder: Source | Explained, site: str, *, alternatives: int = 5, time_limit_s: float = 30.0
) -> SiteReasons:
    """Return the reasons why a place has or lacks a station.

    Parameters
    ----------
    folder
        A run folder, a study, a plan, or an `Explained` of one of these.
    site
        The place, by id or name.
    alternatives
        Number of near-optimal plans in which to look for a station at the place.
    time_limit_s
        Time limit (s) for finding the near-optimal plans. The solve with the opposite decision at
        the place has the same limit.

    Raises
    ------
    InputError
        If the folder cannot be used, or the site does not exist.
    """
    run = opened(folder)
    site_id = site_named(run.plan.candidates, site, "SITE", most=NEAREST)
    name = run.names[site_id]
    stations = run.plan.sites.set_index("site_id")
    if site_id not in stations.index:
        offers = _offers(run, site_id, "")
        reasons = SiteReasons(site_id, name, "not built", offers, note=run.plan.note)
        if not _not_built(run, reasons, time_limit_s):
            return reasons
    else:
        row = stations.loc[site_id]
        state, offer = "stands" if row["existing"] else "built", str(row["offer_id"])
        offers, classes = _offers(run, site_id, offer), _classes(run, site_id, offer)
        reasons = SiteReasons(site_id, name, state, offers, classes, note=run.plan.note)
        _built(run, reasons, row, time_limit_s)
    if alternatives > 0:
        _frequency(run, reasons, alternatives, time_limit_s)
    return reasons


# --- a station of the plan -----------------------------------------------------------------------


def _built(run: Explained, reasons: SiteReasons, row: pd.Series[Any], limit_s: float) -> None:
    site = reasons.site_id
    served, lost = float(row["served_kwh_day"]), float(run.losses[site])
    full = float(row["use_share"]) >= FULL_SHARE
    reasons.say(
        "What it serves",
        f"{served:,.0f} kWh/day from {int(row['cells_served']):,} cells, "
        f"{row['mean_travel_min']:.1f} min away on average, {row['use_share']:.0%} of what "
        f"its chargers ({row['chargers']}) can deliver",
        served_kwh_day=served,
        marginal_kwh_day=lost,
        **{name: float(row[name]) for name in ("subsidy_pkr", "cost_pkr", "use_share")},
    )
    said = f"{lost:,.0f} kWh/day; other stations would take over {max(served - lost, 0):,.0f}"
    reasons.say("Lost without it", said)
    reasons.say("What it costs", _costs(row, served, lost))
    reasons.say("What limits it", _limited_by(*_in_reach(run, site), full=full))
    if reasons.state == "built":
        best = run.marginal.best_elsewhere(site)
        best = best.rename(columns={name: f"{name}_kwh_day" for name in ("value", "gain")})
        said = _next_best(run, best, lost)
        reasons.say("Next best place", said, next_best=best.to_dict("records"))
        reasons.say("Planned without it", _without(run, site, limit_s, reasons.figures))


def _classes(run: Explained, site: str, offer: str) -> pd.DataFrame:
    others = [o for o in run.found.offers if o != offer]
    service, here = run.plan.service, run.plan.service[run.plan.service["site_id"] == site]
    kwh_without, kwh_in_all, kwh_here = (
        table.groupby("vehicle_class")["served_kwh_day"].sum()
        for table in (assign(run.instance, others, run.found.model), service, here)
    )
    table = kwh_here.to_frame().assign(lost_kwh_day=kwh_in_all.sub(kwh_without, fill_value=0.0))
    table = table[table["served_kwh_day"] > LITTLE_KWH]
    return table.sort_values("served_kwh_day", ascending=False).reset_index()


def _costs(row: pd.Series[Any], served: float, lost: float) -> str:
    pkr = float(row["subsidy_pkr"])
    text = f"PKR {row['cost_pkr'] / 1e6:,.2f} m, {pkr / 1e6:,.2f} m of it public"
    if pkr > 0 and served > 0:
        text += f": {pkr / served:,.0f} rupees of subsidy per kWh/day served"
        text += f", {pkr / lost:,.0f} per kWh/day that would be lost" if lost > LITTLE_KWH else ""
    years = row.get("payback_subsidised_years")
    if isinstance(years, float) and years == years:
        text += f"; it pays back in {years:,.1f} years"
    return text


def _in_reach(run: Explained, site: str) -> tuple[float, float]:
    """Return the demand that a site could serve, and how much of it is not served (kWh/day)."""
    here = run.study.offers[run.study.offers["site_id"] == site]
    pairs, demand = run.study.compatibility, run.plan.demand
    able = [g for g in capacity_groups(here.columns) if (here[f"capacity_{g}_kwh_day"] > 0).any()]
    classes = pairs.loc[pairs["charger_group"].isin(able), "vehicle_class"]
    near = run.study.reach.loc[run.study.reach["site_id"] == site, "cell_id"]
    rows = demand[demand["cell_id"].isin(near) & demand["vehicle_class"].isin(classes)]
    wanted = float(rows["demand_kwh_day"].sum())
    return wanted, wanted - float(rows["served_kwh_day"].sum())


def _limited_by(wanted: float, left: float, *, full: bool) -> str:
    text = f"{wanted:,.0f} kWh/day of demand within reach, {left:,.0f} of it not served anywhere"
    if full and left > LITTLE_KWH:
        return f"its own capacity: {text}"
    if left <= LITTLE_KWH:
        text = f"all {wanted:,.0f} kWh/day of demand within reach are served already"
        return f"reach: {text}, so more chargers here would add nothing"
    return f"the vehicle classes that can use its chargers: {text}; the station has capacity left"


def _next_best(run: Explained, best: pd.DataFrame, lost: float) -> str:
    if best.empty:
        return "none: for the same money, no single station elsewhere would serve more demand"
    top = best.iloc[0]
    more = float(top["gain_kwh_day"]) - lost
    verdict = f"{abs(more):,.0f} kWh/day {'more' if more > 0 else 'less'}"
    verdict = "as much" if abs(more) <= LITTLE_KWH else verdict
    where, kind = run.name_of(str(top["site_id"])), _offer_in_words(run, str(top["offer_id"]))
    money = f" for PKR {top['subsidy_pkr'] / 1e6:,.2f} m" if run.pays_by_offer else ""
    return f"{where} with {kind}{money}: the otherwise unchanged plan would serve {verdict}"


def _offer_in_words(run: Explained, offer_id: str) -> str:
    """Return an offer in words: its configuration, or its chargers."""
    offer = run.study.offers.loc[run.study.offers["offer_id"] == offer_id].iloc[0]
    return chargers_told(offer.to_dict())


def _without(run: Explained, site: str, limit_s: float, figures: dict[str, Any]) -> str:
    """Describe the best plan without a station at a site."""
    if site in run.study.required_sites:
        return "not computed: the configuration requires a station here (required_sites)"
    given = replace(run.asked, forbidden=(*run.asked.forbidden, site))
    again = _again(run, given, limit_s, "no plan without a station here meets the requirements")
    if isinstance(again, str):
        return again
    figures["planned_without"] = again.figures
    which = "a plan" if again.more > 0 else "the best plan found"
    which = "another plan" if again.same else which
    return f"{which} without a station here {again.told('plan without it')}"


# --- a place without a station -------------------------------------------------------------------


def _not_built(run: Explained, reasons: SiteReasons, limit_s: float) -> bool:
    """Add the reasons why a site has no station; return whether a plan could build one there."""
    site = reasons.site_id
    wanted, unserved = _in_reach(run, site)
    reasons.say(
        "Demand there",
        f"{wanted:,.0f} kWh/day of demand within reach; {unserved:,.0f} of it is served nowhere",
        reach_kwh_day=wanted,
        unserved_kwh_day=unserved,
    )
    if site in run.study.forbidden_sites:
        why = "the configuration forbids a station here (forbidden_sites)"
    elif reasons.offers["plan_kwh_day"].isna().all():
        said = sorted({str(said) for said in reasons.offers["said"]}) or ["it has no offer"]
        why = "nothing can be built here: " + "; ".join(said)
    elif wanted <= LITTLE_KWH:
        why = "no demand that chargers here could serve is within reach"
    else:
        reasons.say("Money left", f"PKR {run.left_pkr / 1e6:,.2f} m of the budget")
        reasons.say("Why not", _required(run, site, limit_s, reasons.figures))
        return True
    reasons.say("Why not", why)
    return False


def _required(run: Explained, site: str, limit_s: float, figures: dict[str, Any]) -> str:
    """Describe the best plan with a station at a site."""
    given = replace(run.asked, required=(*run.asked.required, site))
    again = _again(run, given, limit_s, "a station here contradicts the other requirements")
    if isinstance(again, str):
        return again
    figures["required"] = again.figures
    standing = {offer.partition(":")[0]: offer for offer in again.answer.offers}
    gone = sorted({o.partition(":")[0] for o in run.found.offers} - set(standing))
    figures["required"]["instead_of"] = gone
    where = f"with {_offer_in_words(run, standing[site])} here"
    where += f" and nothing at {', '.join(gone[:4])}" if gone else ""
    where += " …" if len(gone) > 4 else ""
    told = f"{where} {again.told('plan with it')}"
    if again.same:
        return f"it could have one: a plan {told}"
    if again.more > 0:
        missed = "a better plan was missed within the requested gap"
        return f"{missed}: one {told}; a replan that requires {site} builds it"
    return f"the best plan found {told}"


# --- places with and without a station -----------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Again:
    """The best plan under changed requirements, compared with the run's plan."""

    answer: Answer
    more: float  # improvement over the plan of the run (kWh/day, or the unit of the aim)
    energy: bool  # whether the aim is energy served

    @property
    def same(self) -> bool:
        """Whether the difference is too small to mention."""
        return abs(self.more) <= little(self.answer.proof.unit)

    def told(self, which: str) -> str:
        """Return the difference and the proven bound on such plans (`which`) in words."""
        proof, how = self.answer.proof, amount(abs(self.more), self.answer.proof.unit)
        if self.same:
            text = f"{'serves' if self.energy else 'reaches'} as much"
        elif self.energy:
            text = f"serves {how} {'more' if self.more > 0 else 'less'}"
        else:
            better = "better" if self.more > 0 else "worse"
            text = f"is {how} {better} ({self.answer.proofs[0].aim})"
        if not math.isfinite(proof.bound):
            return f"{text} (no bound on a {which} was proven in time)"
        verb = "serves more" if self.energy else "is better"
        return f"{text} (no {which} {verb} than {amount(proof.bound, proof.unit)})"

    @property
    def figures(self) -> dict[str, Any]:
        """The comparison as numbers."""
        proof = self.answer.proof
        return {
            "served_kwh_day": self.answer.served_kwh_day,
            "objective": proof.objective,
            "bound": proof.bound if math.isfinite(proof.bound) else None,
            "unit": proof.unit,
            "gap": proof.gap if math.isfinite(proof.gap) else None,
        }


def _again(run: Explained, given: Asked, limit_s: float, cannot: str) -> Again | str:
    """Return the best plan under changed requirements, or the reason why there is none."""
    try:
        program = program_of(given)
        answer = effort_for(given, limit_s).solve(program, start=run.found.offers)
    except InfeasibleError as err:
        return f"{cannot}: " + "; ".join(map(str, err.faults))
    except SolveError:
        return f"no plan was found in {limit_s:g} s; a longer time limit may find one"
    more = better_by(program, answer.proof, run.found.proof)
    return Again(answer, more, run.found.bound_kwh_day is not None)


def _offers(run: Explained, site: str, chosen: str) -> pd.DataFrame:
    table = run.study.shown_offers[run.study.shown_offers["site_id"] == site]
    table = table.assign(reason=texts_of(table, "reason"))
    known: Mapping[str, float] = {}
    if site in set(run.instance.site_ids):
        worth = run.marginal.offers_at(site)
        known = dict(zip(worth["offer_id"], worth["value"], strict=True))
    left = {str(o) for o in run.instance.offer_ids}
    gap, most = _sold_out(run, table), table["subsidy_pkr"].to_numpy(dtype=float)
    # If a station cannot break even, other stations of its concession may cover its loss.
    shared = run.asked.need is not None and site in run.asked.need.rule.concessions
    here = " + ".join(table.loc[table["offer_id"] == chosen, "chargers"].astype(str))
    spent_here = float(table.loc[table["offer_id"] == chosen, "subsidy_pkr"].sum())
    rows = []
    for offer, lacks in zip(table.to_dict("records"), gap - most, strict=True):
        id_ = str(offer["offer_id"])
        value = known.get(id_)
        if id_ == chosen:
            said, value = "existing" if offer["existing"] else "built", run.served_kwh_day
        elif offer["reason"]:
            said, value = f"ruled out: {offer['reason']}", None
        elif id_ not in left:
            said = "not allowed: the site is forbidden, or its existing station is kept"
        elif lacks > 0.5 and not shared:
            said, value = "cannot break even at these prices, even if sold out", None
        elif value is None:
            said = "useful to nobody within reach, or exceeds a limit or the budget"
        else:
            said = f"{value - run.served_kwh_day:+,.0f} kWh/day"
            step = step_text(here, str(offer["chargers"]))
            said = f"{step}: {said}" if step and "," not in step else said
            if run.pays_by_offer:
                pkr = float(offer["subsidy_pkr"]) - spent_here
                over = pkr - run.left_pkr
                said += f" for PKR {pkr / 1e6:+,.2f} m"
                said += f"; PKR {over / 1e6:,.2f} m more than is left" if over > 0.5 else ""
        paid = run.found.subsidies.get(site, 0.0) if id_ == chosen else None
        rows.append({**offer, "paid_pkr": paid, "plan_kwh_day": value, "said": said})
    columns = ["configuration", "chargers", "paid_pkr", "least_pkr", "subsidy_pkr", "cost_pkr"]
    made = pd.DataFrame(rows, columns=[*columns, "plan_kwh_day", "said"])
    made["least_pkr"] = gap.clip(upper=most)
    return made.astype({"paid_pkr": float, "plan_kwh_day": float})


def _sold_out(run: Explained, offers: pd.DataFrame) -> pd.Series[float]:
    """Return the smallest subsidy of each offer (PKR): its viability gap at full sales."""
    most = offers["subsidy_pkr"].astype(float).reset_index(drop=True)
    if run.pays_by_offer or offers.empty:
        return most
    able = offers[capacity_columns(offers)].sum(axis=1).astype(float)
    sold = (able - offers["standing_kwh_day"].astype(float)).reset_index(drop=True)
    terms = gap_terms(offers, run.asked.rules, subsidy_of(run.asked.config))
    lacks = terms["need_pkr"] - terms["worth_pkr_kwh_day"] * sold
    return lacks.clip(lower=0.0).where(~offers["existing"].to_numpy(dtype=bool), 0.0)


def _frequency(run: Explained, reasons: SiteReasons, count: int, limit_s: float) -> None:
    """Add to the reasons how many near-optimal plans have a station at this site.

    `count` includes the plan itself.
    """
    within = max(2 * run.asked.config.solver.gap, 0.01)
    wanted = Alternatives.model_construct(count=count, differ_by=DIFFER_BY, within_share=within)
    effort = effort_for(run.asked, limit_s)
    try:
        program = program_of(run.asked)
        table, sites = alternatives(program, stored_answer(program, run.found), wanted, effort)
    except SitingError as err:
        reasons.say("In other plans", f"not compared: {err}")
        return
    complete = len(table) == count or effort.left_s > 0
    times = int(sites.loc[sites["site_id"] == reasons.site_id, "plans"].sum())
    loss = float(table["loss_share"].max())
    reasons.figures["alternatives"] = {
        "plans": len(table),
        "with_it": times,
        "within_share": within,
        "largest_loss_share": loss,
        "complete": complete,
    }
    if len(table) < 2:
        text = "there is no other near-optimal plan"
        if not complete:
            text = f"only one plan was found in {limit_s:g} s"
    else:
        text = (
            f"{times} of {len(table)} near-optimal plans have a station here; the plans differ by "
            f"{DIFFER_BY} sites or more and lose at most {loss:.2%} compared with the best of them"
        )
        text += "" if complete else f" ({count} were requested; the time limit was reached)"
    reasons.say("In other plans", text)


# --- the plan station by station -----------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class PlanReasons(Shown):
    """The value of each station in a plan, and the plan's binding limits.

    `stations` has one row per new station: ``site_id``, ``name``, ``configuration``, ``chargers``,
    ``subsidy_pkr``, ``cost_pkr``, ``served_kwh_day``, ``use_share``, ``marginal_kwh_day`` (the
    energy lost if only this station were missing) and ``pkr_per_kwh_day`` (subsidy divided by
    marginal energy). Stations with no marginal energy come first, then those with the highest
    ``pkr_per_kwh_day``. `binding` has the binding limits as pairs (label, text), and `figures` has
    the numbers in these texts, for use by other programs. `title` and `note` are those of the plan.
    """

    stations: pd.DataFrame
    binding: list[tuple[str, str]]
    figures: dict[str, Any]
    title: str
    note: str

    def _shown(self) -> Display:
        blocks = [Block((), self.binding)]
        if len(self.stations):
            blocks.append(block_of(self.stations, WORTH, "stations", below=OF_WORTH))
        return Display(f"{self.title}: what its stations are worth", self.note, blocks)


def explain_plan(folder: Source | Explained, *, time_limit_s: float = 20.0) -> PlanReasons:
    """Return the value of each station in a stored plan, and the plan's binding limits.

    Parameters
    ----------
    folder
        A run folder, a study, a plan, or an `Explained` of one of these.
    time_limit_s
        Time limit (s) for a solve with another million rupees of budget.

    Raises
    ------
    InputError
        If the folder cannot be used.
    """
    run = opened(folder)
    kept = ["site_id", "name", "configuration", "chargers", "subsidy_pkr", "cost_pkr"]
    stations = pd.DataFrame(run.plan.new_sites[[*kept, "served_kwh_day", "use_share"]])
    lost = stations["site_id"].map(run.losses).astype(float).fillna(0.0)
    stations["marginal_kwh_day"] = lost
    stations["pkr_per_kwh_day"] = stations["subsidy_pkr"] / lost.where(lost > 1e-9)
    # Stations whose loss would cost no energy are the most doubtful, so they come first.
    stations = stations.sort_values(
        ["pkr_per_kwh_day", "subsidy_pkr", "site_id"],
        ascending=[False, False, True],
        na_position="first",
        ignore_index=True,
    )
    figures: dict[str, Any] = {}
    binding = [*_money(run, time_limit_s, figures), *_limits(run), *_stations(run), *_demand(run)]
    return PlanReasons(stations, binding, figures, run.plan.title, run.plan.note)


def _money(run: Explained, limit_s: float, figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Describe the public money spent and the effect of one more million rupees."""
    outcome = run.found
    text = f"PKR {outcome.subsidy_pkr / 1e6:,.2f} m of {outcome.budget_pkr / 1e6:,.2f} m is spent"
    if not run.asked.budgeted or not np.isfinite(outcome.budget_pkr):
        return [("Budget", text)]
    given = with_budget(run.asked, outcome.budget_pkr + MILLION)
    program, finer = program_of(given), run.asked.config.solver.gap / FINER
    # The configured solver gap is too wide, as it may exceed the gain from a million rupees.
    try:
        more = effort_for(given, limit_s, finer).solve(program, start=outcome.offers).proof
    except SolveError:
        return [("Budget", f"{text}; the effect of more money was not found in {limit_s:g} s")]
    gained = max(better_by(program, more, outcome.proof), 0.0)
    most = max(better_by(program, replace(more, objective=more.bound), outcome.proof), 0.0)
    proven = math.isfinite(more.bound)
    energy, unit = outcome.bound_kwh_day is not None, more.unit
    kind = "_kwh_day" if energy else ""
    figures["one_more_million"] = {f"gain{kind}": gained, f"most{kind}": most if proven else None}
    if most <= little(unit):
        nothing = "serve no more" if energy else "improve nothing"
        return [("Budget", f"{text}; one more million rupees would {nothing}, which is proven")]
    verb, ending = ("serve", " more") if energy else ("improve the aim by", "")
    text += f"; one more million rupees would {verb} at least {amount(gained, unit)}{ending}"
    if proven:
        text += f", and at most {amount(most, unit)}"
    else:
        text += f"; no upper bound was proven in {limit_s:g} s"
    return [("Budget", text)]


def _limits(run: Explained) -> list[tuple[str, str]]:
    out, spacing = [], 0
    price = run.study.offers.set_index("offer_id")["subsidy_pkr"].fillna(0.0).to_dict()
    drawn = run.found.drawn
    for limit in run.asked.limits:
        used = limit.used(drawn)
        each = (use * (price[o] if limit.per_rupee else 1.0) for o, use in limit.use.items())
        least = min((use for use in each if use > 0), default=-math.inf)
        if limit.at_least > 0 and used <= limit.at_least + 1e-6:
            need = f"{limit.at_least:,.10g} {limit.unit}"
            out.append((f"Limit {limit.name}", f"{need} are required, and no more is used"))
        if used + least <= limit.at_most + 1e-6:
            continue
        if limit.kind == "spacing":
            spacing += 1
        else:
            figures = f"{used:,.10g} of {limit.at_most:,.10g} {limit.unit} is used"
            out.append((f"Limit {limit.name}", f"{figures}: nothing more fits"))
    if spacing:
        out.append(("Spacing", f"{spacing:,} places are too close to a station to have their own"))
    for what, sites in (
        ("Required sites", run.study.required_sites),
        ("Forbidden sites", run.study.forbidden_sites),
    ):
        if sites:
            out.append((what, ", ".join(sites[:8]) + (" …" if len(sites) > 8 else "")))
    return out


def _stations(run: Explained) -> list[tuple[str, str]]:
    new = run.plan.new_sites
    if new.empty:
        return [("Stations", "the plan builds none")]
    full = int((new["use_share"] >= FULL_SHARE).sum())
    out = [("Capacity", f"{full:,} of {len(new):,} new stations are full")]
    reason = texts_of(run.study.offers, "reason")
    if ruled_out := int((reason != "").sum()):
        by_power = f"{int(reason.str.contains('headroom').sum()):,} of them"
        out.append(("Ruled out", f"{ruled_out:,} offers, {by_power} for lack of grid headroom"))
    return out


def _demand(run: Explained) -> list[tuple[str, str]]:
    in_reach = float(run.instance.demand_kwh[run.instance.served_pairs].sum())
    far, left = run.instance.demand_kwh_day - in_reach, in_reach - run.served_kwh_day
    text = f"{far:,.0f} kWh/day is not within reach of any place; {max(left, 0):,.0f} is within"
    return [("Demand not served", f"{text} reach of a place but is not served")]
