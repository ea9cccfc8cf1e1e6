"""The parts of the report: districts, service areas, years, money, sources."""

import json
import shutil
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from report_page import YEARS, Page, make_run, page_of
from shapely import box

from siting import study
from siting.errors import InputError
from siting.program.limits import Limit
from siting.report import content
from siting.report.content import budget_bars, other_limits
from siting.report.districts import districts
from siting.report.mapdata import road_names
from siting.report.page import render
from siting.report.shapes import SCALE, _tints, dissolved, service_areas
from siting.report.summary import summary
from siting.study.outcome_figures import cells_by_year
from siting.study.program_zones import with_zones
from siting.study.report_page import record_of
from siting.study.to_limits import limits_used


@pytest.fixture(scope="module")
def stored(report_poor_run, tmp_path_factory):
    return shutil.copytree(report_poor_run, tmp_path_factory.mktemp("poor") / "run")


@pytest.fixture(scope="module")
def phased(report_years_run, tmp_path_factory):
    return shutil.copytree(report_years_run, tmp_path_factory.mktemp("years") / "run")


@pytest.fixture
def run_copy(stored, tmp_path):
    return shutil.copytree(stored, tmp_path / "run")


@pytest.fixture
def phased_copy(phased, tmp_path):
    return shutil.copytree(phased, tmp_path / "run")


# Districts


@pytest.mark.slow
def test_squares_are_named_as_such_and_the_worst_served_comes_first(stored):
    found = districts(record_of(stored))
    assert found["what"] == "squares of 2.5 km, not administrative districts"
    east, west = found["rows"]
    # Eight people in the west are served by the pump there; four in the east are not.
    assert (west["wanted"], west["served"], west["people"]) == (8, 8, 8)
    assert (east["wanted"], east["served"], east["unserved"]) == (4, 0, 4)
    assert (west["share"], east["share"]) == (1, 0)
    assert (west["new"], east["new"]) == (1, 0)
    assert (west["subsidy"], east["subsidy"]) == (1000, 0)
    assert [len(shape) for shape in found["shapes"]] == [1, 1]
    # A is the westernmost column, 1 the northernmost row.
    assert west["name"] == "A1"
    assert east["name"][0] > "A"


@pytest.mark.slow
def test_zones_of_the_program_are_the_districts(tmp_path):
    zones = {"kind": "grid", "size_m": 2000}
    folder = make_run(
        tmp_path / "town", program={"budget_pkr": 1000, "zones": zones, "fairness": "max_min"}
    )
    run = record_of(folder)
    found = districts(run)
    assert found["what"] == "squares of 2 km, which are the zones of this plan"
    told = pd.read_csv(folder / "zones.csv", encoding="utf-8-sig").set_index("zone")
    assert sorted(row["name"] for row in found["rows"]) == sorted(told.index)
    for row in found["rows"]:
        assert row["wanted"] == pytest.approx(told.loc[row["name"], "demand_kwh_day"])
        assert row["served"] == pytest.approx(told.loc[row["name"], "served_kwh_day"])
    page = page_of(folder)
    table = page.all("table", id="district-table")[0]["text"]
    assert found["rows"][0]["name"] in table
    assert "Gini" in page.all("section", id="headline")[0]["text"]
    edited = told.reset_index().assign(served_kwh_day=5.0)
    edited.to_csv(folder / "zones.csv", index=False)
    with pytest.raises(InputError, match=r"zones\.csv: was changed"):
        study.write_report(folder)


@pytest.mark.slow
def test_zones_of_the_census_are_taken_where_they_are_few(stored):
    run = record_of(stored)
    run.demand["zone_id"] = ["Saddar", "Clifton"]
    found = districts(run)
    assert found["what"] == "zones in which people were counted"
    assert {row["name"] for row in found["rows"]} == {"Saddar", "Clifton"}
    run.demand["zone_id"] = "all"
    assert "squares" in districts(run)["what"]


def test_parts_that_want_little_come_last(stored):
    run = record_of(stored)
    run.demand["zone"] = ["big", "small"]
    run.demand["demand_kwh_day"] = [1000.0, 1.0]
    run.demand["served_kwh_day"] = [900.0, 0.0]
    found = districts(run)
    assert [(row["name"], row["little"]) for row in found["rows"]] == [
        ("big", False),
        ("small", True),
    ]
    assert found["little"] == 1


def test_with_no_demand_there_are_no_districts(stored):
    run = record_of(stored)
    run.demand["demand_kwh_day"] = 0.0
    assert districts(run)["rows"] == []


@pytest.mark.slow
def test_a_part_where_nobody_lives_is_not_the_worst_served(stored):
    run = record_of(stored)
    run.demand["zone"] = ["homes", "fields"]
    run.demand["people"] = [500.0, 0.0]
    run.demand["demand_kwh_day"] = [1000.0, 900.0]
    run.demand["served_kwh_day"] = [900.0, 0.0]
    assert [row["name"] for row in districts(run)["rows"]] == ["homes", "fields"]
    told = "".join(text for line in summary(run, districts(run)) for text, _ in line)
    assert "the worst served is homes" in told
    # Where nobody is counted anywhere, energy alone says who is served worst.
    run.demand["people"] = 0.0
    assert [row["name"] for row in districts(run)["rows"]] == ["fields", "homes"]


# What a badge and a card say


def test_a_badge_speaks_of_each_aim(stored):
    run = record_of(stored)
    first = run.facts["proofs"][0]
    run.facts["proofs"] = [
        first,
        {**first, "aim": "shortest drives", "status": "feasible", "gap": 0.5904},
        {**first, "aim": "least money", "status": "optimal", "gap": 0.001},
        {**first, "aim": "least regret", "status": "feasible", "gap": None},
        {**first, "aim": "least cost to all", "status": "feasible", "gap": 1.0, "bound": 0.0},
    ]
    assert content.later_aims(run) == [
        ("then shortest drives: not proven, gap 59.04 %", False),
        ("then least money: within a proven gap of 0.10 %", True),
        ("then least regret: nothing is proven", False),
        ("then least cost to all: nothing is proven", False),
    ]
    page = render(run)
    assert '<p class="status open">then shortest drives: not proven, gap 59.04' in page


@pytest.mark.slow
def test_stations_alike_have_one_card_and_use_of_time_stands_beside_that_of_capacity(tmp_path):
    run = record_of(make_run(tmp_path / "town", program={"budget_pkr": 5000}))
    new = ~run.sites["existing"].astype(bool)
    same = {"served_kwh_day": 57.3, "power_kw": 39.6, "use_share": 1.0, "cost_pkr": 2e6}
    run.sites.loc[new, list(same)] = list(same.values())
    cards = content.stations(run)
    built = [card for card in cards if not card["existing"]]
    assert len(built) >= 2
    assert [card["day_use"] for card in built] == ["6.0 %"] * len(built)
    leaders = [card for card in built if not card["told"]]
    assert [one["alike"] for one in leaders] == [[c["id"] for c in built if c is not leaders[0]]]
    assert {card["told"] for card in built} == {"", leaders[0]["id"]}
    page = render(run)
    assert "<small>6.0\xa0% of 24 h</small>" in page
    assert page.count('class="card new told"') == len(built) - 1
    # Another price, another card.
    run.sites.loc[run.sites["site_id"] == built[1]["id"], "cost_pkr"] = 3e6
    assert not any(card["told"] for card in content.stations(run) if not card["existing"])


# Service areas


def test_areas_side_by_side_have_different_tints():
    squares = [box(x, y, x + 1, y + 1) for x in range(5) for y in range(4)]
    tints = _tints(squares)
    for a, one in enumerate(squares):
        for b, other in enumerate(squares[:a]):
            assert tints[a] != tints[b] or not one.intersects(other)
    assert max(tints) <= 7  # as many as there are colours
    assert _tints([]) == []


def test_a_service_area_is_made_of_the_cells_served_mostly(stored):
    run = record_of(stored)
    ((area,),) = service_areas(run)
    cell = run.demand.loc[run.demand["served_kwh_day"] > 0].geometry.iloc[0]
    assert area["site"] == 0
    (rings,) = area["shape"]
    ring = np.cumsum(np.array(rings[0]).reshape(-1, 2), axis=0) / SCALE
    assert shapely.Polygon(ring).symmetric_difference(cell).area < 0.01 * cell.area


def test_cells_side_by_side_become_one_shape():
    boxes = [shapely.box(x / 100, y / 100, (x + 1) / 100, (y + 1) / 100)
             for x in range(4) for y in range(4)]  # fmt: skip
    whole = dissolved(boxes)
    assert whole.geom_type == "Polygon"
    assert len(whole.exterior.coords) == 5


def test_a_road_is_named_along_its_line_and_again_where_it_is_long():
    def road(name, kind, *points):
        return {"name": name, "highway": kind, "geometry": shapely.LineString(points)}

    west, middle, east = (73.0, 33.6), (73.03, 33.6), (73.06, 33.6)  # 2.8 km each
    roads = gpd.GeoDataFrame(
        [
            road("Lane", "residential", (73.0, 33.6), (73.0, 33.603)),
            road("Short", "residential", (73.0, 33.6), (73.0, 33.6003)),
            road(None, "primary", west, east),
            road("Mall Road", "primary", west, middle),
            road("Mall Road", "primary", middle, west),  # the other direction
            road("Mall Road", "primary", middle, east),
        ],
        crs=4326,
    )
    names = road_names(roads)
    assert [row[0] for row in names] == ["Mall Road", "Mall Road", "Lane"]
    assert [row[4] for row in names] == [0, 0, 2]
    assert [row[1] for row in names[:2]] == [7301500, 7304500]
    assert abs(names[0][3]) <= 1  # lies flat, or nearly
    assert abs(names[2][3]) >= 89  # stands up
    assert road_names(roads.drop(columns="name")) == []


# Years


@pytest.mark.slow
def test_the_page_shows_what_stands_and_is_served_in_each_year(phased):
    page = page_of(phased)
    rows = [e for e in page.all("tr") if "data-year" in e["attrs"]]
    assert [row["text"][:4] for row in rows] == ["2028", "2029", "2030"]
    years = page.data["years"]
    assert [year["year"] for year in years] == [2028, 2029, 2030]
    # Two thirds live in the west, where the first pump is built; the second comes with the money.
    assert [sum(map(sum, year["wanted"])) for year in years] == list(YEARS.values())
    assert [sum(map(sum, year["served"])) for year in years] == [4, 6, 12]
    assert [sum(kw is not None for kw in year["kw"]) for year in years] == [1, 1, 2]
    assert [len(areas) for areas in page.data["areas"]] == [1, 1, 2]
    assert page.figure("Energy served") == 12
    assert page.figure("Subsidy") == 2000
    assert "for 2028 to 2030" in page.all("p", class_="kicker")[0]["text"]
    assert "granted over the years" in page.all("dl")[0]["text"]


@pytest.mark.slow
def test_a_plan_of_one_year_has_no_slider(stored):
    page = page_of(stored)
    assert not page.all("input", id="year")
    assert page.data["years"] == []
    assert not [e for e in page.all("tr") if "data-year" in e["attrs"]]


def refused(folder):
    with pytest.raises(InputError) as caught:
        study.write_report(folder)
    return "\n".join(str(fault) for fault in caught.value.faults)


def table(path):
    return pd.read_csv(path, encoding="utf-8-sig")


@pytest.mark.slow
def test_a_year_that_was_edited_or_is_missing_is_found(phased_copy):
    (phased_copy / "years.csv").unlink()
    built = phased_copy / "built.csv"
    table(built).assign(year=2027).to_csv(built, index=False)
    said = refused(phased_copy)
    assert "years.csv: is missing" in said
    assert "built.csv: was changed" in said


def test_the_tables_of_a_run_hold_what_the_report_needs():
    demand = {
        2028: pd.DataFrame(
            {
                "demand_id": ["d1", "d2"],
                "cell_id": ["a", "b"],
                "vehicle_class": "car",
                "demand_kwh_day": [5.0, 2.0],
            }
        )
    }
    service = {
        2028: pd.DataFrame(
            {"demand_id": "d1", "site_id": ["s1", "s3", "s2"], "served_kwh_day": [1.0, 2.0, 2.0]}
        )
    }
    rows = cells_by_year(demand, service)
    # Of two that serve as much the first by id is named; nobody serves b.
    assert rows["site_id"].tolist()[0] == "s2"
    assert rows["site_id"].isna().tolist() == [False, True]
    assert rows["served_kwh_day"].tolist() == [5.0, 0.0]
    assert rows["year"].tolist() == [2028, 2028]
    cells = gpd.GeoDataFrame({"cell_id": ["a", "b"]}, geometry=shapely.points([[0, 0], [1, 1]]))
    zoned = with_zones(cells, pd.Series({"a": "Saddar"}))
    assert zoned["zone"].tolist() == ["Saddar", ""]
    assert list(zoned.columns) == ["cell_id", "zone", "geometry"]
    assert with_zones(cells, None) is cells
    assert "zone" not in cells.columns
    limits = (
        Limit("b", "spacing", "stations", 1.0, {"x": 1.0}),
        Limit("a", "feeder", "kW", 9.0, {"y": 4.0}),
    )
    told = {"limit": "a", "kind": "feeder", "unit": "kW", "used": 0.0}
    assert limits_used(limits, {"x": 1.0}) == [told | {"at_least": None, "at_most": 9.0}]


# Money


def test_the_parts_of_the_cost_add_up_where_batteries_are_swapped(stored):
    run = record_of(stored)
    run.offers["battery_cost_pkr"] = 300.0  # of the 1,000 rupees of a hub
    parts = {part.what: part.value for part in content.money(run)["parts"]}
    assert parts["Batteries for swapping"] == 300
    assert parts["Chargers"] == 700
    assert sum(parts.values()) == pytest.approx(run.facts["cost_pkr"])
    card = next(card for card in content.stations(run) if not card["existing"])
    assert card["costs"][:2] == [("Chargers", "PKR 700"), ("Batteries for swapping", "PKR 300")]


@pytest.mark.slow
def test_envelopes_and_limits_are_shown_against_what_there_is(tmp_path):
    limits = {
        "most_new_stations": 1,
        "envelopes": {"bikes": {"budget_pkr": 1500, "charger_groups": ["lev"]}},
    }
    folder = make_run(tmp_path / "town", program={"budget_pkr": 5000, "limits": limits})
    run = record_of(folder)
    assert [(b["name"], b["text"]) for b in budget_bars(run)] == [
        ("Public budget", "PKR 1,000 of PKR 5,000"),
        ("Bikes", "PKR 1,000 of PKR 1,500"),
    ]
    assert [(b["text"], b["percent"]) for b in other_limits(run)] == [("1 of 1 stations", 100)]
    text = " ".join(page_of(folder).all("section", id="money")[0]["text"].split())
    assert "PKR 1,000 of PKR 1,500 66.7 %" in text


@pytest.mark.slow
def test_years_have_a_bar_each(phased):
    assert [(b["name"], b["text"]) for b in budget_bars(record_of(phased))] == [
        ("2028", "PKR 1,000 of PKR 1,000"),
        ("2029", "PKR 0 of PKR 0"),
        ("2030", "PKR 1,000 of PKR 1,000"),
    ]


# The honest page


@pytest.mark.slow
def test_each_file_is_told_with_its_day_and_hash(stored):
    facts = json.loads((stored / "run.json").read_text(encoding="utf-8"))
    text = page_of(stored).all("section", id="honest")[0]["text"]
    files = [row for row in facts["inputs"] if "file" in row]
    assert len(files) > 3
    for row in files:
        assert row["file_date"] in text
        assert row["sha256"][:12] in text


@pytest.mark.slow
def test_a_run_with_no_demand_is_readable(stored):
    run = record_of(stored)
    classes = [
        dict(row, demand_kwh_day=0, served_kwh_day=0, served_share=None)
        for row in run.facts["classes"]
    ]
    none = dict.fromkeys(
        ("new_stations", "objective_kwh_day", "bound_kwh_day", "gap", "served_share"), 0
    ) | dict.fromkeys(("subsidy_pkr", "cost_pkr"), 0)
    empty = {name: getattr(run, name).iloc[:0] for name in ("demand", "service", "sites")}
    facts = run.facts | {"classes": classes, "alternatives": {}} | none
    page = Page(render(replace(run, facts=facts, **empty)))
    text = " ".join(page.all("main")[0]["text"].split())
    assert "There is no demand for public charging in this run" in text
    assert "there is nothing to compare" in text
    assert "No new station is built" in text


def test_layers_of_points_have_no_service_areas(stored):
    run = record_of(stored)
    points = gpd.GeoDataFrame(run.demand, geometry=run.demand.representative_point(), crs=4326)
    other = run.__class__(**{**vars(run), "demand": points})
    assert service_areas(other) == [[]]
    assert len(districts(other)["shapes"]) == 2
