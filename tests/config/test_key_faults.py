"""Every way in which a configuration can be wrong, each with its file, line and key."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from config.test_load import FULL, MINIMAL, changed, faults, write_study
from conftest import every, often

from siting.config import load
from siting.errors import Fault

ONE_FAULT = [
    # a text in FULL, what is put in its place, line and key of the fault, what, fix
    ("name: full-town", "name: Full Town", 1, "name", "'Full Town' does not fit", ""),
    ("name: full-town", f"name: {'a' * 81}", 1, "name", "has 81 characters, more than", "shorten"),
    ("name: full-town", "name: 2030", 1, "name", "2030 is not text", "put it in quotes"),
    ("title: A full town", "title: ' '", 2, "title", "' ' does not fit", ""),
    ("year: 2031", "year: 2019", 4, "year", "2019 is less than 2020", ""),
    ("year: 2031", "year: 2061", 4, "year", "2061 is greater than 2060", ""),
    ("year: 2031", "year: 2031.0", 4, "year", "2031.0 is not a whole number", "write 2031"),
    ("year: 2031", "year: '2031'", 4, "year", "'2031' is text, not a whole", "write 2031"),
    ("year: 2031", "year:", 4, "year", "no value", "leave the key out to use the default, 2030"),
    ("kind: file", "kind: fiel", 7, "roads.source.kind", "'fiel' is not one of place, bbox, "
     "polygon, file", "did you mean file?"),
    ("kind: file", "kind:", 7, "roads.source.kind", "no value is not one of", ""),
    ("    kind: file\n", "", 6, "roads.source.kind", "missing; use one of place, bbox", ""),
    ("    path: roads.osm.bz2\n    clip", "    clip", 6, "roads.source.path", "missing (OSM", ""),
    ("clip: area.geojson", "clip: area.csv", 9, "roads.source.clip", "ending of area.csv", "use"),
    ("clip: area.geojson", "place: x", 9, "roads.source.place", "unknown key", "keys here: kind,"),
    ("clip: area.geojson", "file: x", 9, "roads.source.file", "unknown key", "keys here: kind,"),
    ("speeds: other", "speeds: lahore", 12, "roads.speeds", "'lahore' is not one of "
     "karachi_lahore, islamabad_rawalpindi, other", ""),
    ("speeds_csv: speeds.csv", "speeds_csv: speed.csv", 13, "roads.speeds_csv",
     "no such file: speed.csv; did you mean speeds.csv?", ""),
    ("speeds_csv: speeds.csv", "speeds_csv: .", 13, "roads.speeds_csv", "ending of", ""),
    ("peak: false", "peak: no", 14, "roads.peak", "'no' is not true or false", ""),
    ("peak: false", "peak: 1", 14, "roads.peak", "1 is not true or false", ""),
    ("peak: false", "peek: false", 14, "roads.peek", "unknown key; did you mean peak?",
     "keys here: source, speeds, speeds_csv, peak"),
    ("overpass_url: http://127.0.0.1:8080/api", "overpass_url: 127.0.0.1", 16,
     "download.overpass_url", "'127.0.0.1' does not fit; expected an address", ""),
    ("timeout_s: 5", "timeout_s: 0", 18, "download.timeout_s", "0 is less than 1", ""),
    ("cache_dir: kept\n", "cache_dir: grid.csv/x\n", 20, "download.cache_dir",
     "grid.csv is a file, not a folder", "name another folder"),
    ("cache_dir: kept\n", "cache_dir: 7\n", 20, "download.cache_dir", "7 is not the path", "put"),
    ("cache_dir: kept\n", 'cache_dir: "a\\0b"\n', 20, "download.cache_dir", "zero byte", ""),
    ("cache_dir: kept\n", f"cache_dir: {'x' * 300}\n", 20, "download.cache_dir",
     "cannot be used: File name too long", "name another"),
    ("path: people.csv", f"path: {'x' * 300}.csv", 24, "demand.people.path",
     "cannot be used: File name too long", "name another"),
    ("path: people.csv", "path: ''", 24, "demand.people.path", "the path is blank", ""),
    ("path: people.csv", "path: [a]", 24, "demand.people.path", "a list is not the path", ""),
    ("path: people.csv", "path: x/people.csv", 24, "demand.people.path",
     "no such file: x/people.csv (no such folder: x)", ""),
    ("resolution: 9", "resolution: 13", 32, "demand.cells.resolution", "13 is greater than 12", ""),
    ("shape: h3", "shape: hex", 31, "demand.cells.shape", "'hex' is not one of square, h3", ""),
    ("    shape: h3\n    resolution: 9", "    size_m: 0", 31, "demand.cells.size_m",
     "0 is not greater than 0", "expected: edge length of a square cell, m"),
    ("    shape: h3\n    resolution: 9", "    size: 5", 31, "demand.cells.size",
     "unknown key; did you mean size_m?", "keys here: shape, size_m"),
    ("city_people: 1_000_000", "city_people: 1,000,000", 34, "demand.city_people",
     "'1,000,000' is text, not a number", "write 1000000, without quotes or commas"),
    ("city_people: 1_000_000", "city_people: many", 34, "demand.city_people",
     "'many' is not a number", "expected: population of the whole city"),
    ("city_people: 1_000_000", "city_people: .nan", 34, "demand.city_people",
     "nan is not a finite number", ""),
    ("city_people: 1_000_000", "city_people: 1e999", 34, "demand.city_people",
     "inf is not a finite number", ""),
    ("city_people: 1_000_000", f"city_people: {'9' * 400}", 34, "demand.city_people",
     "a very long number is too large", ""),
    ("city_people: 1_000_000", "city_people: true", 34, "demand.city_people",
     "true is not a number", ""),
    ("car: 0.01", "car: 1.01", 36, "demand.fleet_share.car", "1.01 is greater than 1", ""),
    ("boat: 0.5", "bus: 0.5", 37, "demand.fleet_share.bus",
     "'bus' is not among demand.vehicle_classes", "known names: car, boat"),
    ("    - boat", "    - car", 40, "demand.vehicle_classes.1", "car is repeated", "list it once"),
    ("    - boat", "    - Boat", 40, "demand.vehicle_classes.1", "'Boat' does not fit", ""),
    ("    - boat", "    - 5", 40, "demand.vehicle_classes.1", "5 is not text", "put it in quotes"),
    ("km_day: 35", "km_dya: 35", 46, "demand.figures.car.km_dya", "unknown key; did you mean "
     "km_day?", "keys here: km_day, kwh_km, charging_efficiency"),
    ("    - kind: osm_download", "    - kind: osm_fetch", 86, "candidates.sources.1.kind",
     "'osm_fetch' is not one of osm_file, osm_download, layer, parcels, streets", ""),
    ("      tags:\n        shop:\n          - mall\n    - kind: layer",
     "      tags: mall\n    - kind: layer", 87, "candidates.sources.1.tags",
     "'mall' is not a section of keys and values", ""),
    ("          - fuel\n", "          - true\n", 82, "candidates.sources.0.tags.amenity.0",
     "true is not text", "put it in quotes"),
    ("        building:\n          - yes", "        building: yes", 84,
     "candidates.sources.0.tags.building", "'yes' is not a list", "write [a, b]"),
    ("        building:\n          - yes", "        building: []", 84,
     "candidates.sources.0.tags.building", "is empty; at least one item is needed", ""),
    ("spacing_m: 400", "spacing_m: 49", 101, "candidates.sources.3.spacing_m",
     "49 is less than 50", "expected: distance between neighbouring candidates, m"),
    ("merge_within_m: 0", "merge_within_m: -1", 108, "candidates.merge_within_m",
     "-1 is less than 0", ""),
    ("      ac_22: 2", "      ac_22: 0", 114, "offers.configurations.pair.ac_22",
     "0 is less than 1", "expected: number of chargers of this type"),
    ("      ac_22: 2", "      ac_22: 1.5", 114, "offers.configurations.pair.ac_22",
     "1.5 is not a whole number", "expected: number of chargers of this type"),
    ("    pair:\n      ac_22: 2", "    pair: {}", 113, "offers.configurations.pair",
     "is empty; at least one item is needed", ""),
    ("    pair:\n      ac_22: 2", "    a:b: {ac_22: 2}", 113, "offers.configurations.a:b",
     "'a:b' does not fit", ""),
    ("    pair:\n", "    existing:\n", 113, "offers.configurations.existing",
     "'existing' is the name of existing stations", "choose another name"),
    ("  configurations:\n    pair:\n      ac_22: 2", "  configurations: {}", 112,
     "offers.configurations", "is empty; at least one item is needed", ""),
    ("utilisation: 1", "utilisation: 15", 118, "offers.utilisation", "15 is greater than 1", ""),
    ("availability: 0.9", "availability: 0", 119, "offers.availability",
     "0 is not greater than 0", ""),
    ("fee_share: 0.25", "fee_share: -0.25", 142, "offers.subsidy.fee_share",
     "-0.25 is less than 0", ""),
    ("cutoff_min: 7.5", "cutoff_min: 0", 159, "reach.cutoff_min", "0 is not greater than 0", ""),
    ("cutoff_min: 7.5", "cutoff_min: 240.5", 159, "reach.cutoff_min",
     "240.5 is greater than 240", ""),
    ("cutoff_min: 7.5", "cutof_min: 7.5", 159, "reach.cutof_min",
     "unknown key; did you mean cutoff_min?", "keys here: cutoff_min, access_kmh, max_snap_m"),
    ("budget_pkr: 0", "budget_pkr: -1", 165, "program.budget_pkr", "-1 is less than 0", ""),
    ("  budget_pkr: 0\n", "", 163, "program.budget_pkr",
     "missing (total public money that may be spent, PKR)", ""),
    ("model: coverage", "model: Coverage", 164, "program.model",
     "'Coverage' is not one of capacitated, coverage", "did you mean coverage?"),
    ("  gap: 0", "  gap: 1", 269, "solver.gap", "1 is not less than 1", ""),
    ("time_limit_s: 0.5", "time_limit_s: .inf", 271, "solver.time_limit_s",
     "inf is not a finite number", ""),
    ("output:\n", "solver2: {}\noutput:\n", 279, "solver2", "unknown key; did you mean solver?",
     "keys here: name, title,"),
    ("output:\n  runs_dir: results\n  cache_dir: kept/parsed\n", "output:\n", 279, "output",
     "no value; expected: folders of results", "leave the key out to use the default"),
    ("output:\n  runs_dir: results\n  cache_dir: kept/parsed\n", "output: [1]\n", 279, "output",
     "a list is not a section of keys and values", ""),
    ("case: high", "case: middle", 49, "demand.case", "'middle' is not one of low, central, high",
     ""),
    ("      share_2030: 0.2", "      share_2030: much", 54, "demand.fleet_figures.car.share_2030",
     "'much' is not a number", ""),
    ("renting_effect: 0.4", "renting_effect: 4", 57, "demand.housing.renting_effect",
     "4 is greater than 1", ""),
    ("        home: 1\n        destination: 0\n        en_route: 2.5",
     "        home: 0\n        destination: 0\n        en_route: 0", 67,
     "demand.surfaces.weights.car", "all three weights are 0", "set at least one above 0"),
    ("    weights:\n      car:", "    weights:\n      cars:", 67, "demand.surfaces.weights.cars",
     "'cars' is not among demand.vehicle_classes", "did you mean car?"),
    ("    places:\n      kind: layer", "    places:\n      kind: lair", 62,
     "demand.surfaces.places.kind", "'lair' is not one of osm_file, osm_download, layer",
     "did you mean layer?"),
    ("path: places.geojson", "path: places.tif", 63, "demand.surfaces.places.path",
     "ending of places.tif is not accepted", ""),
    ("      kwh_km: 0.2\n", "      kwh_km: 0.2\n      home_share: 0.5\n", 49,
     "demand.figures.car.public_share", "is given together with home_share",
     "set only one of them"),
    ("kind: points", "kind: h3", 23, "demand.people.kind", "'h3' is not one of points",
     "for a table with an h3 column, write kind: points; for hexagonal cells, write demand.cells"),
    ("    shape: h3\n    resolution: 9", "    kind: hex", 30, "demand.cells.shape",
     "'hex' is not one of square, h3", ""),
    ("sizes: {ac_22: [2, 4]", "sizes: {ac_22: [2, 0]", 124, "offers.sizes.ac_22.1",
     "0 is less than 1", "expected: number of chargers of this type"),
    ("sizes: {ac_22: [2, 4]", "sizes: {ac_22: [2, 2.5]", 124, "offers.sizes.ac_22.1",
     "2.5 is not a whole number", "expected: number of chargers of this type"),
    ("sizes: {ac_22: [2, 4]", "sizes: {ac_22: [2, 2]", 124, "offers.sizes.ac_22.1",
     "2 is repeated", "list it once"),
    ("sizes: {ac_22: [2, 4]", "sizes: {ac_22: 2", 124, "offers.sizes.ac_22",
     "2 is not a list", "write [a, b]"),
    ("sizes: {ac_22: [2, 4], dc_60: [1]}", "sizes: {}", 124, "offers.sizes",
     "is empty; at least one item is needed", ""),
    ("least_ports: 3", "least_ports: -1", 125, "offers.least_ports", "-1 is less than 0", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "what", "fix"),
    every(3, ONE_FAULT),
)
def test_one_fault_is_told_with_line_and_key(
    tmp_path: Path, old: str, new: str, line: int, key: str, what: str, fix: str
) -> None:
    found = faults(write_study(tmp_path, changed(FULL, old, new)))
    assert [fault.where for fault in found] == [f"town.yaml, line {line}, key {key}"]
    assert what in found[0].what
    assert fix in found[0].fix
    for jargon in ("Input", "valid ", "pydantic", "dictionary", "tuple", "None"):
        assert jargon not in str(found[0])


def test_a_fleet_table_leaves_nothing_for_the_fleet_model(tmp_path: Path) -> None:
    text = changed(FULL, "  registrations_csv: registrations.csv", "  fleet_csv: fleet.csv")
    assert faults(write_study(tmp_path, text)) == [
        Fault(
            f"town.yaml, line {line}, key demand.{key}",
            "is not used if fleet_csv is given",
            f"leave out {key} or fleet_csv",
        )
        for line, key in ((50, "scenarios_csv"), (51, "sales_csv"), (52, "fleet_figures"))
    ]


ZONES = "kind: zones\n    path: area.geojson\n"


@pytest.mark.parametrize(
    ("more", "key", "what"),
    [
        ("    spread_by: places\n", "spread_path", "missing, but spread_by is places"),
        ("    spread_path: area.geojson\n", "spread_path", "not used if spread_by is streets"),
        (
            "    counts: census\n    renting_column: renting\n",
            "renting_column",
            "not used if counts is census",
        ),
        ("    spread_by: roofs\n", "spread_by", "'roofs' is not one of streets, buildings, places"),
    ],
)
def test_zones_and_what_they_are_spread_by(tmp_path: Path, more: str, key: str, what: str) -> None:
    old = "kind: streets\n    total: 1e4\n    basis: a guess\n"
    found = faults(write_study(tmp_path, changed(MINIMAL, old, ZONES + more)))
    assert [fault.where.rpartition("key ")[2] for fault in found] == [f"demand.people.{key}"]
    assert what in found[0].what


def test_a_section_that_is_missing_is_told_without_a_line(tmp_path: Path) -> None:
    assert faults(write_study(tmp_path, "name: town\n")) == [
        Fault(f"town.yaml, key {key}", f"missing ({meaning})")
        for key, meaning in (
            ("roads", "road network and speeds"),
            ("demand", "people, cells and vehicles"),
            ("candidates", "places where a station could be built"),
            ("program", "model, budget, aims and limits of the plan"),
        )
    ]


def test_a_key_given_twice(tmp_path: Path) -> None:
    text = changed(FULL, "  peak: false", "  speeds: other\n  peak: 3")
    assert faults(write_study(tmp_path, text)) == [
        Fault(
            "town.yaml, line 14, key roads.speeds",
            "this key is already on line 12",
            "keep one of the two",
        ),
        Fault(
            "town.yaml, line 15, key roads.peak",
            "3 is not true or false",
            "expected: whether to use peak-hour driving times",
        ),
    ]


BOX = (
    "source:\n    kind: bbox\n    west_deg: {}\n    south_deg: {}\n"
    "    east_deg: {}\n    north_deg: {}\n"
)
PLACE = "source:\n    kind: place\n    query: Town, Pakistan\n"


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (("33", "72", "34", "73"), [(3, "", "longitude and latitude are swapped")]),
        (
            ("73.2", "33.6", "73.1", "33.5"),
            [(5, ".west_deg", "73.2 is not west of"), (6, ".south_deg", "33.6 is not south of")],
        ),
        (("73", "33", "73", "34"), [(5, ".west_deg", "73 is not west of east_deg, 73")]),
        (
            ("59", "33", "79", "39"),
            [
                (5, ".west_deg", "59 is outside Pakistan (60 to 78 degrees)"),
                (7, ".east_deg", "79 is outside Pakistan"),
                (8, ".north_deg", "39 is outside Pakistan (23 to 38 degrees)"),
            ],
        ),
        (("73.1E", "33", "73.2", "34"), [(5, ".west_deg", "'73.1E' is not a number")]),
    ],
)
def test_a_box_must_be_one_and_in_pakistan(
    tmp_path: Path, degrees: tuple[str, ...], expected: list[tuple[int, str, str]]
) -> None:
    found = faults(write_study(tmp_path, changed(MINIMAL, PLACE, BOX.format(*degrees))))
    assert [fault.where for fault in found] == [
        f"town.yaml, line {line}, key roads.source{key}" for line, key, _ in expected
    ]
    assert all(what in fault.what for fault, (_, _, what) in zip(found, expected, strict=True))


def test_a_box_in_pakistan_loads(tmp_path: Path) -> None:
    text = changed(MINIMAL, PLACE, BOX.format(72.9, 33.6, 73.1, 33.8))
    assert load(write_study(tmp_path, text)).roads.source.north_deg == 33.8


def test_a_year_gone_by(tmp_path: Path) -> None:
    path = write_study(tmp_path, FULL)
    assert load(path, today=date(2031, 12, 31)).year == 2031
    assert faults(path, today=date(2032, 1, 1)) == [
        Fault(
            "town.yaml, line 4, key year",
            "2031 is before this year, 2032",
            "choose this year or a later one",
        )
    ]
    path = write_study(tmp_path, MINIMAL)
    (fault,) = faults(path, today=date(2031, 1, 1))
    assert fault.where == "town.yaml, key year"
    assert fault.what == "2030 (the default) is before this year, 2031"
    # a year that is no year is one fault, not two
    (fault,) = faults(path, "year=2019", today=date(2026, 11, 24))
    assert fault.what == "2019 is less than 2020"
    (fault,) = faults(path, "year=soon", today=date(2026, 11, 24))
    assert fault.what == "'soon' is not a whole number"


def test_all_faults_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = FULL
    lines = []
    chosen = [ONE_FAULT[i] for i in (6, 13, 22, 37, 45, 48, 53, 61, 64, 67, 69, 72)]
    for old, new, line, key, _, _ in chosen:
        if old.count("\n") == new.count("\n"):
            text = changed(text, old, new)
            lines.append((line, f"town.yaml, line {line}, key {key}"))
    assert len(lines) > 8
    found = faults(
        write_study(tmp_path, text),
        "solver.seed=-1",
        "reach.cutoff=3",
        "name=",
        today=date(2026, 1, 1),
    )
    assert [fault.where for fault in found] == [
        *(where for _, where in sorted(lines)),
        "override name",
        "override reach.cutoff",
        "override solver.seed",
    ]


def test_all_faults_of_one_section_at_once(tmp_path: Path) -> None:
    limits = (
        "{required_sites: [a], forbidden_sites: [a], split: {dc: 0.9, lev: 0.9}, "
        "at_least: {x: {sites: [a], stations: 2}}}"
    )
    found = faults(write_study(tmp_path, MINIMAL), f"program.limits={limits}")
    assert [fault.what for fault in found] == [
        "'a' is also among forbidden_sites",
        "the shares add up to 1.8, more than the budget",
        "more stations (2) than sites (1)",
    ]


def _leaves(value: Any, key: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [leaf for k, v in items for leaf in _leaves(v, (*key, k))] or [key]


LEAVES = list(_leaves(yaml.safe_load(FULL)))


@pytest.mark.parametrize("key", often(LEAVES, LEAVES[::8]), ids=lambda k: ".".join(map(str, k)))
def test_a_wrong_type_at_any_key_is_one_fault_there(tmp_path: Path, key: tuple[Any, ...]) -> None:
    path = write_study(tmp_path, FULL)
    (fault,) = faults(path, f"{'.'.join(map(str, key))}=[{{}}]")
    assert fault.where.removeprefix("override ") == ".".join(map(str, key))
    assert "a list is not" in fault.what
