"""Least cost to all in a town solved by hand: one cheap distant station, or two near stations.

The cars of c1 and c2 each demand 10 kWh/day. ``mid`` is 6 min from both cells and costs 100 a year.
``west`` and ``east`` are each 1 min from one cell and cost 80. Drives are 120 kWh·min/day with
``mid`` alone, and 20 kWh·min/day with the two near stations. If a minute costs 0.6 a year, both
plans cost 172.
"""

import numpy as np
import pandas as pd
import pytest

from siting.engine.clock import Clock
from siting.engine.fixed import plan_of
from siting.engine.frame import Frame
from siting.engine.pricing import Pricing
from siting.engine.solve import solve
from siting.errors import InputError
from siting.program.instance import Instance
from siting.program.program import Program

COSTS = ("charger_cost_pkr", "cost_pkr", "subsidy_pkr")
YEARLY = {"mid:a": 100.0, "west:a": 80.0, "east:a": 80.0}
CELLS = {"c1": {"mid": 6.0, "west": 1.0}, "c2": {"mid": 6.0, "east": 1.0}}


def program(existing=(), classes=("car", "car")):
    demand = pd.DataFrame(
        {
            "demand_id": ["d1", "d2"],
            "cell_id": ["c1", "c2"],
            "vehicle_class": list(classes),
            "demand_kwh_day": 10.0,
        }
    )
    offers = pd.DataFrame(
        [
            {
                "offer_id": o, "site_id": o[:-2], "configuration": "a", "chargers": "1 x ac_22",
                "existing": o in existing, "power_kw": 22.0,
                "grid_cost_pkr": 0.0, "fee_cost_pkr": 0.0,
                **dict.fromkeys(COSTS, float(o not in existing)),
                "capacity_ac_kwh_day": 20.0, "reason": "",
            }
            for o in YEARLY
        ]
    )  # fmt: skip
    reach = pd.DataFrame(
        [(c, s, t) for c, near in CELLS.items() for s, t in near.items()],
        columns=["cell_id", "site_id", "travel_min"],
    )
    plugs = pd.DataFrame({"charger_group": "ac", "vehicle_class": ["car", "van"]})
    return Program(Instance.from_tables(demand, offers, reach, plugs, budget_pkr=3.0))


def asked(minute, yearly=YEARLY, **more):
    made = program(**more).floor(1.0)
    return made.least_cost_to_all(yearly, {"car": minute, "van": 2 * minute})


@pytest.mark.parametrize("method", ["exact", "milp"])
@pytest.mark.parametrize(
    ("minute", "stand", "stations", "drives"),
    [(0.5, ("mid:a",), 100.0, 60.0), (0.7, ("east:a", "west:a"), 160.0, 14.0)],
)
def test_near_stations_pay_where_a_minute_is_dear(method, minute, stand, stations, drives):
    answer = solve(asked(minute), gap=0.0, method=method, threads=1)
    assert answer.offers == stand
    proof = answer.proof
    assert (proof.status, proof.unit) == ("optimal", "PKR/year")
    assert proof.objective == proof.bound == pytest.approx(stations + drives)
    parts = answer.program.aims[0].parts(answer)
    assert list(parts.values()) == pytest.approx([stations, drives])


def test_it_comes_after_another_aim_too():
    made = program().most_worth()
    later = made.least_cost_to_all(YEARLY, {"car": 0.5, "van": 0.5})
    answer = solve(later, gap=0.0, threads=1)
    assert answer.offers == ("mid:a",)
    assert [one.proof.objective for one in answer.proofs] == [pytest.approx(20), pytest.approx(160)]


def test_what_stands_costs_nothing_more():
    answer = solve(asked(0.5, existing=("west:a",)), gap=0.0, threads=1)
    # The cost of west is sunk. Adding east costs 80 plus 10 for drivers' time, and adding mid costs
    # 100 plus 5 + 30.
    assert answer.offers == ("east:a", "west:a")
    assert answer.proof.objective == pytest.approx(80 + 10)


def test_a_class_whose_minutes_are_dearer_is_told_apart():
    # A van's minute costs twice as much. With mid the cost is 100 + 0.5 x 60 + 60 = 190, and with
    # the near stations 160 + 5 + 10 = 175.
    answer = solve(asked(0.5, classes=("car", "van")), gap=0.0, threads=1)
    assert answer.offers == ("east:a", "west:a")
    assert answer.proof.objective == pytest.approx(175)


def test_a_plan_from_outside_is_valued_by_it():
    answer = plan_of(asked(0.5), ["mid:a", "west:a"])
    assert [one.proof.objective for one in answer.proofs] == [20, pytest.approx(180 + 0.5 * 70)]


def test_the_relaxation_links_each_pair_to_its_station():
    # Without link rows, half of mid could serve all of c1, and east could serve c2, at a cost of
    # 50 + 30 + 60 + 5 = 145. With link rows, c1 needs all of mid, because west costs 200. Then mid
    # also serves c2.
    program = asked(0.5, YEARLY | {"west:a": 200.0, "east:a": 60.0})
    frame = Frame(program, program.all_aims[0])
    nothing, every = np.zeros(0, dtype=np.int64), np.arange(frame.count)
    priced = Pricing(frame, Clock(10.0), start=nothing, some=every, seed=1).run(0.0)
    assert -priced.bound == pytest.approx(160)


@pytest.mark.parametrize(
    ("cost", "minute", "words"),
    [
        (
            YEARLY,
            {"car": -1.0},
            "figures of some vehicle classes are missing, negative or infinite (car)",
        ),
        (YEARLY, {"car": 1.0, "tram": 1.0}, "some vehicle classes are unknown (tram)"),
        (YEARLY, {"van": 1.0}, "pkr_kwh_min: some vehicle classes have no figure (car)"),
        ({"mid:a": 1.0}, {"car": 1.0}, "cost_pkr_year: some offers have no figure (east:a, we"),
        (YEARLY | {"mid:a": float("nan")}, {"car": 1.0}, "missing, negative or infinite (mid:a)"),
    ],
)
def test_figures_that_cannot_be_right_are_told(cost, minute, words):
    with pytest.raises(InputError) as caught:
        program().least_cost_to_all(cost, minute)
    assert words in str(caught.value).replace(": car", " (car)")
