"""A plan in years: what to build when, how good that is proven, and what foresight is worth."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from siting.engine.clock import Clock, Progress, relative_gap
from siting.engine.proof import Proof
from siting.models.goals import Weighted
from siting.models.joint import Options, join
from siting.models.phased import Phases, options, site_courses, upgrades_of
from siting.program.instance import Floats, Instance, Ints
from siting.solve.checks import checked, setting_faults
from siting.solve.joint import JointSearch, stopped_by
from siting.solve.joint_valuer import JointValuer
from siting.solve.revalue import served_by
from siting.solve.run import solve

UNIT = "kWh/day x years, discounted"
# Share of the time limit for the plan that looks one year ahead only.
MYOPIC_ENDS = 0.3


@dataclass(frozen=True, eq=False)
class PhasedSolution:
    """A plan in years.

    Parameters
    ----------
    model
        ``capacitated`` or ``coverage``.
    offers_by_year
        What stands in each year: ``year``, ``offer_id``, ``site_id``, ``built_year`` (the year from
        which this offer stands; missing where it stood before the first), ``subsidy_pkr`` (drawn in
        this year), by year and offer.
    served
        By year: ``year``, ``weight``, ``demand_kwh_day``, ``served_kwh_day``, ``served_share``,
        ``stations``, ``new_stations``, ``upgraded_stations`` and ``myopic_kwh_day``, what a plan
        serves that looks at each year alone.
    money
        By year: ``year``, ``budget_pkr``, ``carried_pkr`` (from earlier years), ``spent_pkr``,
        ``left_pkr``.
    proof
        Energy weighted over the years, the limit on any plan's, and the gap.
    myopic_objective
        Energy weighted over the years of the plan that looks at each year alone.
    """

    model: str
    offers_by_year: pd.DataFrame
    served: pd.DataFrame
    money: pd.DataFrame
    proof: Proof
    myopic_objective: float

    @property
    def foresight(self) -> float:
        """Energy weighted over the years that planning ahead serves more than year by year."""
        return self.proof.objective - self.myopic_objective

    def offers_in(self, year: int) -> tuple[str, ...]:
        """Return the ids of the offers that stand in a year, in their order."""
        here = self.offers_by_year["year"] == year
        return tuple(self.offers_by_year.loc[here, "offer_id"])

    def __repr__(self) -> str:
        """Return the plan as a few lines a person can read."""
        lines = [f"PhasedSolution ({self.model}): {self.proof}"]
        for row, money in zip(self.served.itertuples(), self.money.itertuples(), strict=True):
            lines.append(
                f"  {row.year}  {row.served_kwh_day:,.1f} of {row.demand_kwh_day:,.1f} kWh/day, "
                f"{row.stations:,} stations, {row.new_stations:,} new, "
                f"{row.upgraded_stations:,} upgraded, PKR {money.spent_pkr:,.0f}"
            )
        lines.append(f"  foresight serves {self.foresight:,.1f} more than planning year by year")
        return "\n".join(lines)


def solve_phased(
    instances: Mapping[int, Instance],
    budgets_pkr: Mapping[int, float],
    *,
    carry_over: bool = False,
    upgrades: bool = False,
    discount_rate: float = 0.0,
    last_period_years: int = 1,
    model: str = "capacitated",
    gap: float = 0.005,
    time_limit_s: float = 120.0,
    threads: int = 2,
    seed: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> PhasedSolution:
    """Return what to build in which year, the energy served by year (kWh/day), and the proof.

    Nothing closes. The objective is the energy served in each year, times the years until the next,
    discounted to the first. A plan is never worse than planning year by year: that one is worked
    out first, and is the start.

    Parameters
    ----------
    instances
        The data of each year, years rising: the same offers, demand by year. Their own
        ``budget_pkr`` is not used.
    budgets_pkr
        Public money granted in each year (PKR).
    carry_over
        Whether money not spent in a year can be spent later.
    upgrades
        Whether a station can become a bigger one of the same site later, for the difference in
        subsidy.
    discount_rate
        Share by which a kWh/day counts less for each year later, 0 to 1.
    last_period_years
        Years that the last year stands for.
    model
        ``capacitated`` or ``coverage``.
    gap
        Relative gap between bound and plan at which to stop.
    time_limit_s
        Seconds to take at most.
    threads, seed
        Threads of the solver and its random seed.
    progress
        Called now and then with a `Progress`; its energies are weighted over the years.

    Returns
    -------
    PhasedSolution
        Offers by year, energy and money by year, proof, and what foresight is worth.

    Raises
    ------
    InputError
        With every fault of years, budgets, rates and options.
    """
    phases = checked(
        setting_faults(model, gap, time_limit_s, threads),
        lambda: Phases.of(
            instances,
            budgets_pkr,
            carry_over=carry_over,
            upgrades=upgrades,
            discount_rate=discount_rate,
            last_period_years=last_period_years,
        ),
    )
    clock = Clock(time_limit_s, progress)
    found, paid = options(phases)
    first = phases.instances[0]
    joint = join(
        phases.instances,
        found,
        paid.sum(axis=1),
        first.offer_cost[found.last],
        math.fsum(phases.budgets_pkr),
    )
    goal = Weighted(phases.weights)
    valuer = JointValuer(joint, found, len(phases.years), goal, capacitated=model == "capacitated")
    search = JointSearch(valuer, clock, gap, relative_gap, threads=threads, seed=seed)
    myopic = standing(first, len(phases.years))
    try:
        with clock.phase("year by year", MYOPIC_ENDS):
            myopic = year_by_year(phases, model, clock, gap=gap, threads=threads, seed=seed)
        search.run([valuer.choice_of(_positions(found, myopic))])
    except KeyboardInterrupt:
        clock.interrupted = True
    best = search.found
    courses = site_courses(phases, valuer.offers_of(best.best.choice), found)
    return _answer(phases, model, courses, myopic, best.bound, best.nodes, gap, clock)


def standing(instance: Instance, years: int) -> Ints:
    """Return the offer of each site and year if nothing is built; -1 for none."""
    out = np.full((len(instance.site_ids), years), -1, dtype=np.int64)
    kept = np.flatnonzero(instance.offer_existing)
    out[instance.offer_site[kept]] = kept[:, None]
    return out


def year_by_year(
    phases: Phases, model: str, clock: Clock, *, gap: float, threads: int, seed: int
) -> Ints:
    """Return the offer of each site and year (-1 for none) if each year is planned on its own.

    Parameters
    ----------
    phases
        The years.
    model, clock, gap, threads, seed
        As for `siting.solve.solve`; the years share the time of the clock's phase.
    """
    years = len(phases.years)
    out = standing(phases.instances[0], years)
    becomes = upgrades_of(phases.instances[0], phases.upgrades)
    carried = 0.0
    for t, instance in enumerate(phases.instances):
        if clock.over:
            break
        money = phases.budgets_pkr[t] + carried
        kept, year = _left_to_do(instance, out[:, t], becomes, money)
        answer = solve(
            year,
            model,
            gap=gap,
            time_limit_s=max(clock.left_s / (years - t), 0.01),
            threads=threads,
            seed=seed,
        )
        chosen = kept[year.positions_of(answer.offers)]
        out[instance.offer_site[chosen], t:] = chosen[:, None]
        carried = money - answer.subsidy_pkr if phases.carry_over else 0.0
        if answer.stopped == "interrupted":
            clock.interrupted = True
    return out


def _left_to_do(
    instance: Instance, stands: Ints, becomes: np.ndarray, budget: float
) -> tuple[Ints, Instance]:
    """Return the offers still open in a year, and an instance of them; what stands is free."""
    here = stands[instance.offer_site]
    everything = np.arange(len(here))
    open_ = (here < 0) | becomes[here, everything]
    kept = np.flatnonzero(open_)
    at, now = instance.offer_site[kept], here[kept]
    alone = np.bincount(at, minlength=len(instance.site_ids))[at] == 1
    drawn = np.where(now >= 0, instance.offer_subsidy[now], 0.0)
    return kept, dataclasses.replace(
        instance,
        offer_ids=instance.offer_ids[kept],
        offer_site=at,
        offer_capacity=instance.offer_capacity[kept],
        offer_cost=instance.offer_cost[kept],
        offer_subsidy=np.maximum(instance.offer_subsidy[kept] - drawn, 0.0),
        offer_existing=(now == kept) & alone,
        budget_pkr=budget,
    )


def _positions(found: Options, courses: Ints) -> Ints:
    """Return the options that say what stands at each site by year."""
    index = {tuple(row): n for n, row in enumerate(found.offer.tolist())}
    return np.array([index[tuple(row)] for row in courses.tolist() if row[-1] >= 0], dtype=np.int64)


def _answer(
    phases: Phases,
    model: str,
    courses: Ints,
    myopic: Ints,
    bound: float,
    nodes: int,
    gap: float,
    clock: Clock,
) -> PhasedSolution:
    first = phases.instances[0]
    served = _served(phases, model, courses)
    alone = _served(phases, model, myopic)
    weights = np.array(phases.weights)
    objective = math.fsum(weights * served)
    before = np.column_stack([standing(first, 1)[:, 0], courses[:, :-1]])
    drawn = np.where(courses >= 0, first.offer_subsidy[courses], 0.0)
    was = np.where(before >= 0, first.offer_subsidy[before], 0.0)
    paid = np.maximum(drawn - was, 0.0)
    changed = courses != before
    money = _money(phases, paid)
    wanted = np.array([instance.demand_kwh_day for instance in phases.instances])
    proof = Proof.of(
        objective,
        max(bound, objective),
        gap_asked=gap,
        stopped=stopped_by(clock),
        unit=UNIT,
        nodes=nodes,
        seconds={**clock.seconds, "total": clock.elapsed_s},
    )
    by_year = pd.DataFrame(
        {
            "year": phases.years,
            "weight": weights,
            "demand_kwh_day": wanted,
            "served_kwh_day": served,
            "served_share": served / np.maximum(wanted, 1e-12),
            "stations": (courses >= 0).sum(axis=0),
            "new_stations": (changed & (before < 0)).sum(axis=0),
            "upgraded_stations": (changed & (before >= 0)).sum(axis=0),
            "myopic_kwh_day": alone,
        }
    )
    return PhasedSolution(
        model,
        _offers_by_year(phases, courses, changed, paid),
        by_year,
        money,
        proof,
        math.fsum(weights * alone),
    )


def _served(phases: Phases, model: str, courses: Ints) -> Floats:
    return np.array(
        [
            served_by(instance, courses[courses[:, t] >= 0, t], model)
            for t, instance in enumerate(phases.instances)
        ]
    )


def _money(phases: Phases, paid: Floats) -> pd.DataFrame:
    rows, carried = [], 0.0
    for t, (year, budget) in enumerate(zip(phases.years, phases.budgets_pkr, strict=True)):
        spent = math.fsum(paid[:, t])
        left = budget + carried - spent
        rows.append((year, budget, carried, spent, left))
        carried = left if phases.carry_over else 0.0
    columns = ["year", "budget_pkr", "carried_pkr", "spent_pkr", "left_pkr"]
    return pd.DataFrame(rows, columns=columns)


def _offers_by_year(
    phases: Phases, courses: Ints, changed: np.ndarray, paid: Floats
) -> pd.DataFrame:
    first = phases.instances[0]
    frames = []
    built = np.full(len(courses), -1, dtype=np.int64)
    for t, year in enumerate(phases.years):
        built = np.where(changed[:, t], year, built)
        there = np.flatnonzero(courses[:, t] >= 0)
        frames.append(
            pd.DataFrame(
                {
                    "year": year,
                    "offer_id": first.offer_ids[courses[there, t]],
                    "site_id": first.site_ids[there],
                    "built_year": pd.Series(built[there], dtype="Int64").mask(built[there] < 0),
                    "subsidy_pkr": paid[there, t],
                }
            )
        )
    table = pd.concat(frames, ignore_index=True)
    return table.sort_values(["year", "offer_id"], kind="stable", ignore_index=True)
