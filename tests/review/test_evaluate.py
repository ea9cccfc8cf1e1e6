"""Plans from outside: read, priced by our rules, scored, and beside the best for the money."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from town import LAT, LONS, change, write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.errors import InputError
from siting.export import write_geojson
from siting.review.evaluate import evaluate
from siting.review.outside_plan import Catalogue, read_their_layer
from siting.sites import charger_catalogue
from siting.study import Study

CHARGERS = set(charger_catalogue()["charger_id"])
CONFIGURATIONS = {"hub": {"dc_60": 2, "lev_3": 4}, "small": {"lev_3": 6}}


def here(*words):
    return CliRunner().invoke(app, [*map(str, words)], prog_name="siting", catch_exceptions=False)


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path / "town")


def layer(path, rows, **columns):
    """Write points (lon, lat) as a CSV with more columns."""
    frame = pd.DataFrame(rows, columns=["lon", "lat"]).assign(**columns)
    frame.to_csv(path, index=False)
    return path


WEST, EAST = (LONS[1], LAT), (LONS[-2], LAT)


# --- scores --------------------------------------------------------------------------------------


def test_the_east_hub_serves_half_of_what_the_west_hub_does(town, tmp_path):
    # See town.py: a hub costs 1,000, 8 kWh/day live by the west pump and 4 by the east one.
    theirs = layer(tmp_path / "t.csv", [EAST], configuration="hub")
    found = evaluate(Study(town), theirs)
    assert found.scores["theirs"]["served_kwh_day"] == pytest.approx(4.0)
    assert found.scores["best"]["served_kwh_day"] == pytest.approx(8.0)
    assert found.scores["theirs"]["subsidy_pkr"] == 1000
    assert found.scores["best"]["subsidy_pkr"] == 1000
    assert found.facts["best"]["bound_kwh_day"] == pytest.approx(8.0)
    assert found.broken == []
    assert found.sentence == (
        "Their plan serves 33.3% of the demand; the best plan for the same money serves "
        "66.7% (it is proven that no plan within the rules serves more than 66.7%)."
    )
    assert found.scores["theirs"]["people_left_out_share"] == pytest.approx(8 / 12)
    assert found.scores["theirs"]["gini"] == pytest.approx(2 / 3)  # a third has all there is
    assert found.scores["best"]["gini"] == pytest.approx(1 / 3)
    assert set(found.checks["plan"]) == {"theirs", "best"}


@pytest.mark.slow
def test_a_site_of_its_own_with_unknown_chargers_alone_is_left_out(town, tmp_path):
    chargers = ["1 x socket", "3 x strange_9"]
    rows = [EAST, (LONS[3], LAT)]
    theirs = layer(tmp_path / "t.csv", rows, chargers=chargers, id=["east", "odd"])
    found = evaluate(Study(town), theirs)
    assert any("left out: odd" in note for note in found.notes)
    assert found.theirs.new_sites["name"].tolist() == ["East pump"]
    (rule,) = (rule for rule in found.broken if "strange_9" in rule)
    assert "known names: " in rule
    assert "socket" in rule.partition("known names: ")[2]


@pytest.mark.slow
def test_a_stored_runs_sites_score_exactly_as_the_run_did(town, tmp_path):
    plan = siting.run(town, out=tmp_path / "run")
    found = evaluate(Study(town), tmp_path / "run" / "sites.geojson")
    assert found.theirs.outcome.offers == plan.outcome.offers
    pd.testing.assert_frame_equal(found.theirs.classes, plan.classes)
    pd.testing.assert_frame_equal(found.theirs.service, plan.service)
    own = list(found.theirs.sites.columns)
    pd.testing.assert_frame_equal(
        pd.DataFrame(found.theirs.sites[own]), pd.DataFrame(plan.sites[own]), check_like=True
    )
    assert found.theirs.outcome.subsidy_pkr == plan.outcome.subsidy_pkr
    assert found.broken == []


@pytest.mark.slow
def test_the_plan_of_a_whole_city_scores_exactly_as_its_run_did(tmp_path):
    asked = ["solver.method=greedy", "program.budget_pkr=1e7", f"output.cache_dir={tmp_path}"]
    asked.append("solver.time_limit_s=8")  # how good the best beside it is, is no matter here
    study = Study(ROOT / "configs" / "islamabad.yaml", asked)
    plan = study.plan
    write_geojson(plan.sites, tmp_path / "sites.geojson", name="sites", key="site_id")
    found = evaluate(study, tmp_path / "sites.geojson")
    assert found.theirs.outcome.offers == plan.outcome.offers
    # How a full charger is divided among the classes that want it is open; the whole is not.
    pd.testing.assert_frame_equal(found.theirs.classes, plan.classes, rtol=0.01)
    served = [p.classes["served_kwh_day"].sum() for p in (found.theirs, plan)]
    assert served[0] == pytest.approx(served[1], rel=1e-6)
    assert found.theirs.outcome.subsidy_pkr == plan.outcome.subsidy_pkr
    assert found.theirs.sites["existing"].sum() == 5
    assert found.broken == []


@pytest.mark.slow
def test_a_point_of_its_own_is_snapped_priced_and_may_beat_our_candidates(town, tmp_path):
    # 2,000 m from either pump, in the middle of the street: near neither group of people. One
    # 60 m from the west pump is a site of its own when only places within 10 m are one.
    change(town, candidates={"merge_within_m": 10})
    beside = (LONS[1] + 0.0007, LAT)
    theirs = layer(tmp_path / "t.csv", [beside], configuration="hub", id="mine")
    found = evaluate(Study(town), theirs)
    row = found.theirs.sites.iloc[0]
    assert (row["site_id"], row["kind"]) == ("mine", "theirs")
    assert row["served_kwh_day"] == pytest.approx(8.0)
    assert found.scores["best"]["served_kwh_day"] >= 8.0 - 1e-9
    assert found.facts["best"]["bound_kwh_day"] >= 8.0 - 1e-9


@pytest.mark.slow
def test_chargers_of_their_own_are_priced_by_the_same_rules(town, tmp_path):
    theirs = layer(tmp_path / "t.csv", [WEST], chargers="3 x socket")
    found = evaluate(Study(town), theirs)
    assert found.scores["theirs"]["subsidy_pkr"] == 3000
    assert found.theirs.sites["capacity_kwh_day"].tolist() == pytest.approx([30.0])
    assert found.theirs.sites["configuration"].tolist() == ["3 x socket"]
    # For 3,000 the best builds both hubs.
    assert found.scores["best"]["served_kwh_day"] == pytest.approx(12.0)


@pytest.mark.slow
def test_as_many_stations_if_asked(town, tmp_path):
    theirs = layer(tmp_path / "t.csv", [WEST], chargers="3 x socket")
    found = evaluate(Study(town), theirs, same_stations=True)
    assert found.scores["best"]["served_kwh_day"] == pytest.approx(8.0)
    assert found.scores["best"]["new_stations"] == 1
    assert "for the same money and as many stations" in found.sentence


@pytest.mark.slow
def test_without_capacities_all_in_reach_is_served(town, tmp_path):
    theirs = layer(tmp_path / "t.csv", [WEST], configuration="hub")
    asked = ["program.model=coverage", "demand.figures.two_wheeler.km_day=10"]
    found = evaluate(Study(town, asked), theirs)
    assert found.scores["theirs"]["served_kwh_day"] == pytest.approx(80.0)
    assert found.scores["best"]["served_kwh_day"] == pytest.approx(80.0)


@pytest.mark.slow
def test_an_existing_station_is_kept_and_counts_for_both(town, tmp_path):
    stands = layer(tmp_path / "town" / "stands.csv", [EAST], name="Old", power_kw=22.0)
    change(town, candidates={"existing": {"path": stands.name, "source": "x", "licence": "CC0"}})
    theirs = layer(tmp_path / "t.csv", [WEST], configuration="hub")
    found = evaluate(Study(town), theirs)
    assert found.theirs.sites["existing"].sum() == 1
    both = layer(tmp_path / "b.csv", [WEST, EAST], configuration=["hub", "existing"],
                 existing=[False, True])  # fmt: skip
    assert evaluate(Study(town), both).scores["theirs"] == found.scores["theirs"]
    more = layer(tmp_path / "m.csv", [EAST], configuration="hub")
    extended = evaluate(Study(town), more)
    assert extended.theirs.sites["configuration"].tolist() == ["existing+hub"]
    assert extended.scores["theirs"]["served_kwh_day"] == pytest.approx(4.0)
    assert "adds to existing stations, which the study keeps as they are" in extended.broken[0]
    allowed = evaluate(Study(town, ["offers.existing_policy=extend"]), more)
    assert allowed.broken == []
    assert allowed.scores["theirs"]["served_kwh_day"] == pytest.approx(4.0)


# --- rules ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_broken_rule_is_named_and_the_plan_scored_all_the_same(town, tmp_path):
    change(
        town,
        program={"limits": {"spacing_m": 10_000, "most_new_stations": 1,
                            "forbidden_sites": ["West pump"]}, "budget_pkr": 1500},
        offers={"headroom_kw": 0.5},
    )  # fmt: skip
    theirs = layer(tmp_path / "t.csv", [WEST, EAST], id=["a", "b"],
                   chargers=["1 x socket", "2 x socket + 4 x rocket"])  # fmt: skip
    found = evaluate(Study(town), theirs)
    text = "\n".join(found.broken)
    assert "rocket: no such charger or configuration" in text
    assert "needs 1 kW, more than the headroom of 0 kW" in text
    assert "budget: PKR 0.00 m of subsidy, but PKR 0.00 m is available" in text
    assert "number new stations: 2 stations used, 1 stations available" in text
    assert "spacing: 2 stations are closer than 10000 m" in text
    assert "forbidden sites with a station" in text
    assert found.scores["theirs"]["served_kwh_day"] == pytest.approx(12.0)
    # The best keeps the rules: one hub, in the east.
    assert found.scores["best"]["served_kwh_day"] == pytest.approx(4.0)
    assert "breaks rules and serves 100.0%, more than any plan within the rules" in found.sentence


@pytest.mark.slow
def test_where_no_plan_keeps_the_rules_for_the_money_theirs_is_still_scored(town, tmp_path):
    change(town, program={"limits": {"required_sites": ["West pump", "East pump"]}})
    theirs = layer(tmp_path / "t.csv", [EAST], configuration="hub")
    found = evaluate(Study(town), theirs)
    assert found.best is None
    assert found.scores["theirs"]["served_kwh_day"] == pytest.approx(4.0)
    assert "required sites without a station" in found.broken[0]
    assert "no plan keeps the rules for this money" in found.notes[0]
    assert found.sentence == "Their plan serves 33.3% of the demand."


@pytest.mark.slow
def test_two_points_at_one_candidate_are_two_stations(town, tmp_path):
    beside = (LONS[1] + 0.0002, LAT)
    theirs = layer(tmp_path / "t.csv", [beside, WEST], configuration="hub", id=["x", "y"])
    found = evaluate(Study(town), theirs)
    assert len(found.theirs.sites) == 2
    assert found.scores["theirs"]["subsidy_pkr"] == 2000


# --- layers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns",
    [
        {"configuration": ["hub", "small"]},
        {"chargers": ["2 x dc_60 + 4 x lev_3", "6 X lev_3"]},
        {"dc_60": [2, None], "lev_3": [4, 6]},
        {"configuration": ["existing+hub", "small+upgrade"]},
        {"configuration": ["fast", "small"]},
        {"schnell": [2, 0], "lev_3": [4, 6]},
    ],
)
def test_chargers_may_be_told_in_several_ways(tmp_path, columns):
    path = layer(tmp_path / "t.csv", [WEST, EAST], **columns)
    names = {"fast": "hub", "schnell": "dc_60"}
    catalogue = Catalogue(CONFIGURATIONS, CHARGERS, names)
    found = read_their_layer(path, catalogue)
    assert found["counts"].tolist() == [{"dc_60": 2, "lev_3": 4}, {"lev_3": 6}]
    assert catalogue.unknown == {}


def test_one_type_and_its_number(tmp_path):
    path = layer(tmp_path / "t.csv", [WEST, EAST], charger=["dc_60", "lev_3"], count=[2, 6])
    found = read_their_layer(path, Catalogue(CONFIGURATIONS, CHARGERS, {}))
    assert found["counts"].tolist() == [{"dc_60": 2}, {"lev_3": 6}]
    assert found["their_id"].tolist() == ["line 2", "line 3"]


def faults_of(path, **names):
    with pytest.raises(InputError) as caught:
        read_their_layer(path, Catalogue(CONFIGURATIONS, CHARGERS, names))
    return caught.value.faults


def test_a_layer_without_chargers_is_told_what_to_add(tmp_path):
    (fault,) = faults_of(layer(tmp_path / "t.csv", [WEST], colour="red"))
    assert "has no column for chargers" in fault.what
    assert "hub, small" in fault.fix
    assert "colour" in fault.fix
    many = {f"{n}_lev_3": {"lev_3": n} for n in range(4, 300)}
    with pytest.raises(InputError) as caught:
        read_their_layer(tmp_path / "t.csv", Catalogue(many, CHARGERS, {}))
    assert "8_lev_3 and 291 more" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_all_faults_of_a_layer_at_once(tmp_path):
    points = gpd.points_from_xy([73.0, 73.01, 73.02], [LAT] * 3)
    shapes = [points[0].buffer(0.001), points[1], None]
    frame = gpd.GeoDataFrame(
        {"id": ["a", "a", "c"], "chargers": ["2 dc_60", "", "1 x dc_60"],
         "existing": ["no", "perhaps", "no"]},
        geometry=shapes, crs=4326,
    )  # fmt: skip
    frame.to_file(tmp_path / "t.gpkg", driver="GPKG")
    faults = faults_of(tmp_path / "t.gpkg", fast="rocket")
    text = "\n".join(map(str, faults))
    for part in ("the same id in several rows", "Polygon, not points", "missing (c)",
                 "neither true nor false", "no such configuration", "cannot be read as chargers",
                 "no chargers"):  # fmt: skip
        assert part in text, part
    assert len(faults) == 7


@pytest.mark.parametrize("number", ["1.5", "-2", "two", "0"])
def test_numbers_that_are_no_numbers_of_chargers(tmp_path, number):
    (fault,) = faults_of(layer(tmp_path / "t.csv", [WEST], charger="dc_60", count=[number]))
    assert "cannot be read as chargers" in fault.what
    assert f"dc_60: {number}" in fault.ids[0]


@pytest.mark.slow
def test_points_outside_far_from_a_road_and_unknown_existing_ones(town, tmp_path):
    far = (LONS[-1] + 0.0022, LAT + 0.0030)
    theirs = layer(
        tmp_path / "t.csv", [(74.5, LAT), far, WEST], id=["out", "far", "old"],
        configuration="hub", existing=[False, False, True],
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        evaluate(Study(town), theirs)
    text = "\n".join(map(str, caught.value.faults))
    assert "outside the study area" in text
    assert "more than 250 m from the nearest road (far:" in text
    assert "the study has no station there (old)" in text
    assert len(caught.value.faults) == 3


@pytest.mark.slow
def test_where_subsidies_fill_the_gap_theirs_draws_what_its_case_lacks(town, tmp_path):
    theirs = layer(tmp_path / "t.csv", [EAST], configuration="hub")
    found = evaluate(Study(town, ["offers.subsidy.rule=gap"]), theirs)
    assert found.scores["theirs"]["served_kwh_day"] == pytest.approx(4.0)
    assert found.scores["theirs"]["subsidy_pkr"] > 1000  # its case lacks more than a hub costs
    assert set(found.checks["plan"]) >= {"theirs"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked",
    [
        {"years": {"budgets_pkr": {2030: 1000}}},
        {"scenarios": {"of": {n: {"probability": 0.5} for n in "ab"}, "criterion": "regret"}},
        {"objective": "people", "decay": {"kind": "exponential", "scale_min": 5}},
        {"least_cost": {"served_share": 0.5}},
        {"model": "coverage", "class_floor": 0.9},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_whatever_else_is_asked_theirs_is_judged_by_energy_in_the_end(town, tmp_path, asked):
    year = {"year": 2030} if "years" in asked else {}
    change(town, program=asked, **year)
    theirs = layer(tmp_path / "t.csv", [EAST], configuration="hub")
    found = evaluate(Study(town), theirs)
    share = found.scores["theirs"]["served_share"]
    assert share == pytest.approx(1 / 3, rel=0.02)
    if "class_floor" in asked:
        assert found.best is None  # no plan for this money serves so much
        assert any(rule.startswith("floor ") for rule in found.broken)
    else:
        assert found.scores["best"]["served_share"] >= share
        assert any("judged by the energy served" in note for note in found.notes)


# --- the verb ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_verb_writes_a_folder_and_prints_the_answer(town, tmp_path):
    theirs = layer(tmp_path / "t.csv", [EAST], configuration="quick")
    out = tmp_path / "out"
    done = here("evaluate", town, "--sites", theirs, "--map-config", "quick=hub", "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "Their plan serves 33.3%" in done.stdout
    assert "two wheeler" in done.stdout
    assert {p.name for p in out.iterdir()} == {
        "config.yaml", "evaluation.csv", "evaluation.json", "evaluation.png",
        "theirs_sites.geojson", "theirs_demand.geojson", "best_sites.geojson",
        "best_demand.geojson",
    }  # fmt: skip
    facts = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert facts["theirs"]["served_share"] == pytest.approx(1 / 3)
    assert facts["best"]["gap"] == 0
    table = pd.read_csv(out / "evaluation.csv", encoding="utf-8-sig").set_index("figure")
    assert table.loc["served_kwh_day", "best"] == pytest.approx(8.0)
    assert np.isfinite(gpd.read_file(out / "theirs_sites.geojson")["power_kw"]).all()


@pytest.mark.slow
def test_the_verb_tells_bad_input_and_json_alone(town, tmp_path):
    theirs = layer(tmp_path / "t.csv", [EAST], configuration="hub")
    done = here("evaluate", town, "--sites", theirs, "--json", "--out", tmp_path / "out")
    assert json.loads(done.stdout)["sentence"].startswith("Their plan serves")
    done = here(
        "evaluate", town, "--sites", theirs, "--map-config", "quick", "--out", tmp_path / "x"
    )
    assert done.exit_code == 2
    assert "not THEIRS=OURS" in done.stderr
    done = here("evaluate", town, "--sites", tmp_path / "none.geojson", "--out", tmp_path / "x")
    assert done.exit_code == 2
    assert "no such file" in done.stderr
    assert not (tmp_path / "x").exists()
