"""Every variant equals the best of all plans tried one by one, on many random small towns."""

import functools

import numpy as np
import pytest
from brute_variants import SmallTown, people_of
from conftest import seeds

from siting.engine.clock import Clock
from siting.errors import InfeasibleError, InputError
from siting.models import ExponentialDecay, GapRule, LinearDecay, objective_of
from siting.models.viability import margins_of
from siting.solve import (
    Effort,
    solve_alternatives,
    solve_fair,
    solve_least_cost,
    solve_viability,
    solve_weighted,
)
from siting.solve.viability import viable_part

EXACT = Effort(gap=0.0, time_limit_s=30, threads=1)
LOOSE = Effort(gap=0.1, time_limit_s=30, threads=1)
SEEDS = seeds(0, 20, 40)
MODELS = ("capacitated", "coverage")


@functools.cache
def small_town(seed, budget=6.0):
    """Return a town that several tests share; none of them changes it."""
    return SmallTown(seed, budget)


def best_of(values):
    there = [v for v in values if v is not None]
    return max(there) if there else None


def solved(call, *args, **options):
    """Return a plan, or None where it is proven that there is none."""
    try:
        return call(*args, **options)
    except (InfeasibleError, InputError):
        return None


def with_zones(seed):
    town = small_town(seed)
    if len(town.wanted) < 2 or min(town.wanted.values()) <= 0:
        pytest.skip("a town of one zone")
    return town


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", SEEDS)
def test_floors_by_zone(seed, model):
    town = with_zones(seed)
    floors, city = {"east": 0.3, "west": 0.2}, 0.3
    best = best_of(town.value(p, floors=floors, city=city, model=model) for p in town.plans())
    options = {"zones": town.zones, "floors": floors, "city_floor": city, "model": model}
    plan = solved(solve_weighted, town.instance, **options, effort=EXACT)
    assert (plan is None) == (best is None)
    if plan is not None:
        assert plan.proof.objective == pytest.approx(best, abs=1e-5)
        assert plan.proof.gap == 0
        loose = solve_weighted(town.instance, **options, effort=LOOSE)
        assert loose.proof.objective <= best + 1e-5 <= loose.proof.bound + 2e-5


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", SEEDS)
def test_decay_and_people(seed, model):
    town = small_town(seed)
    people, per_kwh = people_of(town, seed)
    decay = ExponentialDecay(5.0) if seed % 2 else LinearDecay(2.0, 8.0, 0.3)

    def worth(arcs):
        return per_kwh(arcs) * decay.factor(arcs["travel_min"].to_numpy())

    best = best_of(town.value(p, worth=worth, model=model) for p in town.plans())
    objective = objective_of(town.instance, people, "people", decay=decay, cutoff_min=10)
    plan = solve_weighted(town.instance, objective, model=model, effort=EXACT)
    assert plan.proof.objective == pytest.approx(best, abs=1e-4)
    assert (plan.proof.unit, plan.proof.gap) == ("people", 0)
    loose = solve_weighted(town.instance, objective, model=model, effort=LOOSE)
    assert loose.proof.objective <= best + 1e-4 <= loose.proof.bound + 2e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_people_without_decay(seed):
    town = small_town(seed, 4.0)
    people, worth = people_of(town, seed)
    objective = objective_of(town.instance, people, "people")
    for model in MODELS:
        best = best_of(town.value(p, worth=worth, model=model) for p in town.plans())
        plan = solve_weighted(town.instance, objective, model=model, effort=EXACT)
        assert plan.proof.objective == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_max_min_then_energy(seed):
    town = with_zones(seed)
    model = MODELS[seed % 2]
    worst = best_of(town.worst_share(p, model) for p in town.plans())
    plan = solved(solve_fair, town.instance, town.zones, model=model, effort=EXACT)
    if plan is None:
        assert worst == 0
        return
    assert plan.worst_proof.objective == pytest.approx(worst, abs=1e-6)
    floors = dict.fromkeys(town.wanted, worst * (1 - 2e-6))
    most = best_of(town.value(p, floors=floors, model=model) for p in town.plans())
    assert plan.proof.objective == pytest.approx(most, abs=1e-3)
    plain = best_of(town.value(p, model=model) for p in town.plans())
    assert plan.lost_kwh_day == pytest.approx(plain - most, abs=1e-3)
    enough = [
        town.spent(p)
        for p in town.plans(budget=1e9)
        if town.value(p, floors=floors, city=plain * (1 - 2e-6) / town.total, model=model)
        is not None
    ]
    if plan.lost_kwh_day > 1e-3:
        assert plan.extra_pkr == pytest.approx(min(enough) - town.budget, abs=1e-6)
    else:
        assert plan.extra_pkr == 0


@pytest.mark.parametrize("seed", seeds(0, 24, 50))
def test_least_cost(seed):
    money = ("subsidy_pkr", "cost_pkr")[seed % 2]
    town = with_zones(seed)
    model = MODELS[(seed // 2) % 2]
    share, floors = 0.5, {"east": 0.3}
    costs = [
        town.spent(p, money)
        for p in town.plans(budget=1e9)
        if town.value(p, floors=floors, city=share, model=model) is not None
    ]
    options = {"zones": town.zones, "floors": floors, "model": model, "money": money}
    plan = solved(solve_least_cost, town.instance, share, **options, effort=EXACT)
    assert (plan is None) == (not costs)
    if plan is not None:
        assert plan.proof.objective == pytest.approx(min(costs), abs=1e-6)
        assert plan.proof.gap == 0
        loose = solve_least_cost(town.instance, share, **options, effort=LOOSE)
        assert loose.proof.objective >= min(costs) - 1e-6 >= loose.proof.bound - 2e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_set_cover_is_the_extreme(seed):
    town = small_town(seed)
    full = best_of(town.value(p, model="coverage") for p in town.plans(budget=1e9))
    least = min(
        town.spent(p)
        for p in town.plans(budget=1e9)
        if town.value(p, model="coverage") >= full - 1e-9
    )
    reachable = float(town.instance.demand_kwh[town.instance.served_pairs].sum())
    if full < reachable:
        with pytest.raises(InfeasibleError):
            solve_least_cost(town.instance, 1.0, of="reachable", model="coverage", effort=EXACT)
        return
    plan = solve_least_cost(town.instance, 1.0, of="reachable", model="coverage", effort=EXACT)
    assert plan.proof.objective == pytest.approx(least, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_viability_gap(seed):
    town = small_town(seed, 3.0)
    margin = {"two_wheeler": 0.6, "three_wheeler": 0.3, "car": 0.4, "bus": 0.1}
    cap = (0.3, 0.6, 1.0)[seed % 3]
    best = best_of(town.value(p, rule=(margin, cap)) for p in town.plans(budget=1e9))
    plan = solve_viability(town.instance, GapRule(margin, cap), effort=EXACT)
    assert plan.proof.objective == pytest.approx(best, abs=1e-4)
    assert plan.proof.gap == 0
    sites = plan.sites
    lacks = np.maximum(sites["cost_pkr"] - sites["earned_pkr"], 0)
    assert sites["subsidy_pkr"].to_numpy() == pytest.approx(lacks.to_numpy())
    assert (sites["subsidy_pkr"] <= cap * sites["cost_pkr"] + 1e-5).all()
    assert plan.subsidy_pkr <= town.budget + 1e-5
    loose = solve_viability(town.instance, GapRule(margin, cap), effort=LOOSE)
    assert loose.proof.objective <= best + 1e-4 <= loose.proof.bound + 2e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_left_of_a_plan_is_viable(seed):
    """Of any plan, the stations kept are ones that the rule allows, by the brute force."""
    town = small_town(seed, 3.0)
    margin = {"two_wheeler": 0.6, "three_wheeler": 0.3, "car": 0.4, "bus": 0.1}
    rule, instance = GapRule(margin, 0.4), town.instance
    everything = max(town.plans(budget=1e9), key=len)
    offers = instance.positions_of(everything)
    left = viable_part(instance, offers, rule, margins_of(instance, rule), Clock(10))
    kept = set(instance.offer_ids[left].tolist())
    assert kept <= set(everything)
    assert set(instance.offer_ids[offers][instance.offer_existing[offers]]) <= kept
    assert town.value(tuple(sorted(kept)), rule=(margin, 0.4)) is not None


@pytest.mark.parametrize("seed", SEEDS)
def test_alternatives(seed):
    town = small_town(seed, 5.0)
    within = 0.3 if seed % 2 else None
    found = solve_alternatives(town.instance, 4, differ_by=2, within_share=within, effort=EXACT)
    site_of = town.money["site_id"].to_dict()
    existing = set(town.offers.loc[town.offers["existing"], "offer_id"])

    def sites(plan):
        return {site_of[o] for o in plan if o not in existing}

    values = {p: town.value(p) for p in town.plans(useful=True)}
    first = max(values.values())
    for n in range(5):
        before = [sites(plan.offers) for plan in found.plans[:n]]
        left = [
            v
            for p, v in values.items()
            if all(len(sites(p) ^ other) >= 2 for other in before)
            and (within is None or not before or v >= (1 - within) * first - 1e-6)
        ]
        if n < len(found.plans):
            assert found.plans[n].proof.objective == pytest.approx(max(left), abs=1e-4)
        elif n < 4:
            assert not left
    assert found.complete
    counts = found.sites.set_index("site_id")["plans"].to_dict()
    for site, count in counts.items():
        assert count == sum(site in sites(plan.offers) for plan in found.plans)
