"""A town small enough to solve by hand, written as the files a user would have.

One street of 4.6 km runs from west to east. Eight people live at its west end, four at its east
end, each with one electric two-wheeler that wants 1 kWh/day in public. A pump stands near either
end; the other end is too far. The only configuration is one hub: it costs 1,000 rupees, all of it
subsidy, and delivers 10 kWh/day.

    8 people                                        4 people
    o--P--------------o--------------o--------------P--o
    West pump                                   East pump
"""

from pathlib import Path
from typing import Any

import yaml

LONS = [73.00, 73.005, 73.02, 73.035, 73.045, 73.05]
LAT = 33.6

CONFIG = """\
name: town
title: A town by hand
year: 2030
roads:
  source: {kind: file, path: roads.osm, licence: CC0, attribution: nobody}
  speeds: other
demand:
  city: islamabad
  city_people: 12
  people: {kind: points, path: people.csv, source: by hand, licence: CC0}
  cells: {shape: square, size_m: 250}
  vehicle_classes: [two_wheeler]
  fleet_csv: fleet.csv
  fleet_share: {two_wheeler: 1}
  figures:
    two_wheeler: {km_day: 1, kwh_km: 1, public_share: 1}
candidates:
  sources:
    - {kind: layer, path: sites.csv, name_column: name, site_kind: fuel, source: by hand}
offers:
  configurations:
    hub: {socket: 1}
  chargers_csv: chargers.csv
  utilisation: 1.0
  availability: 1.0
  service: {rule: rated_share}  # a hub's output, as the town is worked out by hand
  subsidy: {rule: share, charger_share: 1.0, grid_share: 0.0, fee_share: 0.0}
reach: {cutoff_min: 5}
program: {budget_pkr: 5_000}
solver: {gap: 0.0, time_limit_s: 20}
output: {runs_dir: runs, cache_dir: cache}
money: {prices_pkr_kwh: {lev: 120, ac: 120, dc: 120}, discount_rate: 0.15, income_tax: 0,
        sales_tax: 0, fixed_pkr_kw_month: 0, attendants_other: 0}
"""


def write_town(folder: Path) -> Path:
    """Write the town's files and return its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "roads.osm").write_text(street(), encoding="utf-8")
    (folder / "people.csv").write_text(
        f"lon,lat,people\n{LONS[0]},{LAT},8\n{LONS[-1]},{LAT},4\n", encoding="utf-8"
    )
    (folder / "sites.csv").write_text(
        f"lon,lat,name\n{LONS[1]},{LAT},West pump\n{LONS[-2]},{LAT},East pump\n", encoding="utf-8"
    )
    (folder / "sites_far.csv").write_text(
        f"lon,lat,name\n{LONS[2]},{LAT},Middle pump\n", encoding="utf-8"
    )
    (folder / "fleet.csv").write_text(
        "year,vehicle_class,vehicles,low,high,source,confidence\n"
        "2030,two_wheeler,12,12,12,by hand,ASSUMPTION\n",
        encoding="utf-8",
    )
    (folder / "chargers.csv").write_text(
        "charger_id,charger_group,power_kw,ports,capex_pkr,capex_low_pkr,capex_high_pkr,life_years,"
        "battery_kwh,battery_pkr_kwh,battery_life_years,source,confidence\n"
        f"socket,lev,{10 / 24!r},1,1000,1000,1000,12,0,0,,by hand,ASSUMPTION\n",
        encoding="utf-8",
    )
    path = folder / "town.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def change(path: Path, **sections: Any) -> Path:
    """Change keys of a configuration's sections, or a section that is no mapping; return its path.

    A key that is None is taken out.
    """
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, keys in sections.items():
        if isinstance(keys, dict):
            whole = config.get(name, {}) | keys
            config[name] = {key: value for key, value in whole.items() if value is not None}
        else:
            config[name] = keys
    path.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def write_nation_of(folder, *, budget=3_000, more="", second="", north=0.1):
    """Write a nation of two towns, eight and four people at either end of each.

    A hub costs 1,000 rupees and delivers 10 kWh/day: in the first town the hubs serve 8 and 4
    kWh/day; in the second each person wants half as much, 4 and 2.
    """
    write_town(folder / "a")
    write_town(folder / "b")
    for name in ("roads.osm", "people.csv", "sites.csv"):  # another place of the country
        path = folder / "b" / name
        path.write_text(path.read_text().replace("33.6", f"{33.6 + north:.1f}"), encoding="utf-8")
    text = CONFIG.replace("name: town", "name: half").replace("km_day: 1,", "km_day: 0.5,")
    (folder / "b" / "town.yaml").write_text(text, encoding="utf-8")
    path = folder / "nation.yaml"
    path.write_text(
        f"name: two\nbudget_pkr: {budget}\ncities:\n  - a/town.yaml\n"
        f"  - {{config: b/town.yaml{second}}}\nsolver: {{gap: 0, time_limit_s: 5}}\n"
        f"output: {{runs_dir: runs}}\n{more}",
        encoding="utf-8",
    )
    return path


def write_nation_by_year(folder, budgets, *, carry_over=False, second="", more=""):
    """Write the same nation with money by year; half as many want to charge before 2030."""
    path = write_nation_of(folder, second=second, more=more)
    for one in ("a", "b"):
        with (folder / one / "fleet.csv").open("a", encoding="utf-8") as fleet:
            fleet.write("2029,two_wheeler,6,6,6,by hand,ASSUMPTION\n")
    years = {"budgets_pkr": budgets, "carry_over": carry_over, "discount_rate": 0.0}
    text = path.read_text(encoding="utf-8")
    text = text.replace("budget_pkr: 3000\n", yaml.safe_dump({"years": years}, sort_keys=False))
    path.write_text(text, encoding="utf-8")
    return path


def write_place(folder: Path, url: str) -> Path:
    """Return a configuration whose streets and sites come from servers at an address."""
    sections = yaml.safe_load(CONFIG)
    sections["roads"] = {"source": {"kind": "place", "query": "Small Town, Pakistan"}}
    sections["download"] = {
        "overpass_url": f"{url}/api",
        "nominatim_url": f"{url}/",
        "timeout_s": 5,
        "retries": 0,
        "cache_dir": "osm",
    }
    sections["demand"] = {
        "city": "islamabad",
        "people": {"kind": "streets", "total": 3_000, "basis": "by hand"},
        "cells": {"shape": "square", "size_m": 250},
    }
    sections["candidates"] = {"sources": [{"kind": "osm_download", "tags": {"amenity": ["fuel"]}}]}
    # Few people live here: what is built has to be paid for, whether it pays or not.
    sections["offers"] = {"subsidy": {"rule": "share"}}
    sections["program"]["budget_pkr"] = 50_000_000
    path = folder / "place.yaml"
    path.write_text(yaml.safe_dump(sections, sort_keys=False))
    return path


def street() -> str:
    """Return the street as OSM XML, one way a stretch."""
    nodes = [f'<node id="{i}" lat="{LAT}" lon="{lon}"/>' for i, lon in enumerate(LONS, 1)]
    # A side street at each junction keeps the junctions when the graph is simplified.
    nodes += [
        f'<node id="{i + 100}" lat="{LAT + 0.001}" lon="{lon}"/>' for i, lon in enumerate(LONS, 1)
    ]
    ways = [
        f'<way id="{i}"><nd ref="{i}"/><nd ref="{i + 1}"/><tag k="highway" v="residential"/></way>'
        for i in range(1, len(LONS))
    ]
    ways += [
        f'<way id="{i + 100}"><nd ref="{i}"/><nd ref="{i + 100}"/>'
        '<tag k="highway" v="residential"/></way>'
        for i in range(1, len(LONS) + 1)
    ]
    body = "\n".join([*nodes, *ways])
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n{body}\n</osm>\n'
