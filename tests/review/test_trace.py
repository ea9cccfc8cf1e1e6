"""A figure's chain back to the tables: its product is the stored figure, its rows the tables'."""

import json
import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import yaml
from conftest import often
from town import LAT, LONS, write_town
from typer.testing import CliRunner

import siting
from siting import reference
from siting.cli import app
from siting.demand import session_figures
from siting.embedded import copy_embedded_city
from siting.errors import InputError
from siting.reference.listing import SUBJECTS, listed
from siting.review import Traced, trace

WEST = shapely.box(72.99, 33.58, 73.025, 33.62)
EAST = shapely.box(73.025, 33.58, 73.06, 33.62)
MODEL = {
    "vehicle_classes": ["two_wheeler", "car"],
    "fleet_csv": None,
    "fleet_share": {"two_wheeler": 0.001, "car": 0.001},
}
SURFACES = {"places": {"kind": "layer", "path": "places.geojson"}}
FUTURES = {
    "few": {"probability": 0.5, "fleet": "slow"},
    "many": {"probability": 0.5, "case": "high"},
}
ZONES = {"kind": "zones", "path": "zones.geojson", "renting_column": "renting"}
TOWNS = {
    "people": {},
    "surfaces": {"demand": {**MODEL, "surfaces": SURFACES}},
    "zones, low": {
        "demand": {**MODEL, "people": ZONES, "surfaces": SURFACES, "case": "low"},
    },
    "wealth": {
        "demand": {**MODEL, "surfaces": SURFACES, "wealth": {"path": "rwi.csv", "index": True}},
    },
    "wealth of zones": {
        "demand": {**MODEL, "people": ZONES, "wealth": {"path": "rwi.csv", "index": True}},
    },
    "years": {
        "demand": {**MODEL, "surfaces": SURFACES},
        "program": {"years": {"budgets_pkr": {2028: 2000, 2030: 3000}}},
    },
    "scenarios": {
        "demand": {**MODEL, "surfaces": SURFACES},
        "program": {"scenarios": {"of": FUTURES}},
    },
    "own tables, waiting": {
        "demand": {
            **MODEL,
            "vehicles_csv": "own_vehicles.csv",
            "surfaces": {**SURFACES, "poi_weights_csv": "own_weights.csv"},
        },
        "offers": {"service": {"rule": "waiting"}, "costs": {"om_share": 0.01}},
    },
}

# Figures by class that count only where zones know of them.
WEIGHTS = ["housing_weight", "ownership_weight"]


def write(folder, changes):
    """Write the town with a market, zones and own tables beside it, and other keys."""
    path = write_town(folder)
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, keys in changes.items():
        config[section] |= keys
        config[section] = {k: v for k, v in config[section].items() if v is not None}
    gpd.GeoDataFrame(
        {"amenity": ["marketplace", "bank", "bench"], "name": ["Sunday bazaar", None, None]},
        geometry=gpd.points_from_xy([LONS[3], LONS[0], LONS[1]], [LAT] * 3),
        crs=4326,
    ).to_file(folder / "places.geojson")
    gpd.GeoDataFrame(
        {"zone_id": ["w", "e"], "people": [8, 4], "renting": [0.5, None]},
        geometry=[WEST, EAST],
        crs=4326,
    ).to_file(folder / "zones.geojson")
    weights = reference.table("poi_weights")
    weights.loc[weights["osm_value"] == "bank", ["weight", "source"]] = [2.0, "counted by hand"]
    weights.to_csv(folder / "own_weights.csv", index=False)
    vehicles = reference.table("vehicles")
    car = (vehicles["vehicle_class"] == "car") & (vehicles["figure"] == "km_day")
    vehicles[car].assign(value=33.0, source="asked").to_csv(
        folder / "own_vehicles.csv", index=False
    )
    pd.DataFrame({"lat": LAT, "lon": [LONS[0], LONS[-1]], "rwi": [1.0, -0.5]}).to_csv(
        folder / "rwi.csv", index=False
    )
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=often(TOWNS, {"own tables, waiting"}))
def stored(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trace")
    config = write(folder / "town", TOWNS[request.param])
    read = {}
    real = reference.table

    def recorded(name, path=None):
        read[name] = path
        return real(name, path)

    rooms = [
        room
        for name, room in list(sys.modules.items())
        if name.split(".")[0] == "siting" and getattr(room, "table", None) is real
    ]
    assert len(rooms) > 8
    with pytest.MonkeyPatch.context() as patch:
        for room in rooms:
            patch.setattr(room, "table", recorded)
        siting.run(config, out=folder / "run")
    # Nothing of the run's inputs is there any more: the folder alone has to do.
    for path in (folder / "town").iterdir():
        if path.is_file():
            path.unlink()
    return request.param, folder / "run", read


def slices(run):
    rows = run.table("outcome_slices")
    for year, name in zip(rows["year"], rows["scenario"].fillna(""), strict=True):
        yield None if pd.isna(year) else int(year), name or None


@pytest.mark.slow
def test_every_chain_of_a_small_town_gives_the_stored_figure(stored):
    _, folder, _ = stored
    run = Traced(folder)
    wanted = 0.0
    for year, scenario in slices(run):
        for cell in run.table("cells")["cell_id"]:
            found = trace(run, cell, year=year, scenario=scenario)
            assert found.same, found
            assert len(found.chains) == run.table("energy_factors")["vehicle_class"].nunique()
            assert all(np.isfinite(chain.value) for chain in found.chains)
            wanted += sum(chain.value for chain in found.chains)
    assert wanted == pytest.approx(run.table("outcome_demand")["demand_kwh_day"].sum(), rel=1e-12)
    for site in run.table("outcome_built")["site_id"].unique():
        found = trace(run, site)
        assert found.same, found
        assert found.chains[0].value >= 0


@pytest.mark.slow
def test_every_row_of_a_table_that_is_read_is_listed(stored):
    name, folder, read = stored
    run = Traced(folder)
    config, figures = run.config, run.figures
    # Zones are looked for among the tehsils, by name, and are none.
    read.pop("tehsils", None)
    assert set(read) <= set(SUBJECTS), "give the new table its subject in siting.reference.listing"
    classes = list(config.demand.vehicle_classes)
    chargers = set(run.table("chargers")["charger_id"])
    groups = set(run.table("chargers")["charger_group"])
    used = {
        "vehicle_class": classes,
        "city": ["Islamabad"],
        "city_group": ["other"],
        "charger_id": chargers,
        "charger_group": groups,
        "scenario": [config.demand.scenario, "slow"] if "scenarios" in name else ["nev-2025-30"],
    }
    # Rows that a table has and this run has no use for, by item.
    idle = {"grid": {"headroom", "upgrade_fixed", "upgrade_kw"}, "works": {"om_share"}}
    idle["country"] = {"electric_share_2030"}
    if "zones" not in name:
        idle["country"] |= {"renting_effect", "high_rise_effect"}
        idle["country"] |= {"survey_renting_share", "survey_high_rise_share"}
    if config.demand.fleet_share:
        idle["country"] |= {"urban_people", "evs_per_head"}
    for table, path in read.items():
        if table == "fleet" and path is None:
            continue
        # The user's own share of the fleet goes before registrations, prices before the table's.
        if path is not None or table in ("cities", "registrations", "money"):
            continue
        # The table of profiles has the ends of a peak that its hours give.
        rows = session_figures() if table == "profiles" else reference.table(table)
        for column, there in used.items():
            if column in rows.columns:
                rows = rows[rows[column].isin(list(there)) | rows[column].isna()]
        if "item" in rows.columns:
            rows = rows[~rows["item"].isin(idle.get(table, set()))]
        if table == "vehicles":  # set in the configuration, or of zones alone
            rows = rows[rows["vehicle_class"] == "car"]
            rows = rows[~rows["figure"].isin(WEIGHTS) | ("zones" in name)]
            rows = rows[(rows["figure"] != "km_day") | ("own" not in name)]
        if table == "surface_weights" and config.demand.surfaces is None:
            continue
        if table in ("poi_weights", "road_weights") and config.demand.surfaces is None:
            continue
        known = set(zip(figures["value"].round(9), figures["source"], strict=True))
        for row in listed(table, rows).to_dict("records"):
            assert (round(row["value"], 9), row["source"]) in known, (table, row)
    assert (figures[["source", "confidence", "table", "used_for"]] != "").all().all()


@pytest.mark.parametrize("table", sorted(set(SUBJECTS) - {"profiles"}))
def test_every_assumed_figure_of_a_packaged_table_has_a_range(table):
    rows = listed(table, reference.table(table))
    assert rows["low"].le(rows["value"]).all()
    assert rows["value"].le(rows["high"]).all()
    # A charger without a battery pays nothing for one.
    bare = (rows["confidence"] == "ASSUMPTION") & (rows["low"] == rows["high"])
    assert rows[bare & (rows["figure"] != "battery_pkr_kwh")].empty
    assert rows.loc[bare, "value"].eq(0).all()


def test_a_range_that_stands_after_the_unit_is_told():
    rows = listed("country", reference.table("country")).set_index("of")
    assert rows.loc["evs_per_head", ["low", "value", "high"]].to_list() == [0.7, 1.0, 1.4]


def test_an_own_table_may_leave_out_the_ends_of_a_range(tmp_path):
    own = reference.table("speeds").drop(columns=["free_kmh_low", "peak_factor_high"])
    own.to_csv(tmp_path / "speeds.csv", index=False)
    rows = listed("speeds", reference.table("speeds", tmp_path / "speeds.csv"))
    free = rows[rows["figure"] == "free_kmh"]
    assert free["low"].to_list() == free["value"].to_list()
    assert (free["high"] > free["value"]).all()
    own.drop(columns="free_kmh").to_csv(tmp_path / "speeds.csv", index=False)
    with pytest.raises(InputError, match=r"speeds.csv, column free_kmh: missing"):
        reference.table("speeds", tmp_path / "speeds.csv")


def test_a_packaged_table_without_a_subject_is_seen():
    here = {path.stem for path in (siting.files.Path(reference.__file__).parent).glob("*.csv")}
    assert here - set(SUBJECTS) == {"tehsils"}  # read by the city library alone


@pytest.mark.slow
def test_a_chain_names_its_tables_by_hand(tmp_path):
    config = write(tmp_path / "town", TOWNS["own tables, waiting"])
    siting.run(config, out=tmp_path / "run")
    run = Traced(tmp_path / "run")
    places = run.table("cell_places")
    cell = places.loc[places["tag"] == "amenity=bank", "cell_id"].item()
    (chain,) = trace(run, cell, vehicle_class="car").chains
    rows = {one.figure: one for step in chain.steps for one in step.factors}
    assert (rows["km_day"].value, rows["km_day"].table) == (33.0, "own_vehicles.csv")
    assert rows["kwh_km"].table == "vehicles.csv"
    assert (rows["city_share"].value, rows["city_share"].table) == (0.001, "config.yaml")
    bank = rows["poi_weight"]
    assert (bank.value, bank.table, bank.source) == (2.0, "own_weights.csv", "counted by hand")
    sales, share = rows["sales_year"], rows["share_2030"]
    assert (sales.table, share.table) == ("sales.csv", "scenarios.csv")
    destination = next(step for step in chain.steps if "destination" in step.what)
    assert "1 places here weigh 2 of 7" in destination.words  # a market of 5 and the bank
    assert destination.value == pytest.approx(0.4 * 2 / 7)
    om = run.figure("site costs", "om_share")
    assert (om.value, om.table) == (0.01, "config.yaml")


@pytest.fixture(scope="module")
def plain_run(stored_town):
    return stored_town("program.budget_pkr=1_000") / "run"


def test_a_station_with_what_it_serves_costs_and_draws(plain_run):
    found = trace(plain_run, "West pump")
    by_what = {chain.what.split(" of ")[0]: chain for chain in found.chains}
    assert by_what[f"what station {found.id} serves"].value == pytest.approx(8)
    assert by_what["capacity"].value == pytest.approx(10)
    assert by_what["public money, share rule"].value == pytest.approx(1000)
    assert by_what["what it costs"].same
    assert found.tables["served"]["served_kwh_day"].sum() == pytest.approx(8)
    with pytest.raises(InputError, match="the plan has no station at s000"):
        trace(plain_run, "East pump")


@pytest.mark.slow
def test_capacity_by_waits_is_worked_out_again(tmp_path):
    path = write(tmp_path / "town", {})
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["offers"] |= {"service": {"rule": "waiting"}}
    config["demand"]["profiles_csv"] = "profiles.csv"
    profiles = reference.table("profiles").assign(
        session_min_low=20.0, session_min=30.0, session_min_high=40.0
    )
    profiles.to_csv(tmp_path / "town" / "profiles.csv", index=False)
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    siting.run(path, out=tmp_path / "run")
    (tmp_path / "town" / "profiles.csv").unlink()  # the folder alone has to do
    found = trace(tmp_path / "run", "West pump")
    by_what = {chain.what.split(" of ")[0]: chain for chain in found.chains}
    assert found.same
    (step,) = by_what["capacity"].steps
    # A two-wheeler draws less than the socket gives, whatever the table of sessions says.
    assert "take 173 min at socket" in step.words
    assert step.stored == pytest.approx(step.value)


@pytest.mark.slow
def test_a_figure_that_was_changed_is_said_to_differ(tmp_path):
    siting.run(write(tmp_path / "town", TOWNS["surfaces"]), out=tmp_path / "run")
    run = Traced(tmp_path / "run")
    run.table("energy_factors")["km_day"] *= 2
    found = trace(run, str(run.table("cells")["cell_id"].iloc[0]), vehicle_class="car")
    assert not found.same
    assert found.chains[0].value == pytest.approx(2 * found.chains[0].stored)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["c0001"], "did you mean c00001"),
        (["Wset pump"], "did you mean West pump"),
        (["c00001", "--class", "cars"], "--class: no vehicle class 'cars'"),
        (["c00001", "--year", "2040"], "--year: 2040 is not a year of this run; it has 2030"),
        (["c00001", "--scenario", "few"], "the run has no scenarios"),
    ],
)
def test_what_is_not_there_is_a_plain_error(plain_run, words, said):
    found = CliRunner().invoke(app, ["trace", str(plain_run), *words])
    assert found.exit_code == 2
    assert said in " ".join(found.output.split())


@pytest.mark.slow
def test_the_verb_prints_the_chain_and_the_same_as_json(tmp_path):
    siting.run(write(tmp_path / "town", TOWNS["surfaces"]), out=tmp_path / "run")
    said = CliRunner().invoke(app, ["trace", str(tmp_path / "run"), "c00001", "--class", "car"])
    assert said.exit_code == 0
    assert "car demand in cell c00001" in said.output
    assert "stored: the same" in said.output
    found = CliRunner().invoke(app, ["trace", str(tmp_path / "run"), "c00001", "--json"])
    facts = json.loads(found.output)
    assert facts["same"]
    assert len(facts["chains"]) == 2
    assert facts["chains"][0]["steps"][0]["factors"][0]["table"] == "sales.csv"


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    folder = tmp_path_factory.mktemp("city")
    copy_embedded_city(folder / "demo")
    (config,) = (folder / "demo").rglob("islamabad.yaml")
    siting.run(config, ["solver.gap=0.5", "solver.method=greedy"], out=folder / "run")
    return Traced(folder / "run")


@pytest.mark.slow
def test_every_chain_of_the_embedded_city_gives_what_is_stored(city):
    assert all(trace(city, cell).same for cell in city.table("cells")["cell_id"])
    assert all(trace(city, site).same for site in city.table("outcome_built")["site_id"])
