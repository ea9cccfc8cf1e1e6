"""Plain instances and the classic models by hand: tables in, faults, ties, programs as written."""

import numpy as np
import pandas as pd
import pytest
from brute_force import plain_town
from pandas.testing import assert_frame_equal

from siting.classics import (
    PlainInstance,
    facility_location,
    lscp,
    mclp,
    p_center,
    p_median,
    solve_classic,
)
from siting.errors import InfeasibleError, InputError

BUILD = {
    "mclp": lambda i: mclp(i, 1, 2.0),
    "lscp": lambda i: lscp(i, 4.0),
    "p_median": lambda i: p_median(i, 2),
    "p_center": lambda i: p_center(i, 2),
    "facility_location": facility_location,
    "capacitated_facility_location": lambda i: facility_location(i, capacitated=True),
}


def line():
    """Four demands and three sites on a line: d1 s1 . d2 s2 d3 . . d4 s3, one unit apart."""
    at = {"d1": 0, "s1": 1, "d2": 3, "s2": 4, "d3": 5, "d4": 8, "s3": 9}
    demand = pd.DataFrame({"demand_id": ["d1", "d2", "d3", "d4"], "weight": [4.0, 1.0, 2.0, 3.0]})
    candidates = pd.DataFrame(
        {
            "site_id": ["s1", "s2", "s3"],
            "fixed_cost": [6.0, 5.0, 9.0],
            "capacity": [5.0, 6.0, 4.0],
        }
    )
    pairs = [
        (d, s, float(abs(at[d] - at[s])))
        for d in demand["demand_id"]
        for s in candidates["site_id"]
    ]
    return demand, candidates, pd.DataFrame(pairs, columns=["demand_id", "site_id", "cost"])


@pytest.mark.parametrize(
    ("model", "asked", "sites", "objective"),
    [
        ("mclp", {"p": 1, "radius": 1.0}, ("s1",), 4.0),
        ("mclp", {"p": 2, "radius": 1.0}, ("s1", "s2"), 7.0),
        ("mclp", {"p": 3, "radius": 0.5}, (), 0.0),
        ("lscp", {"radius": 1.0}, ("s1", "s2", "s3"), 3.0),
        ("lscp", {"radius": 4.0}, ("s2",), 1.0),
        # s2 alone: 4 x 4 + 1 + 2 + 3 x 4 = 31; s1 and s3: 4 + 2 + 2 x 4 + 3 = 17
        ("p_median", {"p": 1}, ("s2",), 31.0),
        ("p_median", {"p": 2}, ("s1", "s3"), 17.0),
        ("p_center", {"p": 1}, ("s2",), 4.0),
        ("p_center", {"p": 3}, ("s1", "s2", "s3"), 1.0),
        # s1 and s2: 11 + 4 + 1 + 2 + 12; all three cost as much: 20 + 4 + 1 + 2 + 3
        ("facility_location", {}, ("s1", "s2"), 30.0),
        ("capacitated_facility_location", {}, ("s1", "s2"), 30.0),
    ],
)
def test_by_hand(model, asked, sites, objective):
    answer = solve_classic(PlainInstance.from_tables(*line()), model, **asked)
    assert answer.sites == sites
    assert answer.objective == objective
    assert answer.proof.status == "optimal"


def test_capacity_splits_a_demand():
    demand, candidates, reach = line()
    candidates = candidates.assign(capacity=[3.0, 7.0, 0.0])
    answer = solve_classic(
        PlainInstance.from_tables(demand, candidates, reach), "capacitated_facility_location"
    )
    shares = answer.assignment.set_index(["demand_id", "site_id"])["share"]
    assert shares["d1", "s1"] == pytest.approx(0.75)
    assert shares["d1", "s2"] == pytest.approx(0.25)
    # 11 to open; d1 3 x 1 + 1 x 4, d2 1, d3 2, d4 12
    assert answer.objective == pytest.approx(33.0)


def test_a_site_that_costs_nothing_is_not_built_for_nobody():
    demand, candidates, reach = line()
    reach = reach[reach["site_id"] != "s3"]
    instance = PlainInstance.from_tables(demand, candidates.assign(fixed_cost=0.0), reach)
    for model, asked in (
        ("p_median", {"p": 3}),
        ("p_center", {"p": 3}),
        ("mclp", {"p": 3, "radius": 9.0}),
        ("facility_location", {}),
        ("capacitated_facility_location", {}),
    ):
        assert "s3" not in solve_classic(instance, model, **asked).sites, model


def test_an_existing_site_stays_and_counts():
    demand, candidates, reach = line()
    candidates = candidates.assign(existing=[False, False, True])
    instance = PlainInstance.from_tables(demand, candidates, reach)
    assert solve_classic(instance, "p_median", p=1).sites == ("s3",)
    assert solve_classic(instance, "lscp", radius=4.0).sites == ("s1", "s3")
    with pytest.raises(InputError, match="exist already"):
        solve_classic(
            PlainInstance.from_tables(demand, candidates.assign(existing=True), reach),
            "p_median",
            p=2,
        )


@pytest.mark.parametrize("model", BUILD)
def test_ties_go_to_the_lower_id_whatever_the_order_of_rows(model):
    demand = pd.DataFrame({"demand_id": ["d1", "d2"]})
    candidates = pd.DataFrame({"site_id": ["s3", "s1", "s2"]})
    pairs = [(d, s, 2.0) for d in ("d2", "d1") for s in ("s3", "s2", "s1")]
    reach = pd.DataFrame(pairs, columns=["demand_id", "site_id", "cost"])
    asked = {"mclp": {"p": 1, "radius": 2.0}, "lscp": {"radius": 2.0}}.get(model, {"p": 1})
    if "facility" in model:
        asked = {}
        candidates = candidates.assign(fixed_cost=1.0)
    for shuffle in range(3):
        tables = [t.sample(frac=1, random_state=shuffle) for t in (demand, candidates, reach)]
        answer = solve_classic(PlainInstance.from_tables(*tables), model, **asked)
        assert answer.sites == ("s1",)
        assert set(answer.assignment["site_id"]) == {"s1"}


def test_the_same_plan_from_rows_in_any_order_and_tables_are_left_alone():
    tables = plain_town(4)
    before = [table.copy(deep=True) for table in tables]
    answers = []
    for shuffle in range(3):
        mixed = [t.sample(frac=1, random_state=shuffle) for t in tables]
        answers.append(solve_classic(PlainInstance.from_tables(*mixed), "p_median", p=3))
    solve_classic(PlainInstance.from_tables(*tables), "facility_location")
    for table, copy in zip(tables, before, strict=True):
        assert_frame_equal(table, copy)
    for answer in answers[1:]:
        assert answer.sites == answers[0].sites
        assert_frame_equal(answer.assignment, answers[0].assignment)


def test_demand_without_weight_wants_nothing():
    demand, candidates, reach = line()
    demand = demand.assign(weight=[0.0, 1.0, 2.0, 3.0])
    answer = solve_classic(
        PlainInstance.from_tables(demand, candidates, reach[reach["demand_id"] != "d1"]),
        "p_center",
        p=2,
    )
    assert answer.objective == 1.0
    assert answer.unserved == ("d1",)


def test_maximal_covering_leaves_what_is_out_of_reach():
    demand, candidates, reach = line()
    answer = solve_classic(
        PlainInstance.from_tables(demand, candidates, reach[reach["demand_id"] != "d4"]),
        "mclp",
        p=2,
        radius=1.0,
    )
    assert answer.unserved == ("d4",)
    assert answer.objective == 7.0


def test_every_fault_of_the_tables_is_named_at_once():
    demand, candidates, reach = line()
    with pytest.raises(InputError) as caught:
        PlainInstance.from_tables(
            demand.assign(weight=[-1.0, 1.0, np.nan, 3.0]),
            pd.concat([candidates, candidates.head(1)]),
            reach.assign(cost=[-2.0, np.inf, *reach["cost"][2:]]),
            cost_per="each",  # type: ignore[arg-type]
        )
    text = str(caught.value)
    for part in (
        "cost_per: is 'each'",
        "demand, column weight: 1 is missing (d3)",
        "demand, column weight: 1 value is below 0 (d1)",
        "candidates, column site_id: duplicate (s1)",
        "reach, column cost: 1 is infinite (d1 s2)",
        "reach, column cost: 1 value is below 0 (d1 s1)",
    ):
        assert part in text


def test_unknown_ids_and_missing_columns_are_named():
    demand, candidates, reach = line()
    with pytest.raises(InputError) as caught:
        PlainInstance.from_tables(demand.head(3), candidates.head(2), reach)
    assert "reach, column demand_id: 1 not in the table of demand (d4)" in str(caught.value)
    assert "reach, column site_id: 1 not in the table of candidates (s3)" in str(caught.value)
    with pytest.raises(InputError, match="reach, column minutes: missing"):
        PlainInstance.from_tables(demand, candidates, reach, cost="minutes")
    with pytest.raises(InputError, match="demand, column people: missing"):
        PlainInstance.from_tables(demand, candidates, reach, weight="people")
    with pytest.raises(InputError, match="no rows"):
        PlainInstance.from_tables(demand.head(0), candidates.head(0), reach.head(0))


def test_ids_that_are_the_same_text_stand_twice():
    demand = pd.DataFrame({"demand_id": pd.Series([1, "1"], dtype=object)})
    with pytest.raises(InputError, match="duplicate"):
        PlainInstance.from_tables(demand, *line()[1:])


@pytest.mark.parametrize(
    ("model", "asked", "words"),
    [
        ("p_median", {}, "p: missing"),
        ("p_median", {"p": 0}, "p: is 0; give a whole number from 1 to 3"),
        ("p_median", {"p": 4}, "p: is 4, but there are 3 candidates"),
        ("p_median", {"p": 1.5}, "whole number"),
        ("p_median", {"p": 1, "radius": 2.0}, "radius: is not used by"),
        ("lscp", {"radius": 1.0, "p": 2}, "p: is not used by"),
        ("lscp", {}, "radius: missing"),
        ("mclp", {"p": 1, "radius": -1.0}, "radius: is -1"),
        ("mclp", {"p": 9}, "radius: missing"),
        ("lscp", {"radius": 0.5}, "raise it to 1 or more"),
        ("p_centre", {}, "use mclp, lscp, p_median"),
        ("p_center", {"p": 1, "gap": 1.0, "threads": 0, "time_limit_s": 0}, "time_limit_s"),
    ],
)
def test_what_makes_no_sense_is_refused_before_solving(model, asked, words):
    with pytest.raises(InputError, match=words):
        solve_classic(PlainInstance.from_tables(*line()), model, **asked)


@pytest.mark.parametrize("model", ["p_median", "p_center", "facility_location", "lscp"])
def test_demand_that_no_site_can_serve_is_named(model):
    demand, candidates, reach = line()
    instance = PlainInstance.from_tables(demand, candidates, reach[reach["demand_id"] != "d2"])
    asked = {"lscp": {"radius": 9.0}, "facility_location": {}}.get(model, {"p": 1})
    with pytest.raises(InputError, match=r"1 of 4 demands cannot be served from any site \(d2\)"):
        solve_classic(instance, model, **asked)


@pytest.mark.parametrize("model", ["p_median", "p_center"])
def test_too_few_sites_say_how_many_it_takes(model):
    demand, candidates, reach = line()
    instance = PlainInstance.from_tables(demand, candidates, reach[reach["cost"] <= 1])
    with pytest.raises(
        InfeasibleError, match=r"with 2 sites, some demand is always out.*; raise p to 3 or more"
    ):
        solve_classic(instance, model, p=2)


def test_too_little_capacity_says_have_and_need():
    demand, candidates, reach = line()
    short = PlainInstance.from_tables(demand, candidates.assign(capacity=3.0), reach)
    with pytest.raises(InputError, match="can serve 9, but the demand is 10; add 1 or more"):
        solve_classic(short, "capacitated_facility_location")
    elsewhere = PlainInstance.from_tables(demand, candidates, reach[reach["cost"] <= 1])
    with pytest.raises(InfeasibleError, match="can be served"):
        solve_classic(
            PlainInstance.from_tables(
                demand, candidates.assign(capacity=[3.0, 9.0, 9.0]), reach[reach["cost"] <= 2]
            ),
            "capacitated_facility_location",
        )
    assert solve_classic(elsewhere, "capacitated_facility_location").sites == ("s1", "s2", "s3")


def test_the_tables_of_a_study_make_an_instance():
    demand = pd.DataFrame(
        [("a", "c1", "car", 5.0), ("b", "c1", "bus", 2.0), ("c", "c2", "car", 4.0)],
        columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"],
    )
    reach = pd.DataFrame(
        [
            ("c1", "s1", 2.0),
            ("c1", "s2", 8.0),
            ("c2", "s2", 1.0),
            ("c3", "s1", 1.0),
            ("c2", "gone", 0.5),
        ],
        columns=["cell_id", "site_id", "travel_min"],
    )
    instance = PlainInstance.from_siting_tables(
        demand, pd.DataFrame({"site_id": ["s1", "s2"]}), reach
    )
    answer = solve_classic(instance, "p_median", p=1)
    assert answer.sites == ("s2",)
    assert answer.objective == 7 * 8 + 4
    with pytest.raises(InputError, match="demand, column cell_id: missing"):
        PlainInstance.from_siting_tables(demand.drop(columns="cell_id"), reach, reach)


def test_offers_of_one_configuration_do_as_candidates():
    demand, candidates, reach = line()
    offers = candidates.rename(
        columns={"fixed_cost": "cost_pkr", "capacity": "capacity_dc_kwh_day"}
    )
    instance = PlainInstance.from_tables(
        demand, offers, reach, fixed_cost="cost_pkr", capacity="capacity_dc_kwh_day"
    )
    assert solve_classic(instance, "facility_location").objective == 30.0


@pytest.mark.parametrize("model", BUILD)
def test_the_program_is_as_on_file(model, tmp_path, golden):
    demand, candidates, reach = line()
    candidates = candidates.assign(existing=[False, True, False])
    program = BUILD[model](PlainInstance.from_tables(demand, candidates, reach))
    written = tmp_path / "program.lp"
    program.prob.writeLP(str(written))
    golden(f"{model}.lp", written.read_text())


def test_covering_takes_the_sites_that_no_other_replaces():
    # d2 is covered whenever d1 is; s3 covers no more than s2; s1 and s2 are needed.
    pairs = [("d1", "s1"), ("d2", "s1"), ("d2", "s2"), ("d3", "s2"), ("d3", "s3"), ("d4", "s4")]
    instance = PlainInstance.from_tables(
        pd.DataFrame({"demand_id": ["d1", "d2", "d3", "d4"]}),
        pd.DataFrame(
            {"site_id": ["s1", "s2", "s3", "s4"], "existing": [False, False, False, True]}
        ),
        pd.DataFrame(pairs, columns=["demand_id", "site_id"]).assign(cost=1.0),
    )
    answer = solve_classic(instance, "lscp", radius=1.0)
    assert answer.sites == ("s1", "s2", "s4")


def test_existing_sites_that_cover_all_are_the_whole_answer():
    demand, candidates, reach = line()
    instance = PlainInstance.from_tables(demand, candidates.assign(existing=True), reach)
    for model, asked in (("lscp", {"radius": 9.0}), ("p_center", {"p": 3}), ("p_median", {"p": 3})):
        answer = solve_classic(instance, model, **asked)
        assert answer.sites == ("s1", "s2", "s3")
        assert answer.proof.status == "optimal"
