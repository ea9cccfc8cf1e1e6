"""Why there is no plan: what is named, have and need, and that the mends are the least that do."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from brute_force import CLASSES, COMPATIBILITY, town
from conftest import seeds

import siting
from siting import settings
from siting.engine import solve, why_not
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.errors import InfeasibleError, InputError, SolveError
from siting.program.instance import Instance
from siting.program.limits import Limit
from siting.program.money import GapRule
from siting.program.program import Program

room = import_module("siting.engine.why_not")
EXACT = Effort(gap=0.0, time_limit_s=60, threads=1)
ZONES = pd.Series({"n1": "north", "n2": "north", "s1": "south", "s2": "south"})
FAR = pd.Series({**ZONES, "fn": "north", "fs": "south"})


def street(budget_pkr=6.0, *, far=False, lone=False):
    """Return a town of two ends that want 50 kWh/day each, with two offers at either."""
    rows = [("n1", "n", "car", 30.0), ("n2", "n", "bus", 20.0)]
    rows += [("s1", "s", "car", 40.0), ("s2", "s", "bus", 10.0)]
    if far:  # nobody can serve these
        rows += [("fn", "f", "car", 25.0), ("fs", "f", "bus", 10.0)]
    demand = pd.DataFrame(rows, columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"])
    offers = pd.DataFrame(
        [
            ("a", "north", 30.0, 4.0),
            ("b", "north", 60.0, 9.0),
            ("c", "south", 25.0, 3.0),
            ("d", "south", 50.0, 7.0),
        ],
        columns=["offer_id", "site_id", "capacity_dc_kwh_day", "cost_pkr"],
    )
    if lone:  # a site that nobody can reach
        offers.loc[len(offers)] = ("e", "lone", 10.0, 2.0)
    offers = offers.assign(configuration="k", chargers="", existing=False, power_kw=10.0, reason="")
    money = offers["cost_pkr"]
    offers = offers.assign(
        charger_cost_pkr=money, grid_cost_pkr=0.0, fee_cost_pkr=0.0, subsidy_pkr=money
    )
    reach = pd.DataFrame(
        [("n", "north", 3.0), ("s", "south", 4.0)], columns=["cell_id", "site_id", "travel_min"]
    )
    plugs = pd.DataFrame({"charger_group": "dc", "vehicle_class": ["car", "bus"]})
    return Program(Instance.from_tables(demand, offers, reach, plugs, budget_pkr))


def stations(at_most, name="stations"):
    return Limit(name, "number", "stations", at_most, dict.fromkeys("abcde", 1.0))


def told(program):
    """Return have, need, alone and fix by requirement, both methods having refused."""
    for method in ("exact", "milp"):
        with pytest.raises(InfeasibleError) as caught:
            solve(program, gap=0.0, threads=1, method=method)
    table = why_not(program, EXACT)
    assert list(table.columns) == ["requirement", "have", "need", "unit", "alone", "fix"]
    assert [fault.where for fault in caught.value.faults] == table["requirement"].tolist()
    assert "unknown" not in str(caught.value)
    assert table[["have", "need"]].notna().all(axis=None)
    rows = table.itertuples()
    return {
        r.requirement: (pytest.approx(r.have), pytest.approx(r.need), bool(r.alone), r.fix)
        for r in rows
    }


def test_floor_and_budget():
    assert told(street(6.0).floor(0.6)) == {
        "floor, city": (0.3, 0.6, True, "lower it to at most 0.3000"),
        "budget": (6.0, 11.0, True, "raise it to PKR 11"),
    }


def test_it_is_said_in_the_configurations_words_with_have_need_and_fix():
    with pytest.raises(InfeasibleError) as caught:
        solve(street(6.0).floor({"bus": 0.9}, of="class").limit(stations(1, "bikes")))
    assert str(caught.value).splitlines() == [
        "- floor, bus: have 66.67 %, need 90 % of the demand; lower it to at most 0.6666",
        "- budget: set to PKR 6; changing it alone is not enough",
    ]
    with pytest.raises(InfeasibleError, match="required sites: have 1 site, need 2 sites; "):
        solve(street(6.0).require(["north", "south"]))


def test_class_floor():
    # The station of 4 rupees serves all 20 kWh/day of the north's buses, and none of the south's.
    assert told(street(6.0).floor({"bus": 0.9}, of="class")) == {
        "floor, bus": (2 / 3, 0.9, True, "lower it to at most 0.6666"),
        "budget": (6.0, 7.0, True, "raise it to PKR 7"),
    }


def test_a_zone_floor_beyond_reach_is_seen_without_a_solve():
    program = street(100.0, far=True).floor({"north": 0.8, "south": 0.8}, of=FAR)
    assert room.is_hopeless(program)
    assert told(program) == {"floor, north": (2 / 3, 0.8, True, "lower it to at most 0.6666")}
    assert not room.is_hopeless(street(6.0).floor(0.6))


def test_floors_that_only_clash_together():
    program = street().without_budget().limit(stations(1))
    program = program.floor({"north": 0.6, "south": 0.5}, of=ZONES)
    assert told(program) == {
        "floor, north": (0.0, 0.6, True, "leave it out"),
        "floor, south": (0.0, 0.5, True, "leave it out"),
        "limit stations": (1.0, 2.0, True, "raise it to 2 stations"),
    }


def test_what_no_single_change_mends_is_mended_together():
    program = street(100.0, far=True).floor(0.9, of=FAR)
    others = "together with the other changes"
    assert told(program) == {
        "floor, north": (2 / 3, 0.9, False, f"lower it to at most 0.6666, {others}"),
        "floor, south": (5 / 6, 0.9, False, f"lower it to at most 0.8333, {others}"),
    }


def test_limit_and_required_sites():
    program = street(100.0).limit(stations(1, "bikes"), stations(3, "idle"))
    found = told(program.require(["north", "south"]))
    assert found["limit bikes"] == (1.0, 2.0, True, "raise it to 2 stations")
    have, need, alone, fix = found["required sites"]
    assert (have, need, alone) == (1.0, 2.0, True)
    assert fix.startswith("require 1 site fewer, e.g. without ")
    assert set(found) == {"limit bikes", "required sites"}


def test_envelope_and_at_least():
    bikes = Limit("bikes", "envelope", "PKR", 1.0, dict.fromkeys("abcd", 0.5), per_rupee=True)
    some = Limit("some", "square", "stations", np.inf, {"b": 1.0, "d": 1.0}, at_least=1.0)
    assert told(street(100.0).limit(bikes, some)) == {
        "limit bikes": (1.0, 3.5, True, "raise it to PKR 4"),
        "lower limit some": (0.0, 1.0, True, "leave it out"),
    }


def test_a_station_that_is_of_use_to_a_limit_only():
    # The floor takes both sites, and the limit one that nobody can reach.
    program = street(100.0, far=True, lone=True)
    some = Limit("some", "square", "stations", np.inf, {"e": 1.0}, at_least=1.0)
    assert told(program.limit(some, stations(2)).floor({"north": 0.4, "south": 0.4}, of=FAR)) == {
        "floor, north": (0.0, 0.4, True, "leave it out"),
        "floor, south": (0.0, 0.4, True, "leave it out"),
        "lower limit some": (0.0, 1.0, True, "leave it out"),
        "limit stations": (2.0, 3.0, True, "raise it to 3 stations"),
    }


def test_money_of_each_year():
    years = {2027: 4.0, 2030: 3.0}
    # 50 kWh/day from the first year on take 7 rupees then; those of the second year are no help.
    assert told(street().years(years).floor(0.5, when="every")) == {
        "floor, city": (0.3, 0.5, True, "lower it to at most 0.3000"),
        "budget 2027": (4.0, 7.0, True, "raise it to PKR 7"),
    }
    years = {2027: 2.0, 2030: 3.0}
    assert told(street().years(years, carry_over=True).floor(0.5)) == {
        "floor, city": (0.3, 0.5, True, "lower it to at most 0.3000"),
        "budget 2027": (2.0, 4.0, True, "raise it to PKR 4"),
        "budget 2030": (3.0, 5.0, True, "raise it to PKR 5"),
    }


def test_scenarios_and_coverage():
    demand = {
        "slow": pd.Series({"n1": 30.0, "n2": 20.0, "s1": 40.0, "s2": 10.0}),
        "fast": pd.Series({"n1": 60.0, "n2": 40.0, "s1": 80.0, "s2": 20.0}),
    }
    # Of 200 kWh/day the largest stations serve 60 and 50.
    program = street(100.0).scenarios({"slow": 0.5, "fast": 0.5}, demand=demand).floor(0.6)
    assert told(program) == {"floor, city": (0.55, 0.6, True, "lower it to at most 0.5500")}
    assert told(replace(street(6.0), model="coverage").floor(1.0)) == {
        "floor, city": (0.5, 1.0, True, "lower it to at most 0.5000"),
        "budget": (6.0, 7.0, True, "raise it to PKR 7"),
    }


def test_the_viability_gaps_cap():
    # 30 kWh/day earn 1.5 of the 4 rupees that the smaller station needs.
    program = street(100.0).viability_gap(GapRule(0.05, 0.5))
    assert told(program.floor({"north": 0.6}, of=ZONES)) == {
        "floor, north": (0.0, 0.6, True, "leave it out"),
        "viability gap, cap": (0.5, 0.625, True, "raise it to 0.6250"),
    }
    # The same caps, offer by offer.
    caps = dict.fromkeys(program.instance.offer_ids, 2.0)
    program = street(100.0).viability_gap(GapRule(0.05, caps))
    found = told(program.floor({"north": 0.6}, of=ZONES))
    assert found["viability gap, excess over the caps"] == (0.0, 0.125, True, "raise it to 0.1250")
    # 2.5 rupees are lacking, and 1 is there.
    program = street(1.0).viability_gap(GapRule(0.05, 0.8)).floor({"north": 0.6}, of=ZONES)
    assert told(program)["budget"] == (1.0, 2.5, True, "raise it to PKR 3")


def test_distance_to_another_plan():
    program = street(100.0).differ_from(["a", "c"], 2).require(["south"])
    assert told(program) == {
        "required sites": (0.0, 1.0, True, "require 1 site fewer, e.g. without south"),
        "distance to plan 1": (1.0, 2.0, True, "lower it to at most 1 site"),
    }


def test_nothing_stands_in_the_way_of_what_can_be():
    assert siting.why_not(street(11.0).floor(0.6)).empty
    assert why_not(street(0.0)).empty


def test_an_effort_that_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="time_limit_s"):
        why_not(street(), Effort(time_limit_s=0.0))


def test_without_time_bounds_are_told_as_such():
    program = street(6.0, far=True).floor(0.9, of=FAR)
    lines = room._Diagnosis(program, Clock(1e-9), EXACT, known=True).lines()
    said = [str(line.fault) for line in lines]
    fix = "lower it to at most 0.6666 (only a bound, because no plan was found in time)"
    assert f"floor, north: have at most 66.67 %, need 90 % of the demand; {fix}" in said
    assert not any(line.alone for line in lines)


def test_what_is_not_known_in_time_is_not_guessed(monkeypatch):
    monkeypatch.setattr(settings, "SMALL_COLUMNS", 0)
    monkeypatch.setattr(room._Diagnosis, "planned", lambda *_: (None, None))
    with pytest.raises(SolveError, match="no plan was found, and no conflict"):
        why_not(street(11.0).floor(0.6), EXACT)


def test_a_solver_that_is_wrong_is_not_believed():
    with pytest.raises(SolveError, match="though the requirements are compatible"):
        room.raise_why_not(street(11.0).floor(0.6), Clock(10), EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(0, 3, 40))
def test_large_programs_get_figures_that_a_plan_meets(seed, monkeypatch):
    monkeypatch.setattr(settings, "SMALL_COLUMNS", 0)
    program = random_program(seed)
    if program is None:
        return
    table = why_not(program, EXACT)
    assert table.empty == can_be(program)
    for row in table[table["alone"]].itertuples():
        if row.requirement.startswith("floor"):
            figure = float(row.fix.split()[-1]) if row.fix.startswith("lower") else 0.0
            assert can_be(with_figure(program, row.requirement, figure))
        if row.requirement == "budget":
            figure = float(row.fix.split()[4].replace(",", ""))
            assert can_be(with_figure(program, row.requirement, figure))


@pytest.mark.parametrize("seed", seeds(0, 1, 100))
def test_each_mend_is_the_least_that_does(seed):
    program = random_program(seed)
    if program is None:
        return
    table = why_not(program, EXACT)
    assert table.empty == can_be(program)
    if table.empty:
        return
    assert table.equals(why_not(program, EXACT))
    alone = table[table["alone"]].set_index("requirement")
    names = [f"floor, {floor.name}" for floor in program.floors]
    names += [f"limit {x.name}" for x in program.instance.limits if x.name != "some"]
    names += ["budget"] if program.year_plan is None else []
    names += [f"budget {year}" for year in program.year_plan.years] if program.year_plan else []
    for name in names:
        floor = name.startswith("floor")
        able = can_be(with_figure(program, name, 0.0 if floor else 1e6))
        assert able == (name in alone.index)
        if able:
            figure = float(alone.loc[name, "have" if floor else "need"])
            hair = 1e-5 if floor else -1e-5
            assert can_be(with_figure(program, name, max(0.0, figure - hair)))
            assert not can_be(with_figure(program, name, figure + hair))


def can_be(program):
    try:
        solve(program, gap=0.5, threads=1, method="milp")
    except InfeasibleError:
        return False
    return True


def with_figure(program, name, figure):
    """Return the program with another share of a floor, budget, money of a year, or limit."""
    kind, _, which = name.partition(", " if name.startswith("floor") else " ")
    if kind == "floor":
        floors = (replace(f, share=figure) if f.name == which else f for f in program.floors)
        return replace(program, floors=tuple(floors))
    if kind == "limit":
        limits = tuple(
            replace(limit, at_most=figure) if limit.name == which else limit
            for limit in program.instance.limits
        )
        return replace(program, instance=replace(program.instance, limits=limits))
    if not which:
        return replace(program, instance=replace(program.instance, budget_pkr=figure))
    plan = program.year_plan
    money = [
        figure if str(y) == which else m for y, m in zip(plan.years, plan.budgets_pkr, strict=True)
    ]
    return replace(program, year_plan=replace(plan, budgets_pkr=tuple(money)))


def random_program(seed):
    """Return a program of blocks at random, many of which cannot hold together."""
    rng = np.random.default_rng(seed)
    demand, offers, reach = town(seed, sites=4, cells=5)
    try:
        budget = float(rng.integers(2, 8))
        instance = Instance.from_tables(demand, offers, reach, COMPATIBILITY, budget)
    except InputError:
        return None
    gap, years = rng.random(2) < 0.3
    program = Program(instance, "coverage" if not gap and rng.random() < 0.3 else "capacitated")
    new = instance.offer_ids[~instance.offer_existing]
    limits = [
        Limit("n", "number", "stations", 1.0, dict.fromkeys(new, 1.0)),
        Limit("feeder", "feeder", "kW", 5.0, {o: float(rng.integers(1, 5)) for o in new}),
        Limit("bikes", "envelope", "PKR", 2.0, {o: rng.integers(0, 3) / 2 for o in new}, 0.0, True),
    ]
    some = dict.fromkeys(instance.offer_ids[instance.offer_site > 1], 1.0)
    limits.append(Limit("some", "square", "stations", np.inf, some, at_least=1.0))
    program = program.limit(*(limit for limit in limits if rng.random() < 0.4))
    program = program.require(s for s in instance.site_ids if rng.random() < 0.25)
    if years:
        money = {2027: float(rng.integers(0, 5)), 2030: float(rng.integers(0, 5))}
        program = program.years(money, carry_over=bool(seed % 2))
    zone = pd.Series(np.where(instance.demand_cell % 2, "east", "west"), index=instance.demand_ids)
    wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids).groupby(zone).sum()
    shares = {name: float(rng.choice([0.2, 0.5])) for name in wanted[wanted > 0].index}
    program = program.floor(shares, of=zone, when="every" if seed % 3 else "last")
    if gap:
        margin = {name: float(rng.integers(1, 6)) / 10 for name in CLASSES}
        program = program.viability_gap(GapRule(margin, 0.75))
    return program
