"""The shortest drives by programs in which nearer counts for more: true bounds, short drives."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from brute_force import best
from program_cases import case_of, program_of

from siting import settings
from siting.engine.clock import Clock
from siting.engine.construct import Constructor
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.incumbent import Incumbent
from siting.engine.pricing import Priced
from siting.engine.relocate import relocated
from siting.engine.solve import solve
from siting.errors import InfeasibleError
from siting.outcome import Outcome
from siting.program.aims import MostWorth, ShortestDrives
from siting.program.instance import Instance
from siting.program.matrix import Reached
from siting.program.objective import LinearDecay, NearerFirst
from siting.program.program import Program

WITH = (
    (),
    ("years",),
    ("expected",),
    ("people",),
    ("decay",),
    ("extensions",),
    ("worst share",),
    ("least subsidy", "city floor"),
    ("coverage",),
    ("viability gap",),
    ("class floors",),
    ("envelopes",),
)


@pytest.fixture
def as_if_large(monkeypatch):
    monkeypatch.setattr(settings, "WHOLE_FIRST", -1)


@pytest.mark.slow
@pytest.mark.parametrize("features", WITH, ids=lambda f: " + ".join(f) or "plain")
def test_drives_are_bounded_and_short_beside_brute_force(as_if_large, features):
    found = 0
    for seed in range(900, 907):
        case = case_of((*features, "shortest drives"), seed)
        expected = best(case)
        try:
            answer = solve(program_of(case), gap=1e-6, drives_gap=0.02, threads=1)
        except InfeasibleError:
            assert expected is None
            continue
        drives = answer.proofs[-1].proof
        wanted = expected.reached[-1]
        slack = 1e-4 * max(1.0, wanted)
        assert drives.bound <= wanted + slack
        assert drives.objective >= wanted - slack
        if drives.status == "optimal":
            assert drives.objective <= wanted * 1.0205 + slack
        for one, value in zip(answer.proofs[:-1], expected.reached, strict=False):
            assert one.proof.objective == pytest.approx(value, rel=2e-6, abs=1e-6)
        found += 1
    assert found >= 3


def grid_town(side=14, sites=40, seed=3, more_costs=()):
    """Return a town of square cells, a minute apart, with demand all over.

    At each site is a hub for 2 rupees, and larger ones for `more_costs`.
    """
    rng = np.random.default_rng(seed)
    cells = [(x, y) for x in range(side) for y in range(side)]
    places = [cells[n] for n in rng.choice(len(cells), sites, replace=False)]
    demand = pd.DataFrame(
        {
            "demand_id": [f"d{n}" for n in range(len(cells))],
            "cell_id": [f"c{n}" for n in range(len(cells))],
            "vehicle_class": "car",
            "demand_kwh_day": rng.integers(2, 9, len(cells)).astype(float),
        }
    )
    offers = pd.DataFrame(
        {
            "offer_id": [f"s{n}:hub" for n in range(sites)],
            "site_id": [f"s{n}" for n in range(sites)],
            "configuration": "hub",
            "existing": False,
            "chargers": "1 x ac_22",
            "charger_cost_pkr": 2.0,
            "grid_cost_pkr": 0.0,
            "fee_cost_pkr": 0.0,
            "reason": "",
            "power_kw": 22.0,
            "cost_pkr": 2.0,
            "subsidy_pkr": 1.0,
            "capacity_ac_kwh_day": 60.0,
        }
    )
    larger = [
        offers.assign(
            offer_id=offers["offer_id"] + f"_{cost:g}", configuration=f"hub_{cost:g}",
            charger_cost_pkr=cost, cost_pkr=cost, capacity_ac_kwh_day=30.0 * cost,
        )
        for cost in more_costs
    ]  # fmt: skip
    offers = pd.concat([offers, *larger], ignore_index=True)
    reach = pd.DataFrame(
        [
            (f"c{n}", f"s{m}", float(abs(x - a) + abs(y - b)) + 0.5)
            for n, (x, y) in enumerate(cells)
            for m, (a, b) in enumerate(places)
            if abs(x - a) + abs(y - b) <= 8
        ],
        columns=["cell_id", "site_id", "travel_min"],
    )
    groups = pd.DataFrame({"vehicle_class": ["car"], "charger_group": ["ac"], "share": [1.0]})
    return Instance.from_tables(demand, offers, reach, groups, 10.0)


@pytest.mark.slow
def test_stations_do_not_crowd_where_all_plans_serve_as_much():
    program = Program(grid_town())
    plain = solve(program, gap=0.005, threads=1)
    near = solve(program.most_worth().shortest_drives(), gap=0.005, threads=1)
    assert near.proofs[0].proof.objective >= plain.proof.objective * (1 - 1e-4)
    assert near.proofs[0].proof.status == near.proofs[1].proof.status == "optimal"
    whole = solve(
        program.most_worth().shortest_drives(),
        gap=0.005, drives_gap=0.01, threads=1, method="milp", time_limit_s=20,
    )  # fmt: skip
    # An independent program with the same energy finds drives at most 5 % shorter.
    assert near.proofs[1].proof.objective <= whole.proofs[1].proof.objective * 1.053


@pytest.mark.parametrize("failed", [True, False])
def test_a_relaxation_that_fails_beside_a_plan_proves_no_drives(as_if_large, monkeypatch, failed):
    none = np.zeros(0)
    told = Priced(none, none, -np.inf, none, none, infeasible=True) if failed else None
    module = import_module("siting.engine.solve")
    monkeypatch.setattr(module, "bounds_on_drives", lambda *_, **__: told)
    program = Program(grid_town(side=8, sites=12)).most_worth().shortest_drives()
    drives = solve(program, gap=0.005, time_limit_s=2.0, threads=1).proofs[1].proof
    monkeypatch.undo()
    exact = solve(program, gap=0.005, drives_gap=0.0, threads=1, method="milp").proofs[1].proof
    assert 0.0 <= drives.bound <= exact.objective * (1 + 1e-6)


def test_a_horizon_takes_the_decay_asked_for_along():
    near = NearerFirst(LinearDecay(0, 10, 0.5), 100.0)
    assert near.factor(np.array([0.0, 10.0])) == pytest.approx([1.0, 0.4])
    assert NearerFirst(None, 4.0).factor(np.array([8.0])) == pytest.approx([1e-3])


def test_nine_in_ten_kilowatt_hours_drive_no_longer():
    service = pd.DataFrame(
        {"served_kwh_day": [6.0, 3.0, 1.0, 0.0], "travel_min": [1.0, 4.0, 9.0, 30.0]}
    )
    mean, within = Outcome.drives_min.fget(type("Plan", (), {"service": service}))
    assert (mean, within) == (pytest.approx(2.7), 4.0)
    none = type("Plan", (), {"service": service.iloc[3:]})
    assert np.isnan(Outcome.drives_min.fget(none)).all()


@pytest.fixture
def one_of_two():
    """Return a town with money for one of two sites: both reach all, s1 in a minute, s0 in 7."""
    instance = grid_town(side=6, sites=2, seed=1)
    cells = len(instance.cell_ids)
    same = np.tile([0, 1], cells)
    return replace(
        instance,
        reach_site=same,
        reach_min=np.where(same == 0, 7.0, 1.0),
        reach_start=np.arange(cells + 1) * 2,
        budget_pkr=1.0,
    )


def test_of_stations_that_sell_as_much_the_one_amid_its_demand_is_constructed(one_of_two):
    frame = Frame(Program(one_of_two), MostWorth())
    plans = Incumbent(frame, Clock(60.0), Effort(0.005, threads=1))
    plans.build()
    constructed = Constructor(plans.master.cutter, plans.room).run(Clock(60.0))
    assert frame.site[constructed].tolist() == [1]


def drives_frame(instance, worth):
    return Frame(Program(instance), ShortestDrives(), [Reached(MostWorth(), worth)])


def test_a_station_moves_to_where_its_customers_are_nearer(one_of_two):
    frame = drives_frame(one_of_two, 60.0)
    at_the_rim = np.flatnonzero(frame.site == 0)
    point = frame.serve(at_the_rim, Clock(60.0)).point
    assert frame.site[relocated(frame, at_the_rim, point)].tolist() == [1]
    amid = np.flatnonzero(frame.site == 1)
    assert relocated(frame, amid, frame.serve(amid, Clock(60.0)).point).tolist() == amid.tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"required_sites": np.array([0])},
        {"offer_existing": np.array([True, False])},
        {"offer_subsidy": np.array([0.5, 1.0])},
        {"offer_capacity": np.array([[60.0], [50.0]])},
        {"reach_min": None},  # one customer is not in reach of s1
    ],
    ids=["required", "existing", "dearer", "smaller", "out of reach"],
)
def test_a_station_stays_where_another_site_is_no_match(one_of_two, change):
    if "reach_min" in change:
        last = int(one_of_two.reach_start[-1])
        start = one_of_two.reach_start.copy()
        start[-1] -= 1
        change = {
            "reach_min": one_of_two.reach_min[: last - 1],
            "reach_site": one_of_two.reach_site[: last - 1],
            "reach_start": start,
        }
        # All is wanted in the last cell alone.
        wanted = np.zeros(len(one_of_two.demand_ids))
        wanted[one_of_two.demand_cell == len(one_of_two.cell_ids) - 1] = 60.0
        change["demand_kwh"] = wanted
    frame = drives_frame(replace(one_of_two, **change), 60.0 if "demand_kwh" not in change else 1.0)
    at_the_rim = np.flatnonzero(frame.site == 0)
    found = frame.serve(at_the_rim, Clock(60.0))
    assert found.found
    assert relocated(frame, at_the_rim, found.point).tolist() == at_the_rim.tolist()


@pytest.mark.parametrize("seed", range(6))
def test_moves_serve_as_much_with_shorter_drives(seed):
    instance = grid_town(seed=seed)
    rng = np.random.default_rng(seed)
    choice = np.sort(rng.choice(40, 8, replace=False))
    most = Frame(Program(instance), MostWorth())
    worth = most.signed(most.serve(choice, Clock(60.0)).objective)
    frame = drives_frame(instance, worth * (1 - 1e-9))
    served = frame.serve(choice, Clock(60.0))
    moved = relocated(frame, choice, served.point)
    after = frame.serve(moved, Clock(60.0))
    assert len(moved) == len(choice)
    assert after.found  # as much is served
    assert frame.signed(after.objective) >= frame.signed(served.objective) - 1e-6
    if len(np.setdiff1d(moved, choice)):
        assert frame.signed(after.objective) > frame.signed(served.objective)
