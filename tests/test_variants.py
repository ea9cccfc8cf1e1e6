"""The variants by hand: small programs as on file, plain faults, conflicts with their mends."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from brute_force import COMPATIBILITY
from brute_variants import SmallTown
from conftest import seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from test_models_instance import small

from siting.errors import InfeasibleError, InputError
from siting.models import (
    ExponentialDecay,
    GapRule,
    GaussianDecay,
    Instance,
    LinearDecay,
    StepDecay,
    annuity,
    objective_of,
)
from siting.models.distance import add_distances
from siting.models.elastic import elastic
from siting.models.fair import fair
from siting.models.least_cost import least_cost, without_budget
from siting.models.rows import floors_of, weigh_rows, zone_floors, zones_of
from siting.models.viability import margins_of, viability, without_subsidies
from siting.models.weighted import weighted
from siting.solve import (
    Effort,
    gini,
    solve_alternatives,
    solve_fair,
    solve_least_cost,
    solve_viability,
    solve_weighted,
    why_not,
)

GOLDEN = Path(__file__).parent / "golden"
EXACT = Effort(gap=0.0, time_limit_s=20, threads=1)
ZONES = pd.Series({"d1": "north", "d2": "north", "d3": "south", "d4": "south"})


def instance_of(**changes):
    return Instance.from_tables(**small(**changes))


def program_of(name):
    """Return the program of a variant on the small town."""
    instance = instance_of()
    zones = zones_of(instance, ZONES)
    rows = weigh_rows(instance, objective_of(instance), zones)
    floors = floors_of(rows, {"north": 0.5}, 0.6)
    decay = objective_of(instance, decay=StepDecay({0: 1.0, 3: 0.5}), cutoff_min=5)
    if name == "floors":
        return weighted(instance, rows, "capacitated", floors)
    if name == "assignment":
        return weighted(instance, weigh_rows(instance, decay, zones), "coverage", floors)
    if name == "fair":
        return fair(instance, rows, zone_floors(rows))
    if name == "least_cost":
        return least_cost(without_budget(instance), rows, floors, "capacitated", "cost_pkr")
    if name == "elastic":
        return elastic(instance, rows, floors).program
    if name == "viability":
        rule = GapRule(1.0, 0.5)
        priced = weigh_rows(instance, objective_of(instance), None, margins_of(instance, rule))
        return viability(without_subsidies(instance), priced, rule, 6.0).program
    program = weighted(instance, rows)
    add_distances(program, [frozenset({0})], 2)
    return program


@pytest.mark.parametrize(
    "name", ["floors", "assignment", "fair", "least_cost", "elastic", "viability", "distance"]
)
def test_the_program_of_a_small_town_is_as_on_file(name, tmp_path):
    program_of(name).prob.writeLP(str(tmp_path / "program.lp"))
    assert (tmp_path / "program.lp").read_text() == (GOLDEN / f"program_{name}.lp").read_text()


# --- decay and worth ---------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 60), min_size=2, max_size=8), st.floats(1, 30))
def test_decay_falls_and_stays_within_nought_and_one(minutes, scale):
    drives = np.sort(np.array(minutes))
    for decay in (
        ExponentialDecay(scale),
        GaussianDecay(scale),
        LinearDecay(scale / 2, scale, 0.2),
        StepDecay({0: 0.9, scale: 0.4}),
    ):
        factor = decay.factor(drives)
        assert (np.diff(factor) <= 0).all()
        assert ((factor >= 0) & (factor <= 1)).all()


def test_decay_by_hand():
    assert ExponentialDecay(5.0).factor(np.array([5.0]))[0] == pytest.approx(math.exp(-1))
    assert GaussianDecay(5.0).factor(np.array([5.0]))[0] == pytest.approx(math.exp(-0.5))


@pytest.mark.parametrize(
    ("decay", "said"),
    [
        (ExponentialDecay(9.0), "decay, scale_min: 9 min is beyond the cutoff of 8 min"),
        (GaussianDecay(0.0), "decay, sigma_min: is 0.0"),
        (LinearDecay(6.0, 3.0, 0.5), "full_min: 6 min is not before end_min"),
        (LinearDecay(1.0, 3.0, 0.0), "decay, least: is 0.0"),
        (StepDecay({1: 1.0}), "does not begin at 0 min"),
        (StepDecay({0: 0.5, 2: 0.9}), "a longer drive counts for more"),
        (StepDecay({0: 1.0, 12: 0.5}), "12 min is beyond the cutoff"),
        (StepDecay({0: 1.0, 2: 0.0}), "factors outside"),
    ],
)
def test_a_decay_that_makes_no_sense_is_refused(decay, said):
    with pytest.raises(InputError, match=re.escape(said)):
        objective_of(instance_of(), decay=decay, cutoff_min=8)


def test_every_fault_of_a_worth_is_named():
    instance = instance_of()
    with pytest.raises(InputError) as caught:
        objective_of(instance, pd.Series({"d1": 1.0, "x": 2.0}), decay=ExponentialDecay(3.0))
    said = str(caught.value)
    for part in ("1 are not demand rows (x)", "4 demand rows without", "no unit", "cutoff_min"):
        assert part in said


def test_people_by_hand():
    # Only one site can be paid. s1 serves 4 cars' kWh and 3 of small vehicles; s2 4 cars' kWh.
    people = pd.Series({"d1": 10.0, "d2": 7.0, "d3": 4.0, "d4": 2.0, "d5": 0.0})
    instance = instance_of(budget_pkr=6.0)
    plan = solve_weighted(instance, objective_of(instance, people, "people"), effort=EXACT)
    # s1:a: cars of c1 first (2 people a kWh): 4 kWh = 8 people; all small vehicles = 6.
    assert plan.offers == ("s1:a",)
    assert plan.proof.objective == pytest.approx(14)


def test_near_demand_comes_first_with_decay():
    instance = instance_of(budget_pkr=6.0)
    objective = objective_of(instance, decay=StepDecay({0: 1.0, 3: 0.5}), cutoff_min=5)
    plan = solve_weighted(instance, objective, effort=EXACT)
    # Cars of c1 are 2 min from s1, those of c2 3 min.
    assert plan.proof.objective == pytest.approx(4 + 3)
    assert plan.service["demand_id"].tolist() == ["d1", "d3", "d4"]


# --- fairness ----------------------------------------------------------------------------------


def test_gini_by_hand():
    assert gini(np.array([0.2, 0.2, 0.2]), np.array([1.0, 5.0, 2.0])) == pytest.approx(0)
    assert gini(np.array([0.0, 0.0, 1.0, 0.0]), np.ones(4)) == pytest.approx(0.75)
    assert gini(np.zeros(3), np.ones(3)) == 0


def test_fairness_by_hand():
    # One of two offers at s1: b serves 5 cars' kWh, a 4 and small vehicles 3.
    instance = instance_of(budget_pkr=6.0)
    plan = solve_fair(instance, ZONES, effort=EXACT)
    assert plan.offers == ("s1:a",)
    assert plan.worst_proof.objective == pytest.approx(4 / 12)
    assert plan.worst_zone == "north"
    assert plan.lost_kwh_day == pytest.approx(0, abs=1e-4)
    assert plan.extra_pkr == 0


def test_the_price_of_fairness_by_hand():
    # Dear to serve the small vehicles of the south: s1:a draws all, s1:b and s2:a serve 9.
    instance = instance_of(
        offers=lambda t: t.assign(
            subsidy_pkr=[10.0, 4.0, 6.0], capacity_lev_kwh_day=[1.0, 0.0, 0.0]
        ),
        budget_pkr=10.0,
    )
    plan = solve_fair(instance, ZONES, effort=EXACT)
    assert plan.offers == ("s1:a",)
    assert plan.plain.offers == ("s1:b", "s2:a")
    assert plan.worst_proof.objective == pytest.approx(1 / 3)
    assert plan.lost_kwh_day == pytest.approx(9 - 5, abs=1e-4)
    # s1:a and s2:a together serve 9 as well, for 16.
    assert plan.extra_pkr == pytest.approx(6)
    assert plan.plain_worst_share == 0


def test_a_zone_that_no_site_can_serve_is_named():
    with pytest.raises(InputError, match=r"always 0 \(south\)"):
        solve_fair(instance_of(reach=lambda t: t[t["cell_id"] != "c3"]), ZONES, effort=EXACT)


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        ({"x": "north"}, "1 are not demand rows"),
        ({"d5": "north"}, "1 zones want no energy"),
        ({"d1": "city"}, "a zone is called 'city'"),
        ({"d1": ""}, "no demand row has a zone"),
    ],
)
def test_zones_that_make_no_sense_are_refused(zones, said):
    with pytest.raises(InputError, match=said):
        solve_weighted(instance_of(), zones=pd.Series(zones), effort=EXACT)


def test_floors_that_make_no_sense_are_refused():
    with pytest.raises(InputError) as caught:
        solve_weighted(
            instance_of(),
            zones=ZONES,
            floors={"north": 1.2, "east": 0.1},
            city_floor=-1,
            effort=EXACT,
        )
    for said in ("unknown zones", "floors, north: is 1.2", "floors, city: is -1"):
        assert said in str(caught.value)


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match=r"gap.*\n.*time_limit_s.*\n.*threads"):
        solve_weighted(instance_of(), effort=Effort(gap=2, time_limit_s=0, threads=0))


# --- least cost --------------------------------------------------------------------------------


def test_least_cost_by_hand():
    # 5 of 15 kWh/day: s1:b serves 5 for 6 rupees; 9 need two stations.
    assert solve_least_cost(instance_of(), 5 / 15, effort=EXACT).proof.objective == 6
    plan = solve_least_cost(instance_of(), 9 / 15, effort=EXACT)
    assert (plan.proof.objective, plan.proof.unit, len(plan.offers)) == (12, "PKR", 2)
    assert (
        solve_least_cost(instance_of(), 9 / 15, money="cost_pkr", effort=EXACT).proof.objective
        == 20
    )


def test_a_share_beyond_all_offers_is_refused_with_what_there_is():
    with pytest.raises(InfeasibleError) as caught:
        solve_least_cost(instance_of(), 0.9, effort=EXACT)
    # s1:a and s2:a serve 4 + 3 + 4 = 11 of 15.
    said = "floor, city: have 0.7333 of the demand, need 0.9000 of the demand; lower it to 0.7333"
    assert said in str(caught.value)


def test_least_cost_needs_something_to_serve():
    with pytest.raises(InputError, match="neither a share nor floors"):
        solve_least_cost(instance_of(), effort=EXACT)


# --- viability gap -----------------------------------------------------------------------------


def test_the_gap_is_what_the_case_lacks():
    # s1:a sells 7 kWh/day at 1 rupee each and costs 10: it lacks 3.
    plan = solve_viability(instance_of(budget_pkr=3.0), GapRule(1.0, 0.5), effort=EXACT)
    assert plan.offers == ("s1:a",)
    assert plan.sites["subsidy_pkr"].tolist() == pytest.approx([3.0])
    assert plan.sites["earned_pkr"].tolist() == pytest.approx([7.0])


def test_a_case_that_fails_at_the_cap_is_not_built():
    plan = solve_viability(instance_of(budget_pkr=100.0), GapRule(1.0, 0.25), effort=EXACT)
    assert (plan.offers, plan.proof.objective) == ((), 0)


def test_a_rule_that_makes_no_sense_is_refused():
    with pytest.raises(InputError) as caught:
        solve_viability(instance_of(), GapRule({"car": -1.0, "tram": 2.0}, 0.0), effort=EXACT)
    for said in ("cap_share: is 0.0", "unknown vehicle classes", "without one", "of 0 or more"):
        assert said in str(caught.value)


def test_annuity_by_hand():
    assert annuity(3, 0.0) == 3
    assert annuity(2, 0.1) == pytest.approx(1 / 1.1 + 1 / 1.21)


# --- alternatives ------------------------------------------------------------------------------


def test_alternatives_end_when_there_are_no_more():
    # Sites to build: both, s1, s2 or none; two plans a site apart at a time.
    found = solve_alternatives(instance_of(), 9, differ_by=1, effort=EXACT)
    assert [round(plan.proof.objective) for plan in found.plans] == [11, 7, 4, 0]
    assert found.complete
    assert found.sites.to_dict("list") == {
        "site_id": ["s1", "s2"],
        "plans": [2, 2],
        "share": [0.5, 0.5],
    }


def test_alternatives_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match=r"count.*\n.*differ_by.*\n.*within_share"):
        solve_alternatives(instance_of(), 0, differ_by=0, within_share=1.0)


# --- why not -----------------------------------------------------------------------------------


def test_a_conflict_of_floor_and_budget_names_both_with_their_mends():
    with pytest.raises(InfeasibleError) as caught:
        solve_weighted(instance_of(budget_pkr=6.0), city_floor=0.6, effort=EXACT)
    said = str(caught.value)
    assert "floor, city: have 0.4667 of the demand, need 0.6000" in said
    assert "lower it to 0.4666 or less" in said
    assert "budget: have PKR 6, need PKR 12; raise it to PKR 12" in said


def test_what_no_single_change_mends_is_mended_together():
    # Both floors are beyond what all offers could serve.
    table = why_not(
        instance_of(budget_pkr=12.0),
        zones=ZONES,
        floors={"north": 0.95, "south": 1.0},
        city_floor=0.99,
        effort=EXACT,
    )
    assert not table.empty
    assert set(table["requirement"]) <= {"floor, north", "floor, city", "floor, south", "budget"}
    assert table["fix"].str.len().min() > 0


def test_nothing_stands_in_the_way_of_what_can_be():
    assert why_not(instance_of(), city_floor=0.5, effort=EXACT).empty


@pytest.mark.parametrize("seed", seeds(0, 20, 50))
def test_each_mend_is_the_smallest_that_does(seed):
    town = SmallTown(seed, budget=3.0)
    if len(town.wanted) < 2 or min(town.wanted.values()) <= 0:
        pytest.skip("a town of one zone")
    floors = {"east": 0.6, "west": 0.5}
    plans = list(town.plans(budget=1e9))
    holds = {p: town.value(p, floors=floors) is not None for p in plans}
    fair_money = [p for p in plans if town.spent(p) <= town.budget]
    table = why_not(town.instance, zones=town.zones, floors=floors, effort=EXACT)
    assert table.empty == any(holds[p] for p in fair_money)
    if table.empty:
        return
    alone = table[table["alone"].astype(bool)].set_index("requirement")
    enough = [town.spent(p) for p in plans if holds[p]]
    assert ("budget" in alone.index) == bool(enough)
    if enough:
        assert alone.loc["budget", "need"] == pytest.approx(min(enough))
    for zone, other in (("east", "west"), ("west", "east")):

        def worth(arcs, zone=zone):
            return (arcs["zone"] == zone).astype(float)

        served = [town.value(p, floors={other: floors[other]}, worth=worth) for p in fair_money]
        there = [v for v in served if v is not None]
        name = f"floor, {zone}"
        assert (name in alone.index) == bool(there)
        if there:
            assert alone.loc[name, "have"] == pytest.approx(
                max(there) / town.wanted[zone], abs=1e-6
            )


def test_the_order_of_rows_changes_nothing_and_tables_stay_as_they_were():
    tables = small()
    mixed = {
        name: tables[name].sample(frac=1, random_state=2) for name in ("demand", "offers", "reach")
    }
    before = {name: table.copy() for name, table in mixed.items()}
    again = Instance.from_tables(**tables | mixed)
    zones = ZONES.sample(frac=1, random_state=1)
    first = solve_fair(instance_of(), ZONES, effort=EXACT)
    second = solve_fair(again, zones, effort=EXACT)
    assert first.offers == second.offers
    pd.testing.assert_frame_equal(first.service, second.service)
    for name, table in mixed.items():
        pd.testing.assert_frame_equal(table, before[name])
    assert COMPATIBILITY.shape == (5, 2)
