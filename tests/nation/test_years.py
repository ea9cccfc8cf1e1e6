"""A nation with money by year: divided as by hand and brute force, with a bound that is true."""

import json
import math
import shutil
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from brute_force import best_division
from conftest import often, seeds
from program.test_instance import small
from program_cases import case_of, program_of
from reseal import reseal_nation
from town import write_nation_by_year
from typer.testing import CliRunner

from siting import settings
from siting.cli import app
from siting.config import load, load_nation
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.prices import bound_by_money, rupees_of
from siting.engine.relax import Relaxation
from siting.engine.solve import _Solve, solve
from siting.errors import ConfigError, InfeasibleError, InputError, VerifyError
from siting.nation import Nation, explain_city, read_nation
from siting.nation import city as asking
from siting.nation.division_bound import (
    Points,
    Pot,
    added_up_by_year,
    best_prices,
    divide,
    price_columns,
    sloped,
)
from siting.program.aims import MostWorth
from siting.program.instance import Instance
from siting.program.money import GapRule
from siting.program.program import Program

YEARS = [2029, 2030]


def faults(call):
    with pytest.raises((ConfigError, InputError, VerifyError)) as caught:
        call()
    return [str(fault) for fault in caught.value.faults]


# --- by hand -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("budgets", "carry_over", "served"),
    [
        pytest.param({2029: 500, 2030: 500}, False, 0, marks=pytest.mark.slow),
        ({2029: 500, 2030: 500}, True, 4),
    ],
)
def test_money_is_carried_over_or_lost(tmp_path, budgets, carry_over, served):
    """A hub of 1,000 rupees is worth 4 kWh/day in 2029 and 8 in 2030, the best of them."""
    path = write_nation_by_year(tmp_path, budgets, carry_over=carry_over)
    plan = Nation(path, ["solver.rounds=2"]).solve()
    assert plan.served_kwh_day == pytest.approx(served)
    assert plan.bound_kwh_day == pytest.approx(served, abs=1e-6)
    granted = plan.cities[["granted_2029_pkr", "granted_2030_pkr"]].sum()
    assert granted.to_list() == pytest.approx([0, 1000 if carry_over else 0], abs=1)


@pytest.mark.slow
def test_two_years_by_hand_and_their_folder(tmp_path, monkeypatch, opened):
    """The hub worth 8 is built in 2029, two of those worth 4 in 2030: 6 + 2 + 2 on average."""
    path = write_nation_by_year(tmp_path, {2029: 1000, 2030: 2000})
    out = tmp_path / "out"
    plan = Nation(path).solve(out)
    assert plan.served_kwh_day == pytest.approx(10)
    assert plan.bound_kwh_day == pytest.approx(10, rel=1e-6)
    own = plan.cities.set_index("city")
    for column, town, half in (
        ("granted_2029_pkr", 1000, 0), ("granted_2030_pkr", 1000, 1000),
        ("new_stations_2029", 1, 0), ("new_stations_2030", 2, 1),
        ("served_2029_kwh_day", 4, 0), ("served_2030_kwh_day", 12, 4),
        ("wanted_2029_kwh_day", 6, 3), ("demand_kwh_day", 9, 4.5),
    ):  # fmt: skip
        assert own[column].to_list() == pytest.approx([town, half], abs=1e-6), column
    facts, tables = read_nation(out)
    assert facts["budgets_pkr"] == {"2029": 1000, "2030": 2000}
    assert tables["bounds"].groupby("city")["weight"].sum().to_list() == pytest.approx([1, 1])
    lines, _ = explain_city(out, "town")
    assert "2030: 0.00 m granted, 12 kWh/day served" in dict(lines)["By year"]
    assert "1,000.0 in 2030" in dict(lines)["In the nation"]
    told = CliRunner().invoke(app, ["nation", str(out), "--compare", str(out)]).output
    assert "+0.0" in told

    def changed(name, change):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(out, copy)
        if name.endswith(".csv"):
            table = pd.read_csv(copy / name)
            change(table)
            table.to_csv(copy / name, index=False)
        else:
            table = json.loads((copy / name).read_text(encoding="utf-8"))
            change(table)
            (copy / name).write_text(json.dumps(table), encoding="utf-8")
        reseal_nation(copy)
        return faults(lambda: read_nation(copy))

    def other_weights(table):
        table["weight"] = 0.0
        table.loc[[0, 1], "weight"] = 1.0  # all in reach

    def set_to(row, column, value):
        return lambda table: table.__setitem__(
            column, table[column].where(table.index != row, value)
        )

    budget = f"{plan.terms['name'].iloc[2]}"
    assert budget == "the nation's budget of 2029"
    assert "sum to 17.5" in changed("bounds.csv", other_weights)[0]
    assert (
        "a city's weights are below 0 or do not sum to 1"
        in changed("bounds.csv", set_to(16, "weight", 0.7))[0]
    )
    assert "sum to" in changed("certificate.csv", set_to(2, "price", 0.004))[0]
    found = changed("cities.csv", set_to(1, "granted_2029_pkr", 500.0))
    assert any("budget of 2029: grants PKR 1,500" in fault for fault in found)
    found = changed("cities/town/years.csv", set_to(0, "spent_pkr", 1500.0))
    assert "draws PKR 1,500; 1,000 (by year), which exceeds the money granted" in found[0]
    found = changed("cities/half/years.csv", set_to(1, "served_kwh_day", 5.0))
    assert "(by year), but cities.csv has other figures" in found[0]

    page = opened(out / "index.html").page
    assert page.locator("#of-2029").is_hidden()
    page.locator("#year-all").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#of-2029").is_visible()
    assert page.locator("#of-all").is_hidden()
    assert "New stations up to 2029" in page.locator("#of-2029").inner_text()
    assert "2029" not in page.locator('h2:has-text("By vehicle class") + div').inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    count = []
    work = asking.answer
    monkeypatch.setattr(asking, "answer", lambda *args: count.append(args[1]) or work(*args))
    again = Nation(path, earlier=out).solve()
    assert not count
    assert again.bound_kwh_day == pytest.approx(10, rel=1e-6)
    # What was proven within less money proves nothing of more; the plans still are plans.
    with pytest.raises(InputError, match=r"has yearly money \(2029, 2030\), but this nation has a"):
        Nation(path, ["years=null", "budget_pkr=3000"], earlier=out)
    more = Nation(
        path, ["years.budgets_pkr={2029: 1000, 2030: 3000}", "solver.rounds=2"], earlier=out
    )
    rows = sum(row["city"] == "town" for row in more.rows)
    assert rows >= 5
    assert more.solve().served_kwh_day == pytest.approx(11)
    assert all(ask.prices is None or sum(ask.money) == 4000 for ask in count)


@pytest.mark.slow
def test_a_city_that_fails_leaves_the_bound_true(tmp_path):
    path = write_nation_by_year(tmp_path, {2029: 1000, 2030: 2000}, second=", least_pkr: 500")
    (tmp_path / "b" / "chargers.csv").write_text("charger_id\n", encoding="utf-8")
    plan = Nation(path, ["solver.rounds=2"]).solve()
    assert plan.cities["status"].to_list()[1] == "failed"
    assert plan.served_kwh_day == pytest.approx(8)
    assert plan.bound_kwh_day >= 8 + 4.5 - 1e-6  # all that it wants counts as served


@pytest.mark.slow
def test_floors_and_ceilings_are_of_the_sum_over_the_years(tmp_path):
    path = write_nation_by_year(
        tmp_path, {2029: 1000, 2030: 2000}, second=", least_pkr: 2000, takes_part: must"
    )
    plan = Nation(path).solve()
    half = plan.cities.set_index("city").loc["half"]
    assert half["granted_pkr"] == pytest.approx(2000)
    # The hub of 8 stands first, and two of 4 and 2 follow elsewhere: 6 + 2 + 1.
    assert plan.served_kwh_day == pytest.approx(9)
    assert plan.bound_kwh_day == pytest.approx(9, rel=0.06)
    assert "least money" in half["binds"]


@pytest.mark.slow
def test_a_ceiling_may_be_used_up_in_any_year(tmp_path):
    path = write_nation_by_year(tmp_path, {2029: 1000, 2030: 2000}, second=", most_pkr: 1000")
    nation = Nation(path)
    plan = nation.solve()
    half = plan.cities.set_index("city").loc["half"]
    assert half["subsidy_pkr"] <= 1000
    assert plan.bound_kwh_day >= plan.served_kwh_day
    # What is proven within 1,000 in 2029 alone says nothing of 1,000 in 2030.
    asked = [r["money"] for r in nation.rows if r["city"] == "half" and r["prices"] is not None]
    assert asked
    assert all(money == [1000, 1000] for money in map(list, asked))


# --- the certificate -----------------------------------------------------------------------------


def random_nation(seed):
    """Return random plans of cities (money by year, energy), pots, and the most of each year."""
    rng = np.random.default_rng(seed)
    count, carry_over = int(rng.integers(2, 4)), bool(rng.random() < 0.5)
    budgets = rng.integers(1, 6, 2).astype(float)
    years = [(0,), (0, 1) if carry_over else (1,)]
    sides = np.cumsum(budgets) if carry_over else budgets
    names = tuple("abc"[:count])
    pots = [Pot(f"of {y}", names, 0.0, float(sides[t]), years[t]) for t, y in enumerate(YEARS)]
    if rng.random() < 0.5:
        pots.append(Pot("province", names[:1], float(rng.integers(0, 2)), 3.0, (0, 1)))
    plans = {}
    for name in names:
        drawn = np.vstack([[0, 0], rng.integers(0, 4, (5, 2))]).astype(float)
        energy = drawn @ rng.random(2) * rng.random(6) * 5
        plans[name] = drawn, energy
    return rng, plans, pots, dict.fromkeys(names, sides)


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(0, 3, 40))
def test_divided_by_year_as_by_brute_force_and_never_above_the_bound(seed):
    rng, plans, pots, most = random_nation(seed)
    # Of the first city more may be granted than it draws, where a province is owed it.
    best = best_division(plans, pots, [{"a": (0, 1)}, {"a": (1, 0)}])
    points = {n: Points(drawn, energy, 0.0, most[n]) for n, (drawn, energy) in plans.items()}
    found = divide(points, pots)
    if found is None:
        assert best == -math.inf
        return
    assert found.energy == pytest.approx(best)
    columns = price_columns(YEARS)
    rows = []
    for name, (drawn, energy) in plans.items():
        rows.append({"city": name, "bound_kwh_day": energy.max()})
        fits = (drawn <= most[name]).all(axis=1)
        for _ in range(int(rng.integers(0, 4))):
            prices = rng.random(2) * rng.integers(0, 4, 2)
            net = float((energy - drawn @ prices)[fits].max()) + rng.random() * rng.integers(0, 2)
            rows.append({"city": name, "budget_pkr": most[name].sum(), "bound_kwh_day": net}
                        | dict(zip(columns, prices, strict=True)))  # fmt: skip
        # What a budget for single years proves holds for no other: it is left out.
        rows.append({"city": name, "budget_pkr": 1.0, "bound_kwh_day": 0.0})
    table = pd.DataFrame(rows, columns=["city", "budget_pkr", "bound_kwh_day", *columns])
    assert len(sloped(table, YEARS)) == len(table) - len(plans)
    prices, weights = best_prices(table, most, pots, YEARS)

    def whole(prices, weights):
        rows = table.assign(weight=weights)
        return added_up_by_year(rows, most, pots, prices, YEARS)["term_kwh_day"].sum()

    lowest = whole(prices, weights)
    assert lowest >= best - 1e-6
    assert weights.groupby(table["city"]).sum().to_list() == pytest.approx([1] * len(plans))
    kept = table.index.isin(sloped(table, YEARS).index)
    for _ in range(10):
        other = pd.Series(rng.random(len(table)) * kept, index=table.index)
        other /= other.groupby(table["city"]).transform("sum")
        tried = {pot.name: float(rng.random() * rng.integers(0, 4)) for pot in pots}
        assert whole(tried, weights) >= lowest - 1e-6
        assert whole(tried, other) >= lowest - 1e-6
        assert whole(prices, other) >= lowest - 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [("years",), ("years, carry, upgrades",)])
def test_what_a_rupee_of_a_year_is_worth_is_the_slope_of_the_relaxation(blocks):
    """The relaxation is concave in the money of each year, and below its tangent everywhere."""
    priced = 0
    for seed in range(8):
        case = case_of(blocks, seed)
        slope = rupees_of(program_of(case), limit_s=10.0)
        priced += slope.any()

        def relaxed(money, case=case):
            program = program_of(replace(case, budgets=money))
            return Relaxation(Frame(program, MostWorth()), Clock(10.0), seed=1).solve()

        before = relaxed(case.budgets)
        for less in (0.2, 0.5, 1.0):  # more would let dearer offers in
            for year, worth in zip(case.budgets, slope, strict=True):
                money = {y: max(b - less * (y == year), 0.0) for y, b in case.budgets.items()}
                change = money[year] - case.budgets[year]
                assert relaxed(money) <= before + worth * change + 1e-3 * before
    assert priced >= 4


RELAXED_WITH = [(), ("envelope",), ("required",), ("extensions",), ("at least",), ("city floor",)]


@pytest.mark.parametrize(
    "blocks", often([("years", *one) for one in RELAXED_WITH], [("years", "required")])
)
def test_relaxations_for_some_budgets_prove_a_bound_for_any(monkeypatch, blocks):
    monkeypatch.setattr(settings, "MANY_OFFERS", 0)
    rng, near = np.random.default_rng(5), 0
    # Without money in the first year, and with so much that it is no limit for a few offers.
    for seed, first, later in ((0, 1, 1), (1, 0, 1), (2, 1, 1), (3, 3, 3)):
        case = case_of(blocks, seed)
        money = {
            y: pkr * (later if i else first) for i, (y, pkr) in enumerate(case.budgets.items())
        }
        case = replace(case, budgets=money)
        found = bound_by_money(program_of(case), limit_s=10.0, seed=1)
        if found is None:
            continue
        level, rates = found
        there = np.array(list(case.budgets.values()))
        for times in (np.ones(len(there)), *rng.random((3, len(there))) * 3, 9 * there):
            money = dict(zip(case.budgets, there * times, strict=True))
            try:
                answer = solve(program_of(replace(case, budgets=money)), gap=0.0, threads=1)
            except InfeasibleError:  # too little money for a requirement
                continue
            bound = level + float(rates @ (there * times))
            assert answer.proof.objective <= bound * (1 + 1e-6)
            near += answer.proof.objective >= 0.8 * bound
    assert near


def test_a_limit_that_is_a_share_of_the_budget_allows_no_bound_for_any(monkeypatch):
    monkeypatch.setattr(settings, "MANY_OFFERS", 0)
    program = program_of(case_of(("years", "envelope"), 1))
    effort = {"limit_s": 10.0, "seed": 1}
    assert bound_by_money(program, **effort) is not None
    limits = tuple(replace(one, of_budget=0.3) for one in program.instance.limits)
    program = replace(program, instance=replace(program.instance, limits=limits))
    assert bound_by_money(program, **effort) is None


@pytest.mark.slow
def test_a_nation_whose_cities_are_relaxed_is_bounded_and_verified(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "MANY_OFFERS", 0)
    path = write_nation_by_year(tmp_path, {2029: 1000, 2030: 2000})
    nation = Nation(path, ["solver.gap=0.0001", "solver.rounds=4"])
    plan, out = nation.to_folder(tmp_path / "out")
    rows = [row for row in nation.rows if row["purpose"] == "any budget"]
    # The first relaxation is for the split by demand, which pays for no station in `half`.
    assert {row["city"] for row in rows} == {"town"}
    assert len(rows) >= 2
    assert plan.served_kwh_day == pytest.approx(10)
    assert 10 - 1e-6 <= plan.bound_kwh_day <= 11 + 1e-6
    result = CliRunner().invoke(app, ["nation", str(out)])
    assert result.exit_code == 0, result.output


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [("years",), ("years, carry, upgrades",)])
def test_an_earlier_plan_in_years_is_a_start_where_at_once_is_too_dear(blocks):
    """Offers in the order in which they were built all find their year again."""
    late = 0
    for seed in range(12):
        program = program_of(case_of(blocks, seed))
        answer = solve(program, gap=0.0, time_limit_s=20.0, threads=1)
        built = answer.built.drop_duplicates("site_id")["site_id"].to_list()
        site = answer.built.set_index("offer_id")["site_id"].to_dict()
        start = sorted(answer.offers, key=lambda offer: built.index(site[offer]))
        begun = _Solve(program, Effort(0.0, 5.0, 1, 1, "exact", "HiGHS"), Clock(5.0), tuple(start))
        assert program.resources.within(begun.choice)
        there = set(program.instance.offer_ids[program.options.last[begun.choice]])
        if "upgrades" not in blocks[0]:
            assert there == set(start)
        late += (program.options.offer[begun.choice, 0] < 0).any()
    assert late


# --- what a rupee of a year must add, and bad input ---------------------------------------------


def test_a_gain_by_year_is_refused_in_words():
    program = Program(Instance.from_tables(**small())).years({2027: 3.0, 2030: 3.0})
    with pytest.raises(InputError, match="has 3 numbers for 2 years"):
        program.net_worth([1.0, 1.0, 1.0])
    with pytest.raises(InputError, match="give a positive worth per rupee"):
        program.net_worth([0.0, 0.0])
    with pytest.raises(InputError, match="subsidies would be paid early"):
        program.viability_gap(GapRule(1.0, 0.5)).net_worth([1.0, 2.0])
    said = program.net_worth([2e-6, 0.0])._repr_latex_()
    assert "less a charge of 2, 0 kWh/day for each PKR m in each year" in said


def test_every_fault_before_anything_is_solved(tmp_path):
    path = write_nation_by_year(tmp_path, {2029: 1000, 2030: 0})  # a year without money is fine
    config, cities, _ = load_nation(path)
    assert config.money_pkr == 1000
    assert [list(city.program.years.budgets_pkr) for city in cities] == [YEARS, YEARS]
    both = ["budget_pkr=5", "years.budgets_pkr={2024: 1, 2031: 0}"]
    assert "is less than 2025" in faults(lambda: load_nation(path, both))[0]
    both[1] = "years.budgets_pkr={2025: 1, 2031: 0}"
    found = faults(lambda: load_nation(path, both, date(2026, 11, 1)))
    assert any("is given together with years.budgets_pkr" in f for f in found)
    assert any("2025 is before this year, 2026" in f for f in found)
    assert sum("years end in 2031" in f and "set: [year=2031]" in f for f in found) == 2
    for given, what in (
        ("years=null", "there is no money; set budget_pkr, or years"),
        ("years.budgets_pkr={2029: 0, 2030: 0}", "no year has a budget"),
        ("years.budgets_pkr={2030: 1, 2029: 1}", "the years are not in ascending order"),
    ):
        assert what in faults(lambda given=given: load_nation(path, [given]))[0]
    own = ["set=['program.years={budgets_pkr: {2030: 5}}', offers.subsidy.rule=need]"]
    found = faults(lambda: load_nation(path, own))
    assert any("sets program.years" in f and "the nation sets the years" in f for f in found)
    assert any("offers.subsidy.rule need cannot divide money" in f for f in found)
    floor = ["cities.1={config: b/town.yaml, least_pkr: 1200}"]
    found = faults(lambda: load_nation(path, floor))
    assert any("add up to PKR 1,200, but the budget is only PKR 1,000" in f for f in found)


def test_a_gain_by_year_in_a_configuration(tmp_path):
    path = write_nation_by_year(tmp_path, {2029: 1000, 2030: 2000}).parent / "a" / "town.yaml"
    gain = "program.least_gain={rule: always, per_million_by_year: {2029: 5, 2030: 0}}"
    years = "program.years={budgets_pkr: {2029: 1000, 2030: 2000}}"
    found = load(path, [years, gain]).program.least_gain
    assert found.always
    assert found.a_rupee == {2029: 5e-6, 2030: 0.0}
    assert "must list the years of program.years: none" in faults(lambda: load(path, [gain]))[0]
    within = gain.replace("rule: always, ", "")
    assert "has an effect only with rule: always" in faults(lambda: load(path, [years, within]))[0]
    need = "offers.subsidy.rule=need"
    assert "counts least" in faults(lambda: load(path, [years, gain, need]))[0]
