"""Fleets known by depot: their energy by hand, where it is wanted, and what is refused."""

from datetime import datetime

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from town import LAT, LONS, change, write_town
from typer.testing import CliRunner

from siting.cli import app
from siting.config import load
from siting.demand import (
    Area,
    place_depots,
    spread_demand,
    vehicle_figures,
    with_depots,
    zone_energy,
)
from siting.errors import ConfigError, InputError
from siting.study import Study, demand_to_folder

BUS_KWH_KM = 1.3
TEN_KM = 10_000


def cells(**columns):
    """Return two cells of 1 km, ten kilometres apart."""
    boxes = [shapely.box(x, 3_700_000, x + 1000, 3_701_000) for x in (300_000, 300_000 + TEN_KM)]
    return gpd.GeoDataFrame(
        {"cell_id": ["west", "east"], "people": [30.0, 10.0], "node_id": [1, 2], "snap_m": 0.0}
        | columns,
        geometry=boxes,
        crs=32643,
    )


def fleets(*rows, at=((300_500, 3_700_500), (310_500, 3_700_500))):
    points = gpd.GeoSeries(gpd.points_from_xy(*zip(*at, strict=True)), crs=32643).to_crs(4326)
    given = pd.DataFrame(
        rows, columns=["depot", "vehicle_class", "vehicles", "km_day", "public_share"]
    )
    lon, lat = (list(v[: len(given)]) for v in (points.x, points.y))
    return given.assign(lon=lon, lat=lat, source="by hand")


def test_energy_of_depots_by_hand_with_what_they_do_not_say_from_their_class():
    given = fleets(("Zero Point", "bus", 160, 200.0, 0.1), ("Pirwadhai", "bus", 40, None, None))
    placed = place_depots(given, vehicle_figures(), cells(zone_id=["w", "e"]), 600)
    assert placed["cell_id"].to_list() == ["west", "east"]
    assert placed["zone_id"].to_list() == ["w", "e"]
    assert placed["demand_kwh_day"].to_list() == pytest.approx(
        [160 * 200 * BUS_KWH_KM * 0.1, 40 * 220 * BUS_KWH_KM * 0.05]
    )


def test_depots_take_the_place_of_the_model_and_keep_their_energy_in_the_area():
    given = fleets(("a", "bus", 160, 200.0, 0.1), ("b", "bus", 40, 100.0, 0.5))
    placed = place_depots(given, vehicle_figures(), cells(), 600)
    country = pd.DataFrame(
        {"vehicle_class": ["car", "bus"], "vehicles": [1000.0, 5000.0], "low": 1.0, "high": 9e3}
    ).assign(source="s", confidence="L")
    share = pd.DataFrame(
        {"vehicle_class": ["car", "bus"], "city_share": 0.1, "low": 0.05, "high": 0.2}
    ).assign(source="t", confidence="L")
    fleet, vehicles, shares = with_depots(country, vehicle_figures(), share, placed)
    energy = zone_energy(Area(fleet, vehicles, shares, None, 0.5)).set_index("vehicle_class")
    assert energy.loc["bus", "vehicles"] == pytest.approx(200)  # all of them, of no share
    assert energy.loc["car", "vehicles"] == pytest.approx(1000 * 0.1 * 0.5)
    by_hand = (160 * 200 * 0.1 + 40 * 100 * 0.5) * BUS_KWH_KM
    assert energy.loc["bus", "demand_kwh_day"] == pytest.approx(by_hand)
    assert placed["demand_kwh_day"].sum() == pytest.approx(by_hand)
    assert "160 at a (by hand); 40 at b (by hand)" in energy.loc["bus", "source"]
    assert country["vehicles"].to_list() == [1000, 5000]  # no argument is changed


def test_depots_energy_is_wanted_at_the_depots_alone():
    given = fleets(("a", "bus", 10, 100.0, 0.3), ("b", "bus", 10, 100.0, 0.1))
    placed = place_depots(given, vehicle_figures(), cells(), 600)
    energy = pd.DataFrame({"vehicle_class": ["car", "bus"], "demand_kwh_day": [8.0, 40.0]})
    demand = spread_demand(cells(), energy, depots=placed)
    table = demand.set_index(["vehicle_class", "cell_id"])["demand_kwh_day"]
    assert table["car"].to_dict() == pytest.approx({"west": 6, "east": 2})  # by people
    assert table["bus"].to_dict() == pytest.approx({"west": 30, "east": 10})  # by depot


def test_a_fleet_without_a_place_in_the_area_is_refused_by_name():
    given = fleets(("far", "bus", 5, None, None), at=((300_500, 3_705_000),))
    with pytest.raises(InputError) as caught:
        place_depots(given, vehicle_figures(), cells(), 600)
    assert [(f.what, f.ids) for f in caught.value.faults] == [("outside the study area", ("far",))]


# --- from the configuration ----------------------------------------------------------------------

DEPOT = {"depot": "East depot", "vehicle_class": "bus", "lon": LONS[-1], "lat": LAT,
         "vehicles": 10, "km_day": 100, "public_share": 0.2, "source": "by hand"}  # fmt: skip


def town(tmp_path, *fleets_, **demand):
    keys = {"vehicle_classes": ["two_wheeler", "bus"], "fleets": list(fleets_)}
    path = change(write_town(tmp_path / "town"), demand=keys | demand)
    fleet = path.parent / "fleet.csv"
    fleet.write_text(fleet.read_text() + "2030,bus,500,400,600,by hand,ASSUMPTION\n")
    return path


def test_a_study_with_a_depot_says_what_it_stands_in_place_of(tmp_path):
    study = Study(town(tmp_path, DEPOT))
    bus = study.demand[study.demand["vehicle_class"] == "bus"]
    assert bus["cell_id"].to_list() == study.depots["cell_id"].to_list()
    assert bus["demand_kwh_day"].item() == pytest.approx(10 * 100 * BUS_KWH_KM * 0.2)
    note = next(note for note in study.demand_notes if note.startswith("bus:"))
    # Nothing is said of the city's buses, so that by people Islamabad has 1.2 % of 500.
    assert "10 vehicles known by depot (East depot) replace the 13" in note
    assert "260 kWh/day" in note
    plain = Study(town(tmp_path / "plain"))
    two = [
        s.demand.loc[s.demand["vehicle_class"] == "two_wheeler", "demand_kwh_day"].to_list()
        for s in (study, plain)
    ]
    assert two[0] == two[1]


@pytest.mark.slow
def test_the_demand_by_itself_with_a_depot_ranks_and_draws(tmp_path):
    path = town(tmp_path, DEPOT)
    found, folder = demand_to_folder(
        path, out=tmp_path / "out", sensitivity=True, draws=5, now=datetime(2026, 1, 1)
    )
    bus = found.classes.set_index("vehicle_class").loc["bus"]
    assert bus["vehicles"] == 10
    assert bus["demand_kwh_day"] == pytest.approx(260)
    swings = found.total_swings.set_index(["figure", "vehicle_class"])
    # Its number and use are the owner's; what a bus takes a km is still a figure with a range.
    assert ("kwh_km", "bus") in swings.index
    assert ("km_day", "bus") not in swings.index
    assert (folder / "figures.csv").is_file()


@pytest.mark.parametrize(
    ("change", "key", "what"),
    [
        ({"lon": None}, "demand.fleets.0.lon", "missing"),
        ({"lon": LAT, "lat": LONS[0]}, "demand.fleets.0", "not in Pakistan"),
        ({"vehicle_class": "tram"}, "demand.fleets.0.vehicle_class", "not among"),
        ({"vehicles": 0}, "demand.fleets.0.vehicles", "less than 1"),
    ],
)
def test_a_faulty_fleet_is_told_from_the_yaml_alone(tmp_path, change, key, what):
    row = {k: v for k, v in (DEPOT | change).items() if v is not None}
    with pytest.raises(ConfigError) as caught:
        load(town(tmp_path, row))
    assert key in str(caught.value)
    assert what in str(caught.value)


def test_a_depot_twice_and_a_share_that_is_not_used_are_told_together(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(town(tmp_path, DEPOT, DEPOT, fleet_share={"two_wheeler": 1, "bus": 0.1}))
    text = str(caught.value)
    assert "the depot East depot is given twice for bus" in text
    assert "demand.fleet_share.bus" in text
    assert "is not used for a class that demand.fleets lists" in text


def test_the_cli_tells_of_a_depot_outside_the_area_without_a_traceback(tmp_path):
    path = town(tmp_path, DEPOT | {"lat": LAT + 1})
    found = CliRunner().invoke(app, ["check", str(path)])
    assert found.exit_code == 2
    assert "outside the study area" in found.output
    assert "East depot" in found.output


def test_a_year_beyond_2040_is_marked_as_a_projection(tmp_path):
    path = write_town(tmp_path / "town")
    keys = {"scenario": "net-zero-2060", "fleet_csv": None, "figures": None}
    change(path, demand=keys, year=2050)
    assert any("2050 is a projection, not a forecast" in note for note in Study(path).demand_notes)
    change(path, year=2040)
    assert not any("projection" in note for note in Study(path).demand_notes)
