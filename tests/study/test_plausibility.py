"""Warnings of doubtful input, and no warnings of plausible input."""

import geopandas as gpd
import pytest
import yaml
from conftest import ROOT
from shapely import box
from town import write_town

import siting
from siting.config import load
from siting.study.plausibility import doubts_of, most_people

KARACHI = box(66.85, 24.75, 67.4, 25.15)
DOT = box(67.0, 24.86, 67.001, 24.861)


def square_km(count, people):
    squares = [box(3e5 + 1e3 * i, 2.75e6, 3.01e5 + 1e3 * i, 2.751e6) for i in range(count)]
    people_in_each = [people / count] * count
    return gpd.GeoDataFrame({"people": people_in_each}, geometry=squares, crs=32642)


def config(tmp_path, city="karachi", **demand):
    path = write_town(tmp_path / "town")
    told = yaml.safe_load(path.read_text())
    told["demand"] |= {"city": city, "city_people": None} | demand
    if demand.get("city_people") is None:
        del told["demand"]["city_people"]
    path.write_text(yaml.safe_dump(told))
    return load(path)


@pytest.mark.parametrize(
    ("count", "people", "outline", "said"),
    [
        (194, 20_000_000, DOT, "20,000,000 people in 194 cells of 194"),
        (900, 40_000_000, DOT, "40,000,000 people in the area of the roads, but the 2023 census"),
        (900, 9_000_000, KARACHI, "cover the whole city and 9,000,000 people live there, but"),
        (900, 0, DOT, "no people live"),
        (900, 18_000_000, KARACHI, None),
        (194, 5_000_000, DOT, None),
    ],
)
def test_people_beside_the_census(tmp_path, count, people, outline, said):
    lines = doubts_of(config(tmp_path), square_km(count, people), None, outline)
    assert (said in lines[-1]) if said else lines == []


def test_a_total_of_the_city_beside_the_census(tmp_path):
    cells = square_km(10, 200_000)
    for total, doubted in ((5_000_000, True), (18_868_021, False), (20_000_000, False)):
        lines = doubts_of(config(tmp_path, city_people=total), cells, None, DOT)
        assert any("demand.city_people is" in line for line in lines) == doubted


def test_a_zone_with_half_its_census(tmp_path):
    zones = gpd.GeoDataFrame(
        {"name": ["model town", "Shalimar", "Nowhere"], "people": [1_600_000, 2_600_000, 5]},
        geometry=[DOT] * 3,
        crs=4326,
    )
    found = doubts_of(config(tmp_path, "lahore"), square_km(500, 4_000_000), zones, DOT)
    assert [line for line in found if line.startswith("zone ")] == [
        "zone model town: 1,600,000 people, but the 2023 census counts 3,244,906"
    ]


def test_the_most_people_are_those_of_the_densest_tehsils():
    assert most_people(6) == 949_878  # Lyari, 6 km2
    assert most_people(3) == pytest.approx(949_878 / 2)
    assert most_people(10) == 949_878 + 502_819  # Lyari and Garden, 4 km2


@pytest.mark.slow
def test_the_embedded_cities_are_not_doubted():
    from siting.study import check

    report = check(ROOT / "configs" / "islamabad.yaml")
    assert not [line for line in report.notes if line.startswith("doubtful")]


def titled(tmp_path, title, **demand):
    asked = config(tmp_path, **demand)
    return asked.model_copy(update={"title": title})


@pytest.mark.slow
def test_people_far_below_the_census_of_the_tehsil_that_the_study_is_named_for(tmp_path):
    cells, landhi = square_km(20, 241_215), box(67.17, 24.82, 67.25, 24.88)
    named = titled(tmp_path, "Karachi, Landhi Town")
    (line,) = doubts_of(named, cells, None, landhi)
    assert line.startswith("241,215 people in the area of the roads, but the 2023 census counts")
    assert "681,294 in Landhi" in line
    assert "city_people" in line
    # There is no warning if the roads cover only a third of the tehsil, if the title does not name
    # the tehsil, or if there are enough people.
    assert doubts_of(named, cells, None, box(67.17, 24.82, 67.20, 24.84)) == []
    assert doubts_of(titled(tmp_path / "b", "Karachi"), cells, None, landhi) == []
    assert doubts_of(named, square_km(20, 600_000), None, landhi) == []


def test_roads_far_from_the_city_named(tmp_path):
    cells, karachi_roads = square_km(194, 2_000_000), DOT
    (line,) = doubts_of(config(tmp_path, city="lahore"), cells, None, karachi_roads)
    assert line.startswith("demand.city is Lahore, but the middle of the roads is 1,0")
    # Roads just outside the inexact bounding box raise no doubt.
    near = box(67.41, 24.9, 67.45, 24.95)
    assert doubts_of(config(tmp_path / "b"), cells, None, near) == []


def test_cells_too_coarse_for_the_cutoff(tmp_path):
    asked = config(tmp_path)
    cutoff = asked.reach.cutoff_min
    cells = square_km(9, 9_000)
    # Half a kilometre at v km/h takes 30 / v min, a third of the cutoff at v = 90 / cutoff.
    assert doubts_of(asked, cells, None, DOT, 1.01 * 90 / cutoff) == []
    (line,) = doubts_of(asked, cells, None, DOT, 0.9 * 90 / cutoff)
    assert line.startswith("cells are 1.0 km wide: driving half a cell takes")
    assert "cells of 900 m or less" in line


@pytest.mark.slow
def test_check_sees_the_wrong_city_coarse_cells_and_a_thin_layer():
    embedded = ROOT / "configs" / "islamabad.yaml"
    for overrides, said in (
        ([], None),
        (["demand.city=lahore"], "demand.city is Lahore"),
        (["demand.cells.size_m=4000"], "cells are 4.0 km wide"),
    ):
        notes = siting.check(embedded, overrides=overrides).notes
        doubts = [note for note in notes if note.startswith("doubtful: ")]
        assert (said in doubts[0]) if said else doubts == []
