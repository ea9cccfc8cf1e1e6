"""A nation on one budget: divided as by hand, as by brute force, with a bound that is true."""

import json
import math
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from batch_driver import Inline
from brute_force import best_division
from conftest import seeds
from reseal import reseal, reseal_nation
from town import write_nation_of
from typer.testing import CliRunner

from siting.cli import app
from siting.config import NationConfig, load_nation
from siting.errors import ConfigError, InfeasibleError, InputError, VerifyError
from siting.nation import Nation, NationPlan, compare_nations, explain_city, read_nation
from siting.nation import city as asking
from siting.nation.division_bound import Points, Pot, added_up, certificate, corners, divide
from siting.nation.nation_page import write_page


def faults(call):
    with pytest.raises((ConfigError, InputError, VerifyError, InfeasibleError)) as caught:
        call()
    return [str(fault) for fault in caught.value.faults]


# --- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "served", "money"),
    [
        pytest.param(1_000, 8, [1000, 0], marks=pytest.mark.slow),
        pytest.param(2_000, 12, [2000, 0], marks=pytest.mark.slow),
        (3_000, 16, [2000, 1000]),
    ],
)
def test_two_towns_by_hand(tmp_path, budget, served, money):
    """Hubs are worth 8, 4, 4 and 2: the best are taken, wherever they stand."""
    plan = Nation(write_nation_of(tmp_path, budget=budget)).solve()
    assert plan.served_kwh_day == pytest.approx(served)
    if budget != 2_000:  # there 4 kWh/day can be had in either town
        assert plan.cities["granted_pkr"].to_list() == pytest.approx(money)
    assert plan.bound_kwh_day == pytest.approx(served, rel=1e-6)
    assert f"Energy served {served:,} of 18 kWh/day" in " ".join(repr(plan).split())
    # The same for both buys one hub in each of the towns where 1,500 are not enough for two.
    if budget == 3_000:
        equal = plan.splits.set_index("split").loc["equal"]
        assert equal["served_kwh_day"] == pytest.approx(12)
        assert equal["less_share"] == pytest.approx(0.25)
        assert equal["gini"] == pytest.approx(0, abs=1e-9)  # two thirds of what each wants


@pytest.mark.slow
def test_floors_move_the_money(tmp_path):
    path = write_nation_of(tmp_path, budget=2_000, second=", takes_part: must")
    plan = Nation(path).solve()
    assert plan.served_kwh_day == pytest.approx(12)
    assert plan.cities["new_stations"].to_list() == [1, 1]
    never = Nation(path, ["cities.1.takes_part=never"]).solve()
    assert never.cities["subsidy_pkr"].to_list() == [2000, 0]
    assert never.cities["binds"].to_list() == ["", "takes no part"]
    head = Nation(path, ["least_kwh_day_a_head=0.3", "budget_pkr=3000"]).solve()
    assert head.cities["served_kwh_day"].to_list() == pytest.approx([12, 4])
    province = Nation(path, ["cities.1.province=Hills", "provinces={Hills: {least_pkr: 2000}}"])
    plan = province.solve()
    assert plan.cities["served_kwh_day"].to_list() == pytest.approx([0, 6])
    assert plan.bound_kwh_day == pytest.approx(6, rel=1e-6)


@pytest.mark.slow
def test_a_larger_city_has_more_of_the_time(tmp_path):
    nation = Nation(write_nation_of(tmp_path, budget=2_000), ["solver.time_limit_s=10"])
    names = list(nation.studies)
    assert [nation.limit_s(name) for name in names] == [10, 10]  # nothing is known of them yet
    nation.facts = {names[0]: {"demand_kwh_day": 16.0}, names[1]: {"demand_kwh_day": 1.0}}
    large, small = (nation.limit_s(name) for name in names)
    assert large == pytest.approx(10 * 8 / 4.5)
    assert small == pytest.approx(2.5)  # a quarter of the mean at the least
    nation.failed[names[1]] = "no roads"  # nobody asks it, so that the other has the mean
    assert nation.limit_s(names[0]) == pytest.approx(10)


@pytest.mark.slow
def test_an_envelope_over_all_cities(tmp_path):
    more = "envelopes: {light: {budget_pkr: 1000, charger_groups: [lev]}}\n"
    plan = Nation(write_nation_of(tmp_path, budget=2_000, more=more)).solve()
    assert plan.cities["subsidy_pkr"].sum() <= 1_000
    assert plan.bound_kwh_day >= 8 - 1e-6  # what the envelope leaves room for


# --- the folder ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_folder_adds_up_and_says_what_does_not(tmp_path):
    out = tmp_path / "out"
    plan = Nation(write_nation_of(tmp_path)).solve(out)
    facts, tables = read_nation(out)
    assert facts["served_kwh_day"] == pytest.approx(16)
    assert facts["bound_kwh_day"] == pytest.approx(plan.bound_kwh_day)
    assert tables["cities"]["city"].to_list() == ["town", "half"]
    for name in ("town", "half"):
        assert (out / "cities" / name / "run.json").is_file()
        assert f'href="cities/{name}' in (out / "index.html").read_text(encoding="utf-8")
    stations = json.loads((out / "stations.geojson").read_text(encoding="utf-8"))["features"]
    assert {f["properties"]["city"] for f in stations} == {"town", "half"}
    assert len(stations) == 3
    # Whose data the plans are made from, on the page and in each layer.
    note = "nobody (CC0"
    assert note in (out / "index.html").read_text(encoding="utf-8")
    for name in ("cities", "stations"):
        layer = json.loads((out / f"{name}.geojson").read_text(encoding="utf-8"))
        assert note in layer["description"]
    with closing(sqlite3.connect(out / "nation.gpkg")) as found:
        told = found.execute("SELECT description FROM gpkg_contents").fetchall()
    assert told
    assert all(note in description for (description,) in told)

    def changed(name, old, new):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(out, copy)
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text
        (copy / name).write_text(text.replace(old, new), encoding="utf-8")
        for folder in (copy / "cities").iterdir():
            reseal(folder)
        reseal_nation(copy)
        return faults(lambda: read_nation(copy))

    bound = f'"bound_kwh_day": {facts["bound_kwh_day"]}'
    assert "sum to" in changed("nation.json", bound, '"bound_kwh_day": 15')[0]
    assert "grants PKR" in changed("nation.json", '"at_most_pkr": 3000', '"at_most_pkr": 2000')[-1]
    run = json.loads((out / "cities" / "half" / "run.json").read_text())["objective_kwh_day"]
    found = changed("cities/half/run.json", f'"objective_kwh_day": {run}', '"objective_kwh_day": 9')
    assert "serves 9.000 kWh/day" in found[0]
    assert "is not the folder of a nation's plan" in faults(lambda: read_nation(tmp_path))[0]


@pytest.mark.slow
def test_a_city_explained_and_two_plans_compared(tmp_path):
    asked = write_nation_of(tmp_path, second=", least_pkr: 1000", budget=2_000)
    plan = Nation(asked).solve(tmp_path / "floor")
    # Without the floor both hubs could stand in the first town, but 4 kWh/day are had in either.
    assert plan.floors_cost_kwh_day == pytest.approx(0)
    free = Nation(write_nation_of(tmp_path, budget=3_000)).solve(tmp_path / "free")
    assert free.floors_cost_kwh_day is None
    equal = free.splits.set_index("split").loc["equal"]
    assert equal["less_pkr"] == pytest.approx(4 / free.price)
    lines, plans = explain_city(tmp_path / "free", "town")
    told = dict(lines)
    assert told["Serves"] == "12 of 12 kWh/day with 2 new stations"
    assert plans["served_kwh_day"].to_list() == pytest.approx([0, 8, 12])
    assert plans["chosen"].to_list() == [False, False, True]
    assert told["PKR 1 m less"].startswith("4,000.0 kWh/day less")
    assert told["PKR 1 m more"] == "no plan that serves more was found"
    with pytest.raises(InputError, match="did you mean half"):
        explain_city(tmp_path / "free", "halve")
    table = compare_nations(tmp_path / "floor", tmp_path / "free").set_index("city")
    assert table.loc["town", "granted_pkr_change"] == pytest.approx(1000)
    assert table.loc["all", "served_kwh_day_change"] == pytest.approx(4)


@pytest.mark.slow
def test_answers_of_an_earlier_plan_are_not_asked_again(tmp_path, monkeypatch):
    asked = write_nation_of(tmp_path, budget=3_000)
    Nation(asked).solve(tmp_path / "run")
    count = []
    work = asking.answer
    monkeypatch.setattr(asking, "answer", lambda *args: count.append(1) or work(*args))
    again = Nation(asked, earlier=tmp_path / "run").solve()
    assert not count
    assert again.served_kwh_day == pytest.approx(16)
    more = Nation(asked, ["budget_pkr=4000"], earlier=tmp_path / "run").solve()
    assert more.served_kwh_day == pytest.approx(18)
    # Other floors void the answers under the old ones; other envelopes void all.
    must = Nation(asked, ["cities.1.takes_part=must"], earlier=tmp_path / "run")
    must.solve(tmp_path / "must")
    assert {row["free"] for row in must.rows} == {True, False}
    freed = Nation(asked, earlier=tmp_path / "must")
    half = [row for row in freed.rows if row["city"] == "half"]
    assert half
    assert all(row["free"] for row in half)
    envelope = "envelopes={all: {charger_groups: [lev], budget_pkr: 500}}"
    assert Nation(asked, [envelope], earlier=tmp_path / "run").rows == []
    # Earlier versions wrote no floors; none of their answers is reused.
    old = json.loads((tmp_path / "must" / "answers.json").read_text())
    del old["floors"]
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "answers.json").write_text(json.dumps(old | {"siting": "0"}))
    assert Nation(asked, earlier=tmp_path / "old").rows == []
    text = (tmp_path / "b" / "town.yaml").read_text().replace("km_day: 0.5", "km_day: 0.6")
    (tmp_path / "b" / "town.yaml").write_text(text)
    changed = Nation(asked, earlier=tmp_path / "run")
    assert {row["city"] for row in changed.rows} == {"town"}
    with pytest.raises(InputError, match="holds no city answers"):
        Nation(asked, earlier=tmp_path)


@pytest.mark.slow
def test_a_city_that_fails_leaves_the_bound_true(tmp_path, monkeypatch):
    """It counts as served nothing, and in the bound with what it wants; the rest goes on."""
    path = write_nation_of(tmp_path)
    (tmp_path / "b" / "chargers.csv").write_text("charger_id\n", encoding="utf-8")
    out = tmp_path / "out"
    plan = Nation(path).solve(out)
    assert plan.cities["status"].to_list()[1] == "failed"
    assert plan.served_kwh_day == pytest.approx(12)
    assert plan.bound_kwh_day == pytest.approx(12 + 6)
    assert "Failed" in (out / "index.html").read_text(encoding="utf-8")
    read_nation(out)

    lost = tmp_path / "lost"
    asking._kept.clear()
    (tmp_path / "b" / "people.csv").write_text("lon,lat\n", encoding="utf-8")
    plan = Nation(path).solve(lost)
    assert plan.unknown == ("half",)
    assert "the limit covers only the other cities" in " ".join(
        (lost / "index.html").read_text().split()
    )
    read_nation(lost)


@pytest.mark.slow
def test_a_worker_that_dies_takes_one_question_with_it(tmp_path, monkeypatch):
    from concurrent.futures import BrokenExecutor, Future
    from contextlib import nullcontext

    path = write_nation_of(tmp_path)
    deaths = []

    class Fragile(Inline):
        def submit(self, function, /, *args):
            if function is asking.answer and args[1].purpose == "population":
                deaths.append(args[0].name)
                future = Future()
                future.set_exception(BrokenExecutor())
                return future
            return super().submit(function, *args)

    monkeypatch.setattr("siting.batch.pools.Workers._begin", lambda _: Fragile())
    monkeypatch.setattr("siting.batch.pools.local_pool", lambda _: nullcontext(Fragile()))
    said = []
    plan = Nation(path, progress=said.append).solve()
    assert len(deaths) == 6  # each twice among others, once alone
    assert any("its process was killed" in line for line in said)
    assert plan.served_kwh_day == pytest.approx(16)
    assert plan.bound_kwh_day >= 16 - 1e-6


# --- bad input -----------------------------------------------------------------------------------


def test_every_fault_before_anything_is_solved(tmp_path):
    path = write_nation_of(tmp_path)
    overrides = [
        "cities=[a/town.yaml, a/town.yaml, {config: b/town.yaml, set: [year=2031], "
        "least_share: 0.9, province: Hills}]",
        "provinces={Hils: {least_pkr: 1}}",
        "cities.0.takes_part=may",
    ]
    found = faults(lambda: load_nation(path, overrides[:2]))
    assert [f for f in found if "is already listed" in f]
    assert [f for f in found if "2031" in f and "set: [year=2030]" in f]
    assert [f for f in found if "did you mean Hills?" in f]
    both = faults(
        lambda: load_nation(
            path,
            ["cities=[{config: a/town.yaml, least_pkr: 2000}, "
             "{config: b/town.yaml, least_share: 0.9}]"],
        )
    )  # fmt: skip
    assert "PKR 4,700, but the budget is only PKR 3,000; raise the budget by PKR 1,700" in both[0]
    assert "line 2, key budget_pkr" in both[0]
    assert "did you mean budget_pkr?" in faults(lambda: load_nation(path, ["budget_pk=1"]))[0]
    found = faults(lambda: load_nation(path, ["set=[reach.cutof_min=3]"]))
    assert len(found) == 2
    assert "did you mean cutoff_min?" in found[0]
    plain = "set=['program.objective=people']"
    assert "a nation's aim is the most energy" in faults(lambda: load_nation(path, [plain]))[0]


@pytest.mark.slow
def test_areas_that_overlap_are_refused_with_their_cells(tmp_path):
    path = write_nation_of(tmp_path, north=0.0)
    found = faults(lambda: Nation(path).solve())
    assert "town and half overlap: 2 cells would count twice (town: c" in found[0]


@pytest.mark.slow
def test_more_than_is_in_reach_is_refused(tmp_path):
    path = write_nation_of(tmp_path, more="least_kwh_day_a_head: 0.9\n")
    said = faults(lambda: Nation(path).solve())[0]
    assert "half has 6 kWh/day within reach, but needs 11" in said


@pytest.mark.slow
def test_floors_that_the_money_does_not_reach(tmp_path):
    path = write_nation_of(tmp_path, budget=1_000, more="least_kwh_day_a_head: 0.3\n")
    assert "raise the budget to PKR" in faults(lambda: Nation(path).solve())[0]


@pytest.mark.slow
def test_the_verb(tmp_path):
    path = write_nation_of(tmp_path, budget=1_000)
    run = CliRunner()
    done = run.invoke(app, ["nation", str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "by population" in done.output
    assert "sums agree" in run.invoke(app, ["nation", str(tmp_path / "out")]).output
    asked = [
        "nation",
        str(tmp_path / "out"),
        "--explain",
        "town",
        "--compare",
        str(tmp_path / "out"),
    ]
    told = run.invoke(app, asked).output
    assert "8 of 12 kWh/day" in told
    assert "+0.0" in told
    odd = run.invoke(app, ["nation", str(path), "--explain", "town"])
    assert odd.exit_code == 2
    assert "is not a folder" in odd.output
    wrong = run.invoke(app, ["nation", str(path), "--set", "budget_pkr=-1", "-q"])
    assert wrong.exit_code == 2
    assert "-1 is not greater than 0" in wrong.output


# --- the certificate -----------------------------------------------------------------------------


def random_nation(seed):
    """Return cities' true curves (energy for each whole amount of money), pots and limits."""
    rng = np.random.default_rng(seed)
    names = [f"c{i}" for i in range(rng.integers(2, 5))]
    curves = {n: np.cumsum(rng.integers(0, 6, 7)).astype(float) for n in names}
    budget = float(rng.integers(3, 15))
    pots = [Pot("budget", tuple(names), at_most=budget)]
    if rng.random() < 0.5:
        pots.append(Pot("province", tuple(names[:2]), at_least=float(rng.integers(0, 3))))
    limits = {n: (float(rng.integers(0, 2)), 6.0) for n in names}
    if sum(low for low, _ in limits.values()) + 2 > budget:
        limits = dict.fromkeys(names, (0.0, 6.0))
    return rng, curves, pots, limits


@pytest.mark.parametrize("seed", seeds(0, 10, 40))
def test_divided_as_by_brute_force_and_never_above_the_bound(seed):
    """Bounds are true and loose by chance, some for budgets, some at prices."""
    rng, curves, pots, limits = random_nation(seed)
    plans = {}
    for name, (low, high) in limits.items():
        money = np.arange(low, high + 1)
        plans[name] = money[:, None], curves[name][money.astype(int)]
    best = best_division(plans, pots)
    points = {n: Points(np.arange(7.0), c, *limits[n]) for n, c in curves.items()}
    found = divide(points, pots)
    assert found.energy == pytest.approx(best)
    rows = [{"city": n, "budget_pkr": np.nan, "price": np.nan, "bound_kwh_day": c[-1]}
            for n, c in curves.items()]  # fmt: skip
    for name, curve in curves.items():
        for _ in range(rng.integers(1, 5)):
            slack = float(rng.random() * rng.integers(0, 2))
            if rng.random() < 0.5:
                budget = int(rng.integers(0, 7))
                rows.append({"city": name, "budget_pkr": float(budget), "price": np.nan,
                             "bound_kwh_day": curve[budget] + slack})  # fmt: skip
            else:
                price = float(rng.random() * 5)
                net = float((curve - price * np.arange(7)).max())
                rows.append({"city": name, "budget_pkr": 6.0, "price": price,
                             "bound_kwh_day": net + slack})  # fmt: skip
    table = pd.DataFrame(rows)
    whole = certificate(table, limits, pots)["term_kwh_day"].sum()
    assert whole >= best - 1e-6
    known = {n: corners(table[table["city"] == n], *limits[n]) for n in curves}
    for prices in ({}, {"budget": 3.0}, {"budget": 0.4, "province": -2.0}, {"province": 1.0}):
        assert added_up(known, pots, prices)["term_kwh_day"].sum() >= whole - 1e-6
    # What is proven of a city is never below what it can do.
    for name, curve in curves.items():
        own = table[table["city"] == name]
        for money, energy in enumerate(curve):
            steps = own[own["price"].isna() & ~(own["budget_pkr"] < money)]["bound_kwh_day"]
            lines = own[own["price"].notna()]
            reach = min([*steps, *(lines["bound_kwh_day"] + lines["price"] * money)])
            assert reach >= energy - 1e-9


def test_bounds_for_every_whole_amount_prove_the_hull():
    """Two towns by hand: the certificate is the concave hull, which here is the optimum."""
    rows = [("a", 0, 0), ("a", 1, 8), ("a", 2, 12), ("b", 0, 0), ("b", 1, 4), ("b", 2, 6)]
    table = pd.DataFrame(rows, columns=["city", "budget_pkr", "bound_kwh_day"]).assign(price=np.nan)
    pot = [Pot("budget", ("a", "b"), at_most=3.0)]
    whole = certificate(table, {"a": (0, 2), "b": (0, 2)}, pot)["term_kwh_day"].sum()
    # Between two amounts the bound of the larger holds, so that the steps count to their left ends.
    assert whole == pytest.approx(18)
    sloped = pd.DataFrame(
        [("a", 2.0, 4.0, 4.0), ("b", 2.0, 4.0, 0.0)],
        columns=["city", "budget_pkr", "price", "bound_kwh_day"],
    )
    both = pd.concat([table, sloped], ignore_index=True)
    whole = certificate(both, {"a": (0, 2), "b": (0, 2)}, pot)["term_kwh_day"].sum()
    assert whole == pytest.approx(16)


# --- the page ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_page_shows_the_money_on_the_map_and_asks_nobody(tmp_path, opened):
    cities = pd.DataFrame(
        {
            "city": ["a-town", "lost"], "title": ["A & Town", "Lost"],
            "province": ["Punjab", "Sindh"], "status": ["optimal", "failed"],
            "granted_pkr": [2e8, 0.0], "subsidy_pkr": [1.9e8, 0.0], "cost_pkr": [4e8, 0.0],
            "new_stations": [12, 0], "served_kwh_day": [900.0, 0.0],
            "demand_kwh_day": [1000.0, 500.0], "reachable_kwh_day": [990.0, 480.0],
            "people": [1e6, 5e5], "vehicles": [1e4, 5e3], "drives_min": [4.0, math.nan],
            "kwh_day_a_million": [3.0, 0.0], "binds": ["", ""], "lon": [73.1, 67.0],
            "lat": [31.4, 24.9], "note": ["", ""], "error": ["", "b.csv: <no> such file"],
            "served_car": [900.0, 0.0], "wanted_car": [1000.0, 500.0],
        }
    )  # fmt: skip
    splits = pd.DataFrame(
        {
            "split": ["best", "equal"], "served_kwh_day": [900.0, 600.0], "drives_min": [4.0, 5.0],
            "gini": [0.1, 0.2], "gini_a_head": [0.1, 0.2], "less_kwh_day": [0.0, 300.0],
            "less_share": [0.0, 1 / 3], "less_pkr": [0.0, 3e8], "complete": [False, True],
            "pkr_a-town": [2e8, 1e8], "pkr_lost": [0.0, 1e8],
        }
    )  # fmt: skip
    terms = pd.DataFrame(
        {"row": ["city", "pot"], "name": ["a-town", "budget"], "price": [1e-6, 1e-6],
         "money_pkr": [2e8, 2e8], "term_kwh_day": [1280.0, 200.0]}
    )  # fmt: skip
    frontier = pd.DataFrame(
        {
            "budget_pkr": [1e8, 2e8],
            "served_kwh_day": [np.nan, 900.0],
            "bound_kwh_day": [9e2, 1480.0],
        }
    )
    config = NationConfig.model_construct(
        name="n", title="A <nation>", note="made up", budget_pkr=2e8
    )
    plan = NationPlan(config, cities, splits, frontier, pd.DataFrame(), terms, (), (), None, 3.0)
    write_page(plan, tmp_path, tmp_path)
    page = opened(tmp_path / "index.html").page
    assert page.title() == "A <nation>"
    assert page.locator("svg polygon.land").count() == 7
    radius = [float(page.locator(f"svg circle >> nth={i}").get_attribute("r")) for i in (0, 1)]
    assert radius == pytest.approx([24, 3])
    assert "PKR 200.0 m" in page.locator("svg").text_content()
    assert page.locator("tr.failed").count() == 1
    text = page.locator("body").inner_text()
    for words in (
        "gap 64.44%",
        "failed: b.csv: <no> such file",
        "-33.3%",
        "lost: nothing is planned",
    ):
        assert words in text
    assert page.locator("a[href='cities/a-town']").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
