"""Combined blocks: their order has no effect, no block is lost, and errors are in words."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from program.test_lp import DEMAND, LATER, NOW, PLUGS, REACH, asked, offers, scenarios, years

from siting import settings
from siting.engine.solve import solve
from siting.errors import InputError
from siting.program.instance import Instance
from siting.program.limits import Limit
from siting.program.money import GapRule
from siting.program.objective import ExponentialDecay
from siting.program.program import Program

RULE = GapRule(0.2, 0.9)


def test_demand_by_scenario_is_kept_when_years_come_after():
    program = scenarios(asked()).years({2027: 3.0, 2030: 4.0})
    assert [one.name for one in program.slices] == [
        "2027 slow",
        "2027 fast",
        "2030 slow",
        "2030 fast",
    ]
    assert program.demand_kwh.sum(axis=0).tolist() == [30.0, 38.0, 30.0, 38.0]


def test_demand_by_year_is_kept_when_scenarios_come_after():
    program = years(asked()).scenarios({"slow": 0.25, "fast": 0.75})
    assert program.demand_kwh.sum(axis=0).tolist() == [30.0, 30.0, 38.0, 38.0]


def test_worth_by_scenario_is_kept_when_years_come_after():
    worth = {"slow": NOW * 2, "fast": LATER * 3}
    program = scenarios(asked()).worth(worth, "people").years({2027: 3.0, 2030: 4.0})
    assert program.per_kwh[0].tolist() == [2.0, 3.0, 2.0, 3.0]


def test_decay_and_worth_come_in_any_order():
    one = asked().decay(ExponentialDecay(5), 8).worth(NOW * 2, "people")
    other = asked().worth(NOW * 2, "people").decay(ExponentialDecay(5), 8)
    assert one.distance_decay == other.distance_decay == ExponentialDecay(5)
    assert one.worth_unit == other.worth_unit == "people"


def test_worth_by_slices_that_are_not_asked_for_is_a_fault():
    with pytest.raises(InputError, match="some years or scenarios are not in the program"):
        asked().worth({"slow": NOW, "fast": NOW}, "people")


@pytest.mark.parametrize(
    ("worth", "words"),
    [
        (NOW.rename({"d1": "d9"}), r"are not ids of demand rows \(d9\).*\n.*missing \(d1\)"),
        (pd.concat([NOW, NOW[:1]]), r"worth: some ids appear twice \(d1\)"),
        (-NOW, "worth: some figures are not numbers of 0 or more"),
        (NOW.astype(str) + " kWh", "the figures have type .*, but must be numbers"),
        (NOW * 0, "is 0 for every row with demand"),
    ],
)
def test_worth_that_does_not_fit_the_demand_rows_is_a_fault(worth, words):
    with pytest.raises(InputError, match=words):
        asked().worth(worth, "people")


@pytest.mark.parametrize("block", [years, scenarios])
def test_a_block_given_twice_is_a_fault(block):
    with pytest.raises(InputError, match="are set twice"):
        block(block(asked()))


def test_limits_are_checked_when_they_are_added():
    with pytest.raises(InputError, match="at_most is -1"):
        asked().limit(Limit("line", "feeder", "kW", -1.0, {"s2:big": 1.0}))


def test_without_a_budget_the_money_of_the_years_does_not_count_in_the_gap():
    program = asked().years({2027: 0.0, 2030: 0.0}).viability_gap(RULE).without_budget()
    assert solve(program, gap=0.0, threads=1).subsidy_pkr > 0


def test_an_envelope_of_which_some_must_be_drawn_counts_what_is_paid_in_the_gap():
    use = {"s2:big": 1.0, "s2:small": 1.0, "s3:fast": 1.0}
    some = Limit("some", "envelope", "PKR", math.inf, use, at_least=3.0, per_rupee=True)
    program = asked().viability_gap(RULE).limit(some).floor(0.1).least_money("subsidy_pkr")
    assert solve(program, gap=0.0, threads=1).subsidy_pkr == pytest.approx(3.0)


def test_an_envelope_holds_in_the_year_before_an_upgrade_too():
    # The small station draws on the envelope; the larger station that replaces it does not.
    tight = Limit("envelope", "envelope", "PKR", 0.0, {"s2:small": 1.0}, per_rupee=True)
    base = years(asked()).viability_gap(GapRule(0.01, 1.0))
    problem = base.limit(tight).to_pulp()
    assert (
        len(
            [
                name
                for name in (row.name for row in problem.constraints())
                if name.startswith("subsidies")
            ]
        )
        == 4
    )


def test_an_offer_that_must_be_counted_is_there_though_nobody_could_use_it():
    reach = pd.DataFrame([("c1", "s1", 2.0)], columns=["cell_id", "site_id", "travel_min"])
    instance = Instance.from_tables(DEMAND, offers(), reach, PLUGS, 7.0)
    far = Limit("one", "at least", "stations", math.inf, {"s3:fast": 1.0}, at_least=1.0)
    assert "s3:fast" in solve(Program(instance).limit(far), gap=0.0, threads=1).offers


def test_a_regret_without_its_figures_is_written_only_once_they_are_known(tmp_path):
    program = scenarios(asked()).least_regret()
    with pytest.raises(InputError, match="solve the program"):
        program.write_lp(tmp_path / "program.lp")
    solve(program, gap=0.0, threads=1).program.write_lp(tmp_path / "program.lp")
    assert "regret" in (tmp_path / "program.lp").read_text()


def test_demand_that_a_solver_cannot_tell_from_none_is_left_out():
    demand = DEMAND.assign(demand_kwh_day=[8e8, 4e8, 6e8, 1e9, 2e8, 1e-6])
    program = Program(Instance.from_tables(demand, offers(), REACH, PLUGS, 7.0), "coverage")
    assert (program.matrix().upper > 1e-9).all()
    assert solve(program, gap=0.0, threads=1).served_kwh_day == pytest.approx(3e9)


def test_people_of_rows_that_want_next_to_nothing_are_refused_by_name():
    demand = DEMAND.assign(demand_kwh_day=[8e8, 4e8, 6e8, 1e9, 2e8, 1e-6])
    program = Program(Instance.from_tables(demand, offers(), REACH, PLUGS, 7.0), "coverage")
    people = pd.Series(10.0, index=demand["demand_id"])
    with pytest.raises(InputError, match=r"too far apart .* 16.7% of the people"):
        program.worth(people, "people").matrix()


def test_a_floor_of_next_to_nothing_is_refused_by_name():
    demand = DEMAND.assign(demand_kwh_day=[8e8, 4e8, 6e8, 1e9, 2e8, 3.0])
    program = Program(Instance.from_tables(demand, offers(), REACH, PLUGS, 7.0))
    with pytest.raises(InputError, match="have almost no demand"):
        program.floor(0.5, of=pd.Series({"d6": "hamlet"})).matrix()


def test_the_last_year_alone_has_its_demand_and_all_the_money_until_then():
    last = years(asked()).scenarios({"slow": 0.25, "fast": 0.75}).only_year(-1)
    assert last.year_plan is None
    assert [one.name for one in last.slices] == ["slow", "fast"]
    assert last.demand_kwh.sum(axis=0).tolist() == [38.0, 38.0]
    assert last.instance.budget_pkr == sum(years(asked()).year_plan.budgets_pkr)
    one = asked()
    assert one.only_year(-1) is one


def test_too_many_courses_are_refused_before_they_are_made(monkeypatch):
    program = years(asked())
    assert len(replace(program).options) > 2
    monkeypatch.setattr(settings, "MOST_OPTIONS", 2)
    with pytest.raises(InputError, match=r"program.years: .* more than 2 combinations .* \d years"):
        _ = replace(program).options


def test_an_option_is_found_by_its_offers_in_all_years():
    options = years(asked()).options
    assert options.find(options.offer[::-1]).tolist() == [*range(len(options))][::-1]
    unknown = np.array([options.offer[0] + 1000, [-1] * options.offer.shape[1]])
    assert options.find(unknown).tolist() == [-1, -1]
    assert options.find(options.offer[:0]).tolist() == []
