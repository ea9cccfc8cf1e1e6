"""The best plans that differ from each other, and the sites they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from siting.engine.clock import Clock
from siting.engine.proof import Proof
from siting.errors import Fault, InputError, SolveError
from siting.models.distance import add_distances, built_sites
from siting.models.rows import zones_of
from siting.program.instance import Instance, Ints
from siting.program.objective import Objective, objective_of
from siting.solve.outcome import Built, Outcome, Variant, service_table, with_offers
from siting.solve.service import check_model
from siting.solve.settle import Effort, Settled, settle
from siting.solve.weighted import ids_of, is_energy, plain_starts, weighted_variant
from siting.solve.whynot import raise_why_not

# Starts tried for each plan after the first, and share of the time left each may take.
STARTS, START_SHARE = 3, 0.15
# The least worth of an alternative may be missed by this share of it.
TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Alternative:
    """One of several plans.

    Parameters
    ----------
    offers
        Ids of the offers chosen, existing stations included, in order.
    service
        Who is served by what (`siting.tables.SERVICE`).
    proof
        Worth of the plan, and what is proven of any plan that differs enough from those before it.
    loss_share
        Worth lost against the first plan, as a share of it.
    """

    offers: tuple[str, ...]
    service: pd.DataFrame
    proof: Proof
    loss_share: float


@dataclass(frozen=True, eq=False)
class Alternatives:
    """Plans that differ from each other.

    Parameters
    ----------
    plans
        The plans, best first as far as proven.
    sites
        One row a site that any plan builds: ``site_id``, ``plans`` (in how many it stands),
        ``share`` (of the plans); most frequent first.
    complete
        Whether there are as many as asked for, or it is proven that there are no more.
    """

    plans: tuple[Alternative, ...]
    sites: pd.DataFrame
    complete: bool


def solve_alternatives(
    instance: Instance,
    count: int = 3,
    *,
    differ_by: int = 2,
    within_share: float | None = None,
    objective: Objective | None = None,
    zones: pd.Series | None = None,
    floors: Mapping[str, float] | None = None,
    city_floor: float | None = None,
    model: str = "capacitated",
    effort: Effort | None = None,
    start: Sequence[str] | None = None,
) -> Alternatives:
    """Return the best plans that differ from each other by a number of sites.

    Parameters
    ----------
    instance
        The data of the program.
    count
        Number of plans.
    differ_by
        Number of sites that stand in one of two plans only, at least.
    within_share
        Worth of the first plan that another may lose, as a share of it; any by default.
    objective, zones, floors, city_floor, model
        As for `siting.solve.solve_weighted`.
    effort
        Gap, threads, seed and solver of each plan; the time limit is for all together.
    start
        Offers of a plan found earlier, to begin with.

    Raises
    ------
    InputError
        If an argument makes no sense.
    InfeasibleError
        If no plan holds the floors.
    SolveError
        If not even one plan was found in time.
    """
    check_model(model)
    effort = effort or Effort()
    effort.check()
    _check(count, differ_by, within_share)
    objective = objective_of(instance) if objective is None else objective
    where = zones_of(instance, zones)
    base = weighted_variant(instance, objective, where, floors, city_floor, model)
    clock = Clock(effort.time_limit_s, effort.progress)
    energy = is_energy(instance, objective)
    found: list[tuple[Outcome, Proof]] = []
    complete = True
    for n in range(count):
        plans = [built_sites(instance, outcome.offers) for outcome, _ in found]
        least = None
        if found and within_share is not None:
            least = (1 - within_share) * found[0][1].objective
        variant = _apart(base, instance, plans, differ_by, least)
        if found:
            # What no plan at all can better, no other plan can.
            variant = replace(variant, ceiling=partial(_least_bound, found))
        with clock.phase(f"plan {n + 1}", (n + 1) / count):
            starts = (
                _near(
                    instance,
                    [outcome for outcome, _ in found],
                    differ_by,
                    model,
                    effort,
                    clock,
                    start,
                )
                if found
                else plain_starts(instance, model, effort, clock, bounds=energy, start=start)
            )
            settled: Settled = settle(variant, effort, clock, starts)
        if settled.infeasible and not found:
            raise_why_not(instance, where, floors, city_floor, model, effort)
        if settled.outcome is None or settled.proof is None:
            complete = settled.infeasible
            break
        found.append((settled.outcome, settled.proof))
        if clock.interrupted:
            complete = n + 1 == count
            break
    if not found:
        raise SolveError(Fault("alternatives", "no plan found in time", "give it more time"))
    best = found[0][1].objective
    plans_out = tuple(
        Alternative(
            ids_of(instance, outcome),
            service_table(instance, outcome),
            proof,
            max(0.0, (best - proof.objective) / best) if best > 0 else 0.0,
        )
        for outcome, proof in found
    )
    return Alternatives(plans_out, _frequencies(instance, [o for o, _ in found]), complete)


def _apart(
    base: Variant,
    instance: Instance,
    plans: list[frozenset[int]],
    differ_by: int,
    least: float | None,
) -> Variant:
    """Return a variant whose plans differ from others and are worth no less than a figure."""

    def build(given: Instance) -> Built:
        built = base.build(given)
        if least is not None:
            prob = built.program.prob
            assert prob.objective is not None
            unit = max(least, 1e-9)
            worth = prob.objective * (-1.0 / unit)
            prob.addConstraint(worth <= -(1 - TOLERANCE), "near")
        add_distances(built.program, plans, differ_by)
        return built

    def fits(outcome: Outcome) -> bool:
        sites = built_sites(instance, outcome.offers)
        apart = all(len(sites ^ plan) >= differ_by for plan in plans)
        near = least is None or outcome.worth >= least * (1 - 2 * TOLERANCE)
        return apart and near and base.fits(outcome)

    return replace(base, build=build, fits=fits)


def _least_bound(found: list[tuple[Outcome, Proof]], _built: Built) -> float:
    """Return the lowest bound proven so far."""
    return min(proof.bound for _, proof in found)


def _near(
    instance: Instance,
    found: list[Outcome],
    differ_by: int,
    model: str,
    effort: Effort,
    clock: Clock,
    start: Sequence[str] | None,
) -> Iterator[Ints]:
    """Yield good plans without those sites of the plans so far that serve the least.

    Sites are left out until each plan lacks as many as plans must differ by.
    """
    served = np.zeros(len(instance.site_ids))
    for outcome in found:
        site = outcome.built.rows.demand.site[outcome.pair]
        np.add.at(served, site, outcome.kwh)
    plans = [built_sites(instance, outcome.offers) for outcome in found]
    times = Counter(j for plan in plans for j in plan)
    order = sorted(times, key=lambda j: (-times[j], served[j], j))
    for skip in range(STARTS):
        left_out: set[int] = set()
        for j in order[skip * differ_by :]:
            if any(j in plan and len(plan & left_out) < differ_by for plan in plans):
                left_out.add(j)
        new = ~instance.offer_existing
        kept = np.flatnonzero(~(np.isin(instance.offer_site, sorted(left_out)) & new))
        given = with_offers(instance, kept)
        if not len(kept) or not given.served_pairs.any():
            return
        for at in plain_starts(given, model, effort, clock, START_SHARE, start=start):
            if not isinstance(at, float):
                yield kept[at]
        if clock.over:
            return


def _frequencies(instance: Instance, outcomes: list[Outcome]) -> pd.DataFrame:
    sites = [j for o in outcomes for j in sorted(built_sites(instance, o.offers))]
    counts = pd.Series(sites, dtype="int64").value_counts()
    table = pd.DataFrame(
        {
            "site_id": pd.Series(instance.site_ids[counts.index.to_numpy()], dtype="str"),
            "plans": counts.to_numpy(),
            "share": counts.to_numpy() / len(outcomes),
        }
    )
    return table.sort_values(["plans", "site_id"], ascending=[False, True], ignore_index=True)


def _check(count: int, differ_by: int, within_share: float | None) -> None:
    faults = []
    for name, value in (("count", count), ("differ_by", differ_by)):
        if value < 1:
            faults.append(Fault(name, f"is {value}", "give 1 or more"))
    if within_share is not None and not 0 <= within_share < 1:
        fix = "give a share of at least 0 and below 1"
        faults.append(Fault("within_share", f"is {within_share}", fix))
    if faults:
        raise InputError(faults)
