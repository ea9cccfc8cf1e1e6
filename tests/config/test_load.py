"""A configuration file in: what loads, and every way in which one cannot."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pydantic
import pytest
import yaml

from siting.config import Config, load
from siting.config.fields import LAYER_SUFFIXES, PAKISTAN_WSEN
from siting.config.offers import SIZES, choices_of
from siting.errors import ConfigError, Fault

MINIMAL = """\
name: town
roads:
  source:
    kind: place
    query: Town, Pakistan
demand:
  people:
    kind: streets
    total: 1e4
    basis: a guess
  city: town
candidates:
  sources:
    - kind: streets
program:
  budget_pkr: 120_000_000
"""

FULL = """\
name: full-town
title: A full town
note: "Schematic: no real town"
year: 2031
roads:
  source:
    kind: file
    path: roads.osm.bz2
    clip: area.geojson
    licence: none
    attribution: the town
  speeds: other
  speeds_csv: speeds.csv
  peak: false
download:
  overpass_url: http://127.0.0.1:8080/api
  nominatim_url: http://127.0.0.1:8080/
  timeout_s: 5
  retries: 0
  cache_dir: kept
demand:
  people:
    kind: points
    path: people.csv
    column: persons
    raster_deg: 0.01
    clip_to_roads: true
    source: the town
    licence: none
  cells:
    shape: h3
    resolution: 9
  city: town
  city_people: 1_000_000
  fleet_share:
    car: 0.01
    boat: 0.5
  vehicle_classes:
    - car
    - boat
  scenario: fast
  registrations_csv: registrations.csv
  vehicles_csv: vehicles.csv
  figures:
    car:
      km_day: 35
      kwh_km: 0.2
      public_share: 1
  case: high
  scenarios_csv: scenarios.csv
  sales_csv: sales.csv
  fleet_figures:
    car:
      share_2030: 0.2
  profiles_csv: profiles.csv
  housing: {
    renting_effect: 0.4,
    high_rise_effect: 0, survey_renting_share: 0.3, survey_high_rise_share: 0.1}
  wealth: {path: rwi.csv, column: index, index: true, nodata: -1, source: Meta, licence: CC BY 4.0}
  surfaces:
    places:
      kind: layer
      path: places.geojson
      source: the town
      licence: none
    weights:
      car:
        home: 1
        destination: 0
        en_route: 2.5
    poi_weights_csv: poi.csv
    road_weights_csv: road.csv
    trips: 10
    trip_min: 20
    seed: 7
candidates:
  sources:
    - kind: osm_file
      path: roads.osm.bz2
      tags:
        amenity:
          - fuel
          - parking
        building:
          - yes
    - kind: osm_download
      tags:
        shop:
          - mall
    - kind: layer
      path: sites.gpkg
      name_column: label
      site_kind: shop
      kind_column: what
      tags:
        shop:
          - mall
      source: the town
      licence: none
    - kind: streets
      spacing_m: 400
    - {kind: parcels, path: parcels.gpkg, name_column: plot, id_column: ref, site_kind: land,
       kind_column: use, min_area_m2: 90, source: the town, licence: none}
  existing:
    path: chargers.geojson
    source: the town
    licence: none
  merge_within_m: 0
  max_snap_m: 100.5
  exclude: [{path: military.gpkg, name_column: label, source: the town, licence: none}]
offers:
  configurations:
    pair:
      ac_22: 2
  chargers_csv: chargers.csv
  grid_csv: grid.csv
  headroom_kw: 0
  utilisation: 1
  availability: 0.9
  service: {
    rule: rated_share, wait_min: 5, alpha: 0.2,
    swap_depth: 0.7, swap_taper: 1.2, time_utilisation: {dc: 0.2},
  }
  sizes: {ac_22: [2, 4], dc_60: [1]}
  least_ports: 3
  costs: {
    civil_bay_pkr: 100_000, land: upfront, land_bay_month_pkr: 20_000,
    land_bay_upfront_pkr: 1e6,
    om_share: 0.04, road_battery_2w: 1.5, road_battery_3w: 0.8,
    site_bays: 8,
    line_detour: 1.5, neeca_points: maximum, preset: prudent, contingency_share: 0.1,
    design_share: 0.05, insurance_share: 0.004, deposit_pkr_kw: 2000, busy_share: 0.95,
  }
  existing_policy: extend
  upgrade: true
  lines: lines.gpkg
  feeders: feeders.gpkg
  feeder_within_m: 2000
  subsidy:
    charger_share: 1
    grid_share: 0
    fee_share: 0.25
    civil_share: 0.1
    land_share: 0.2
    rule: flat
    flat_pkr: 1e6
    gap_cap_share: 0.6
    cap_per_station_pkr: 5e6
    hurdle: {sales_share: 0.8, real_return: 0.15}
  table_csv: offers.csv
money:
  {prices_pkr_kwh: {lev: 60, ac: 100, dc: 100},
  tariff_pkr_kwh: 40, pkr_per_usd: 300, fixed_pkr_kw_month: 500, sales_tax: 0.05, income_tax: 0.2,
  discount_rate: 0.1,
  years: 8, payment_share: 0.02, attendant_month_pkr: 40_000,
  attendants: 2, attendants_other: 0.5,
  sales_path: [0.5, 0.8, 1], value_of_time_pkr_h: {car: 600}}
reach:
  cutoff_min: 7.5
  access_kmh: 20
  max_snap_m: 800
  table_csv: drives.csv
program:
  model: coverage
  budget_pkr: 0
  min_served_share: 0.5
  objective: people
  decay:
    kind: linear
    full_min: 1
    end_min: 5
    least: 0.4
  zones:
    kind: grid
    size_m: 3000
  zone_floor: 0.1
  zone_floors:
    north: 0.2
  class_floor: 0.1
  class_floors:
    car: 0.2
  floors_in: every
  fairness: max_min
  least_cost:
    served_share: 0.4
    of: reachable
    money: cost_pkr
  aims:
    - fairness
    - scenarios
    - least_cost
  then:
    - shortest_drives
  years:
    budgets_pkr:
      2028: 1e6
      2031: 2e6
    carry_over: true
    upgrades: true
    discount_rate: 0.1
    last_period_years: 3
  scenarios:
    of:
      slow:
        probability: 0.4
        fleet: low
        case: low
      fast:
        probability: 0.6
        fleet: high
        case: central
    criterion: cvar
    alpha: 0.7
    cvar_of: served
  alternatives:
    count: 4
    differ_by: 3
    within_share: 0.1
  least_gain:
    per_million: 20
    per_million_by_year: {2028: 20, 2031: 10}
    rule: always
    money: cost_pkr
  limits:
    most_new_stations: 20
    spacing_m: 500
    spacing_kinds:
      - fuel
    required_sites:
      - s1
    forbidden_sites:
      - s2
    envelopes:
      bikes:
        budget_pkr: 1e6
        charger_groups:
          - lev
        rule: ceiling
    split: {}
    split_like: none
    density:
      square_km: 3
    corridors:
      every_km: 20
      roads:
        - Grand Trunk Road
      path: area.geojson
      name_column: name
      within_km: 2
    least_kw_per_ev: 1.3
    ev_classes:
      - car
    areas:
      path: area.geojson
      name_column: label
      budgets_pkr:
        north: 1e6
    at_least:
      west:
        sites:
          - s1
          - s3
        stations: 2
    mandates:
      pumps: {column: brand, share: 0.1, by: province, pooled: true, money: owner}
solver:
  name: CBC
  method: milp
  gap: 0
  drives_gap: 0.1
  time_limit_s: 0.5
  threads: 1
  seed: 0
report: {language: ur}
award:
  caps: {each_bidder: {column: bidder, stations: 3}}
  reserve_share: 0.8
  reserve_pkr_kw: 90_000
output:
  runs_dir: results
  cache_dir: kept/parsed
sweep:
  year:
    - 2031
    - 2032
"""

FILES = [
    "roads.osm.bz2",
    "area.geojson",
    "speeds.csv",
    "people.csv",
    "registrations.csv",
    "vehicles.csv",
    "scenarios.csv",
    "sales.csv",
    "profiles.csv",
    "places.geojson",
    "poi.csv",
    "road.csv",
    "fleet.csv",
    "sites.gpkg",
    "chargers.geojson",
    "chargers.csv",
    "grid.csv",
    "rwi.csv",
    "offers.csv",
    "drives.csv",
    "lines.gpkg",
    "feeders.gpkg",
    "parcels.gpkg",
    "military.gpkg",
]


def write_study(folder: Path, text: str) -> Path:
    """Write a configuration beside empty files of the names that `FULL` uses."""
    for name in FILES:
        (folder / name).touch()
    path = folder / "town.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path, *overrides: str, **options: Any) -> list[Fault]:
    """Return the faults of a file, which must have some; the file's folder left out of them."""
    with pytest.raises(ConfigError) as caught:
        load(path, overrides, **options)

    def short(text: str) -> str:
        return text.replace(f"{path.parent}/", "").replace(str(path.parent), "FOLDER")

    return [Fault(short(f.where), short(f.what), short(f.fix), f.ids) for f in caught.value.faults]


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


# ---------------------------------------------------------------- what loads


def test_the_least_configuration_loads_with_the_defaults(tmp_path: Path) -> None:
    path = write_study(tmp_path, MINIMAL)
    config = load(path)
    beside = path.parent.resolve()
    assert config.title == "town"
    assert (config.note, config.year) == ("", 2030)
    assert config.roads.source.licence == "ODbL 1.0"
    assert config.roads.source.attribution == "© OpenStreetMap contributors"
    assert (config.roads.speeds, config.roads.speeds_csv, config.roads.peak) == (None, None, True)
    assert (config.download.timeout_s, config.download.retries) == (180, 3)
    assert config.download.overpass_url == "https://overpass-api.de/api"
    assert config.download.nominatim_url == "https://nominatim.openstreetmap.org/"
    assert config.download.cache_dir == beside / "cache" / "osmnx"
    assert (config.output.runs_dir, config.output.cache_dir) == (beside / "runs", beside / "cache")
    assert config.demand.cells.model_dump() == {"shape": "square", "size_m": 500}
    assert config.demand.vehicle_classes == (
        "two_wheeler",
        "two_wheeler_delivery",
        "three_wheeler",
        "car",
        "van",
        "bus",
        "truck",
    )
    assert (config.demand.city_people, config.demand.fleet_share) == (None, None)
    assert config.demand.figures == {}
    assert config.candidates.sources[0].model_dump() == {"kind": "streets", "spacing_m": 1000}
    assert config.candidates.existing is None
    assert (config.candidates.merge_within_m, config.candidates.max_snap_m) == (60, 250)
    assert (config.offers.configurations, config.offers.sizes) == (None, None)
    configurations, sizes = choices_of(config.offers)
    assert configurations == {}
    assert sizes == {
        "lev_3": (4, 8, 12, 16, 24, 32, 48, 64),
        "ac_22": (2, 4),
        "dc_60": (1, 2, 3, 4),
        "dc_120": (1, 2, 4),
        "dc_180": (1, 2, 4),
    }
    assert (config.offers.headroom_kw, config.offers.utilisation) == (800, 0.15)
    assert config.offers.availability is None
    assert config.offers.subsidy.model_dump() == {
        "charger_share": 0.5,
        "grid_share": 0.8,
        "fee_share": 0.0,
        "civil_share": 0.0,
        "land_share": 0.0,
        "rule": None,
        "flat_pkr": 0.0,
        "gap_cap_share": 0.5,
        "cap_per_station_pkr": None,
        "hurdle": {"sales_share": None, "real_return": None},
        "concessions": None,
    }
    assert config.reach.model_dump() == {
        "cutoff_min": 10,
        "access_kmh": 15,
        "max_snap_m": 600,
        "table_csv": None,
    }
    program = config.program
    assert (program.model, program.budget_pkr, program.min_served_share) == (
        "capacitated",
        120e6,
        0,
    )
    assert (program.objective, program.first_aims, program.then) == ("energy", (), None)
    assert program.limits.model_dump(exclude_defaults=True) == {}
    assert config.offers.service.rule == "waiting"
    assert config.solver.model_dump() == {
        "name": "HiGHS",
        "method": "exact",
        "gap": 0.005,
        "drives_gap": 0.05,
        "time_limit_s": 120,
        "threads": 2,
        "seed": 1,
    }


@pytest.mark.parametrize(
    ("name", "more", "whose"),
    [
        ("town.osm", "", ("ODbL 1.0", "© OpenStreetMap contributors")),
        ("town.osm.pbf", ", licence: ODbL 1.0", ("ODbL 1.0", "© OpenStreetMap contributors")),
        ("town.graphml", "", ("ODbL 1.0", "© OpenStreetMap contributors")),
        ("town.osm", ", attribution: the town", ("", "the town")),
        ("town.osm", ", licence: MIT", ("MIT", "")),
        ("town.parquet", "", ("", "")),
    ],
)
def test_a_road_file_of_openstreetmap_credits_it_unless_told(
    tmp_path: Path, name: str, more: str, whose: tuple[str, str]
) -> None:
    path = write_study(tmp_path, MINIMAL)
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    given["roads"]["source"] = yaml.safe_load(f"{{kind: file, path: {name}{more}}}")
    (path.parent / name).write_text("", encoding="utf-8")
    path.write_text(yaml.safe_dump(given, allow_unicode=True), encoding="utf-8")
    source = load(path).roads.source
    assert (source.licence, source.attribution) == whose


def test_every_key_can_be_set(tmp_path: Path) -> None:
    path = write_study(tmp_path, FULL)
    config = load(path, today=date(2031, 12, 31))
    folder = path.parent.resolve()
    assert config.roads.source.path == folder / "roads.osm.bz2"
    assert config.roads.source.clip == folder / "area.geojson"
    assert config.demand.cells.resolution == 9
    assert config.demand.city_people == 1e6
    assert config.demand.figures["car"].km_day == 35
    assert config.candidates.sources[0].tags["building"] == ("yes",)
    assert config.candidates.sources[2].site_kind == "shop"
    assert config.candidates.existing.path == folder / "chargers.geojson"
    assert config.offers.subsidy.cap_per_station_pkr == 5e6
    assert config.offers.costs.neeca_points == "maximum"
    assert config.output.cache_dir == folder / "kept" / "parsed"
    # nothing was left at its default by a slip in a key's name
    assert _unset(config) == set()


def _unset(section: pydantic.BaseModel) -> set[str]:
    found = {f"{type(section).__name__}.{k}" for k in type(section).model_fields}
    found -= {f"{type(section).__name__}.{k}" for k in section.model_fields_set}
    found -= {f"SitesOsm{k}" for k in ("File.source", "File.licence", "File.attribution")}
    found -= {"Demand.fleet_csv"}  # goes with none of the keys of the fleet model
    found -= {"Demand.like"}  # for a city that is in no table; tests/test_cities.py has it
    found -= {"SitesLayer.id_column"}  # tests/study/test_python.py has it
    found -= {"Demand.table"}  # nor with years and scenarios; tests/study/test_python.py has it
    found -= {"Money.opening_year"}  # nor with years; tests/study/test_money_at_risk.py has it
    found -= {"Subsidy.concessions"}  # nor with years; tests/study/test_money_at_risk.py
    found -= {"Demand.fleets"}  # nor with shares of its classes; tests/demand/test_depots.py has it
    found -= {f"SitesOsmDownload.{k}" for k in ("source", "licence", "attribution")}
    for value in dict(section).values():
        for inner in value if isinstance(value, tuple) else [value]:
            if isinstance(inner, pydantic.BaseModel):
                found |= _unset(inner)
    return found


def test_paths_are_taken_from_the_files_folder_wherever_the_caller_stands(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write_study(tmp_path, FULL)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load(Path("../town.yaml")) == load(path)
    absolute = changed(FULL, "path: people.csv", f"path: {tmp_path / 'people.csv'}")
    path.write_text(absolute, encoding="utf-8")
    assert load(path).demand.people.path == (tmp_path / "people.csv").resolve()


def test_files_need_not_be_there_where_nobody_asks(tmp_path: Path) -> None:
    path = tmp_path / "town.yml"
    path.write_text(FULL, encoding="utf-8")
    config = load(path, check_files=False)
    assert config.demand.people.path == tmp_path.resolve() / "people.csv"


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = write_study(tmp_path, "")
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load(path).name == "town"


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    config = load(write_study(tmp_path, FULL))
    for section, key in ((config, "year"), (config.reach, "cutoff_min"), (config.roads, "source")):
        with pytest.raises(pydantic.ValidationError, match="frozen"):
            setattr(section, key, 1)
    assert isinstance(config.candidates.sources, tuple)
    assert isinstance(config.demand.vehicle_classes, tuple)


def test_limits_shared_with_the_file_reader_are_the_same() -> None:
    from siting import files

    assert files.LAYER_SUFFIXES == LAYER_SUFFIXES
    assert files.PAKISTAN_WSEN == PAKISTAN_WSEN


# ---------------------------------------------------------------- files that cannot be read


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "islamabad.yaml").touch()
    assert faults(tmp_path / "islamabd.yaml") == [
        Fault("islamabd.yaml", "no such file; did you mean islamabad.yaml?")
    ]
    assert faults(tmp_path / "zzz.yaml") == [Fault("zzz.yaml", "no such file")]
    assert "no such folder" in faults(tmp_path / "nowhere" / "x.yaml")[0].what
    (tmp_path / "folder.yaml").mkdir()
    assert faults(tmp_path / "folder.yaml")[0].what.endswith("is a folder, not a file")


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    for name, ending in (("people.csv", ".csv"), ("people", "(none)")):
        (tmp_path / name).write_text(MINIMAL)
        what = f"the ending {ending} is not that of a configuration"
        assert faults(tmp_path / name) == [Fault(name, what, "use .yaml or .yml")]


@pytest.mark.parametrize("text", ["", "  \n", "# nothing yet\n", "---\n", "null\n"])
def test_an_empty_file(tmp_path: Path, text: str) -> None:
    fix = "it needs at least the keys name, roads, demand, candidates, program"
    assert faults(write_study(tmp_path, text)) == [Fault("town.yaml", "is empty", fix)]


@pytest.mark.parametrize(("text", "shown"), [("- name: x", "a list"), ("name", "'name'")])
def test_a_file_without_keys(tmp_path: Path, text: str, shown: str) -> None:
    (fault,) = faults(write_study(tmp_path, text))
    assert fault.where == "town.yaml"
    assert fault.what == f"contains {shown}, not keys and values"


def test_another_encoding(tmp_path: Path) -> None:
    path = write_study(tmp_path, "")
    path.write_bytes("name: town\nnote: café\n".encode("latin-1"))
    assert faults(path) == [
        Fault("town.yaml, line 2", "is not UTF-8 (byte 0xe9)", "save it as UTF-8")
    ]
    path.write_bytes(MINIMAL.encode("utf-16"))
    assert faults(path)[0].what == "is not UTF-8 (byte 0xff)"


def test_a_file_far_too_large(tmp_path: Path) -> None:
    (fault,) = faults(write_study(tmp_path, MINIMAL + "#" * 1_000_000))
    assert "larger than 1,000,000 bytes" in fault.what


def test_broken_yaml_has_line_and_column(tmp_path: Path) -> None:
    (fault,) = faults(write_study(tmp_path, "name: town\nroads: [1\nprogram: 2"))
    assert fault.where == "town.yaml, line 3, column 8"
    assert "expected ',' or ']'" in fault.what


# ---------------------------------------------------------------- overrides


def test_what_may_stand_is_bundles_sizes_or_both_and_the_default_where_neither_is_given(
    tmp_path: Path,
) -> None:
    path = write_study(tmp_path, MINIMAL)
    sizes = ["offers.sizes={lev_3: [4, 8]}"]
    bundles = ["offers.configurations={one: {dc_60: 1}}"]
    assert choices_of(load(path).offers) == ({}, SIZES)
    assert choices_of(load(path, bundles).offers) == ({"one": {"dc_60": 1}}, {})
    assert choices_of(load(path, sizes).offers) == ({}, {"lev_3": (4, 8)})
    both = choices_of(load(path, bundles + sizes).offers)
    assert both == ({"one": {"dc_60": 1}}, {"lev_3": (4, 8)})


def test_overrides_are_read_as_yaml_in_their_order(tmp_path: Path) -> None:
    config = load(
        write_study(tmp_path, FULL),
        [
            "program.budget_pkr=1e9",
            "note=a = b",
            "candidates.sources.3.spacing_m=999",
            "candidates.sources.2={kind: streets}",
            "candidates.existing=null",
            "offers.configurations={one: {dc_60: 1}}",
            "offers.configurations.two.dc_60=2",
            "demand.cells={size_m: 250}",
            "reach.cutoff_min=5",
            " reach.cutoff_min =6",
            "demand.people.path=grid.csv",
        ],
    )
    assert config.program.budget_pkr == 1e9
    assert config.note == "a = b"
    assert config.candidates.sources[3].spacing_m == 999
    assert config.candidates.sources[2].kind == "streets"
    assert config.candidates.existing is None
    assert config.offers.configurations == {"one": {"dc_60": 1}, "two": {"dc_60": 2}}
    assert config.demand.cells.model_dump() == {"shape": "square", "size_m": 250}
    assert config.reach.cutoff_min == 6
    assert config.demand.people.path.name == "grid.csv"


def test_overrides_make_the_sections_they_need(tmp_path: Path) -> None:
    config = load(
        write_study(tmp_path, MINIMAL + "solver: {}\n"),
        [
            "solver.gap=0.1",
            "offers.subsidy.charger_share=1",
            "demand.cells.size_m=100",
            "demand.figures.car.km_day=40",
            "candidates.existing.path=chargers.geojson",
        ],
    )
    assert config.solver.gap == 0.1
    assert config.offers.subsidy.charger_share == 1
    assert config.offers.subsidy.grid_share == 0.8
    assert config.demand.cells.model_dump() == {"shape": "square", "size_m": 100}
    assert config.demand.figures["car"].km_day == 40
    assert config.candidates.existing is not None


@pytest.mark.parametrize(
    ("override", "where", "what", "fix"),
    [
        ("reach", "override reach", "is not KEY=VALUE", "e.g. reach.cutoff_min=8"),
        ("=5", "override =5", "is not KEY=VALUE", ""),
        ("reach..cutoff_min=5", "override reach..cutoff_min=5", "is not KEY=VALUE", ""),
        ("reach.cutoff_min=0", "override reach.cutoff_min", "0 is not greater than 0", ""),
        ("reach.cutoff=8", "override reach.cutoff", "unknown key; did you mean cutoff_min?", ""),
        ("reech.cutoff_min=8", "override reech.cutoff_min, key reech", "did you mean reach?", ""),
        ("name.x=8", "override name.x", "name is 'town', which has no key 'x'", ""),
        ("reach=7", "override reach", "7 is not a section of keys and values", ""),
        ("reach={cutoff_min: 0}", "override reach, key reach.cutoff_min", "0 is not greater", ""),
        ("reach={cutoff_min: 1, cutoff_min: 2}", "override reach", "this key is already on", ""),
        ("reach.cutoff_min=[1", "override reach.cutoff_min", "the value is not valid YAML", ""),
        ("reach.cutoff_min=", "override reach.cutoff_min", "no value", "default, 10"),
        ("reach.cutoff_min='5'", "override reach.cutoff_min", "'5' is text", "write 5"),
        (
            "candidates.sources.1.spacing_m=100",
            "override candidates.sources.1.spacing_m",
            "candidates.sources has 1 item, counted from 0; '1' is not a position",
            "",
        ),
        ("candidates.sources.x=1", "override candidates.sources.x", "'x' is not a position", ""),
        ("candidates.sources.-1=1", "override candidates.sources.-1", "'-1' is not a position", ""),
        ("candidates.sources=[]", "override candidates.sources", "is empty; at least one", ""),
        (
            "candidates.existing.source=me",
            "override candidates.existing.source, key candidates.existing.path",
            "missing (layer file with one row per station)",
            "",
        ),
        ("roads.source.kind=file", "override roads.source.kind", "", ""),
    ],
)
def test_a_bad_override_is_told_as_such(
    tmp_path: Path, override: str, where: str, what: str, fix: str
) -> None:
    found = faults(write_study(tmp_path, MINIMAL), override)
    if override == "roads.source.kind=file":  # the keys of the other kind are left in the file
        assert [(f.where, f.what) for f in found] == [
            ("town.yaml, line 3, key roads.source.path", found[0].what),
            ("town.yaml, line 5, key roads.source.query", "unknown key"),
        ]
        assert found[0].what.startswith("missing (OSM file")
        return
    assert [fault.where for fault in found] == [where]
    assert what in found[0].what
    assert fix in found[0].fix


def test_an_override_mends_a_fault_of_the_file(tmp_path: Path) -> None:
    path = write_study(tmp_path, changed(FULL, "cutoff_min: 7.5", "cutoff_min: 0"))
    assert load(path, ["reach.cutoff_min=5"]).reach.cutoff_min == 5
    assert load(path, ["reach={}"]).reach.cutoff_min == 10


def test_loading_leaves_the_folder_as_it_was(
    tmp_path: Path,
) -> None:
    path = write_study(tmp_path, FULL)
    before = sorted(tmp_path.rglob("*"))
    load(path)
    assert sorted(tmp_path.rglob("*")) == before
    shutil.rmtree(tmp_path)
    assert faults(path)[0].what.startswith("no such file")


def test_python_callers_meet_the_same_checks() -> None:
    with pytest.raises(pydantic.ValidationError, match="swapped"):
        Config.model_validate(
            {
                "roads": {
                    "source": {
                        "kind": "bbox",
                        "west_deg": 33,
                        "south_deg": 72,
                        "east_deg": 34,
                        "north_deg": 73,
                    }
                }
            }
        )


@pytest.mark.parametrize(("before", "now"), [("true", "minimum"), ("false", "none")])
def test_a_parking_rule_of_before_is_read_as_it_was(tmp_path: Path, before: str, now: str) -> None:
    text = changed(FULL, "neeca_points: maximum", f"neeca_points: {before}")
    assert load(write_study(tmp_path, text)).offers.costs.neeca_points == now
