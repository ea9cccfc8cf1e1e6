"""The verbs on finished runs take every block of the program, alone and together."""

import math

import pytest
from program.test_pairs import BLOCKS
from study.test_program import NO_LAND, change
from town import write_town

import siting
from siting.review import explain_plan, explain_site, frontier, replan, verify_run
from siting.review.explain import Explained
from siting.study import Study

ALONE = ("coverage", "people", "decay", "floors", "fairness", "least_cost", "expected", "regret",
         "cvar", "alternatives")  # fmt: skip
pytestmark = pytest.mark.slow

PROGRAMS = {name: BLOCKS[name]["program"] for name in ALONE} | {
    "capacitated": {},
    "greedy": {},
    "set cover": {"model": "coverage", "least_cost": {"served_share": 1, "of": "reachable"}},
    "years": {"years": {"budgets_pkr": {2029: 1000, 2030: 1000}, "carry_over": True}},
    "limits": {"limits": {"most_new_stations": 1, "spacing_m": 100}},
    "viability gap": {},
}
TOGETHER = {
    "years, floors, people": {
        "years": {"budgets_pkr": {2029: 1000, 2030: 1000}, "carry_over": True},
        "class_floor": 0.3,
        "objective": "people",
    },
    "regret, limits, coverage": {
        "model": "coverage",
        "limits": {"most_new_stations": 1},
        "scenarios": {
            "criterion": "regret",
            "of": {"a": {"probability": 0.5}, "b": {"probability": 0.5, "case": "high"}},
        },
    },
    "gap, years, decay": {
        "years": {"budgets_pkr": {2029: 1e7, 2030: 1e7}},
        "decay": {"kind": "exponential", "scale_min": 3},
    },
}
ALL = PROGRAMS | TOGETHER


@pytest.fixture(params=ALL, scope="module")
def run(request, tmp_path_factory):
    """A run of each; under the viability gap there is money for what a station lacks."""
    folder = tmp_path_factory.mktemp("blocks")
    path = write_town(folder / "town")
    fleet = path.parent / "fleet.csv"
    rows = fleet.read_text(encoding="utf-8") + "2029,two_wheeler,6,6,6,by hand,ASSUMPTION\n"
    fleet.write_text(rows, encoding="utf-8")
    change(path, **ALL[request.param])
    if "gap" in request.param:
        change(path, section="offers", subsidy={"rule": "gap", "gap_cap_share": 1}, costs=NO_LAND)
        change(path, budget_pkr=2e7)
    if request.param == "greedy":
        change(path, section="solver", method="greedy")
    siting.run(path, out=folder / "run")
    return request.param, path, folder / "run"


def test_it_is_verified(run):
    """What its solves told is in the form that they tell it in, its tables worked out again."""
    assert verify_run(run[2]).faults == []


def test_a_station_and_an_empty_place_are_explained(run):
    _, _, folder = run
    opened = Explained(folder)
    found = explain_plan(opened, time_limit_s=10)
    assert dict(found.binding)["Budget"]
    assert opened.served_kwh_day == pytest.approx(opened.found.served_kwh_day, rel=1e-6)
    for site in ("West pump", "East pump"):
        why = explain_site(opened, site, alternatives=2, time_limit_s=10)
        said = dict(why.reasons)
        if why.state == "built":
            # Who lives at either end reaches nothing else.
            assert why.figures["marginal_kwh_day"] == pytest.approx(why.figures["served_kwh_day"])
            assert said["Planned without it"]
            assert said["Next best place"]
        else:
            assert said["Why not"]
        assert said["In other plans"]


@pytest.mark.slow
def test_it_is_planned_again_with_other_wishes(run, tmp_path):
    name, _, folder = run
    before = siting.plan_from_run(folder)
    keep = before.new_sites["site_id"].tolist()[:1]
    if not keep:
        pytest.skip("nothing is built")
    again = replan(folder, require=keep, budget_pkr=3e7, out=tmp_path / "more")
    assert set(keep) <= set(again.after.sites["site_id"])
    assert len(again.after.checks) >= 7
    if "years" in name:
        money = again.after.tables["years"]
        assert money["budget_pkr"].sum() == pytest.approx(3e7)


@pytest.mark.slow
def test_more_money_is_never_worth_less(run):
    name, path, _ = run
    if name in ("least_cost", "set cover"):
        with pytest.raises(siting.errors.InputError, match="no budget to vary"):
            frontier(Study(path), [0, 2000])
        return
    most = 4e7 if "gap" in name else 2_000
    table = frontier(Study(path), [0, most / 2, most])
    assert len(table) >= 1
    assert (table["bound"] >= table["objective"] - 1e-6).all() or "regret" in name
    sign = -1 if "regret" in name or name == "cvar" else 1
    gained = (sign * table["objective"]).diff().dropna()
    assert (gained >= -1e-6).all() or "regret" in name
    energy = name in ("capacitated", "coverage", "greedy", "floors", "limits", "alternatives")
    assert table["bound_kwh_day"].notna().all() == (energy or name == "viability gap")
    assert not math.isnan(table["gini"].iloc[-1])
