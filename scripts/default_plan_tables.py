"""Print the tables of docs/default-plan.md: the default question for five places and three costs.

The costs are central, prudent, or central with the oil companies' council's price for every DC
charger.

    uv run python scripts/default_plan_tables.py > tables.md

The embedded city is always planned. Real places are planned only if SITING_TEST_DATA (by default
the folder ``shared`` beside the project) has their data. Runs are stored under ``--out``, and
stored runs are not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import siting
from benchmarks.measure import same_offers
from siting import reference
from siting.errors import SitingError

ROOT = Path(__file__).resolve().parents[1]
SHARED = "../../shared"
PLACES = {
    "islamabad": "Embedded city (schematic)",
    "real-karachi-landhi": "Landhi",
    "real-karachi-saddar": "Saddar",
    "real-lahore-central": "Central Lahore",
    "real-islamabad-sectors": "Islamabad F/G 7-10",
}
COUNCIL = "council"
PRESETS = ("central", "prudent", COUNCIL)
SETS = same_offers()
SLOW = "scenario slow"
MOST_BREAK_EVENS = 4
# Charger groups of two- and three-wheelers.
LIGHT = ("lev", "lev_dc", "swap_2w", "swap_3w")
# Reference figures for a plan, with source and mark of confidence.
BESIDE = {
    "places": "policy: 32 (3,000 stations in 2030, APP 30 Nov 2025 [H], over 93.8 m urban people); "
    "NEECA: 0.8 (71-72 licences, autumn 2025 [M])",
    "dc_places": "policy: 32, of fast chargers",
    "light_points": "PM E-DRIVE: 93 (48,400 points over about 520 m urban people [H, computed])",
    "money_port": "PM E-DRIVE: 0.38 (INR 1.2 lakh a 12 kW point for two- and three-wheelers [H])",
    "light_share": "PM E-DRIVE: 29 % (Business Standard, 5 Jan 2025 [M])",
    "kwh_station": "Pakistan 2024: 32; India FY25: 88 [M]",
    "fees": "NEECA: 50,000 to apply, then 35,000 to 80,000 a year by level [H]",
    "ports": "NEECA's parking rule: 1 point for 5-50 bays, 3 for 100-150 [H]",
}
BESIDE_NAMES = {
    "places": "places with a station, per million people",
    "dc_places": "places with fast chargers, per million people",
    "light_points": "points for two- and three-wheelers, per million people",
    "money_port": "public money a new port, PKR m",
    "light_share": "public money of stations without AC or DC",
    "kwh_station": "sold a day at a new station, kWh",
    "fees": "fees a new station, first year, PKR",
    "ports": "ports a new station",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Plan each place, and print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "default-plan")
    parser.add_argument("--places", nargs="+", choices=PLACES, default=list(PLACES))
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--seconds", type=int, help="limit of each search; none: as configured")
    asked = parser.parse_args(arguments)
    sized: dict[tuple[str, str], Path] = {}
    bundled: dict[tuple[str, str], Path] = {}
    for place in asked.places:
        for preset in asked.presets:
            changes = costs_of(preset, asked.out)
            if asked.seconds:
                changes.append(f"solver.time_limit_s={asked.seconds}")
            choices = [(sized, "sizes", []), (bundled, "sets", [SETS])]
            for runs, name, more in choices[: 1 if preset == COUNCIL else 2]:
                folder = asked.out / f"{place}-{preset}-{name}"
                try:
                    config = configuration(place, asked.out)
                    if not (folder / "run.json").is_file():
                        siting.run(config, [*changes, *more], out=folder)
                    runs[place, preset] = folder
                except (OSError, SitingError) as err:
                    sys.stderr.write(f"{PLACES[place]}, {preset}: left out: {err}\n")
    print("## Central and prudent costs\n")
    _print(plan_row(*key, folder) for key, folder in sized.items())
    print("\n## What decides each plan\n")
    for (place, preset), folder in sized.items():
        for one in facts(folder)["break_evens"][:MOST_BREAK_EVENS]:
            print(f"- {PLACES[place]}, {preset}: {one['text']}")
    print("\n## Six sets of chargers against sizes, same money\n")
    _print(
        set_row(*key, name, runs[key])
        for key in sized
        for name, runs in (("six sets", bundled), ("sizes", sized))
        if key in runs
    )
    print("\n## Beside the policy, PM E-DRIVE and NEECA\n")
    columns = {f"{PLACES[p]}, {preset}": beside(folder) for (p, preset), folder in sized.items()}
    _print(
        {
            "": BESIDE_NAMES[figure],
            **{n: told[figure] for n, told in columns.items()},
            "reference": of,
        }
        for figure, of in BESIDE.items()
    )


def costs_of(preset: str, out: Path) -> list[str]:
    """Return the overrides for a preset of costs, or for the council's price of a DC charger."""
    if preset != COUNCIL:
        return [f"offers.costs.preset={preset}"]
    dear = reference.table("chargers").astype({"capex_pkr": float})
    price = reference.table("works").set_index("item").loc["council_charger"]
    prices = ["capex_low_pkr", "capex_pkr", "capex_high_pkr"]
    of_dc = dear["charger_group"] == "dc"
    dear.loc[of_dc, prices] = price[["low", "value", "high"]].to_list()
    path = (out / "configs" / "council.csv").resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    dear.to_csv(path, index=False)
    return [f"offers.chargers_csv={path.as_posix()}"]


def configuration(place: str, out: Path) -> Path:
    """Return the configuration file of a place, with data from SITING_TEST_DATA."""
    given = ROOT / "configs" / f"{place}.yaml"
    data = os.environ.get("SITING_TEST_DATA")
    if data is None or SHARED not in given.read_text(encoding="utf-8"):
        return given
    text = given.read_text(encoding="utf-8").replace(SHARED, Path(data).resolve().as_posix())
    path = out / "configs" / given.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(" ../", f" {ROOT.as_posix()}/"), encoding="utf-8")
    return path


def facts(folder: Path) -> dict[str, Any]:
    """Return the content of run.json in a run folder."""
    read: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return read


def plan_row(place: str, preset: str, folder: Path) -> dict[str, str]:
    """Return the table row of a plan."""
    run = facts(folder)
    risk = next((row for row in run["what_if"] if row["key"] == SLOW), {"why_not": "not asked"})
    at_risk = risk["why_not"]
    if not at_risk:
        money = risk["money"]
        at_risk = f"{_millions(money['subsidy_below_npv_0_pkr'])} in {money['below_npv_0']}"
        at_risk += f" of {money['stations']}"
    waits = next((row for row in run["what_if"] if row["key"] == "waits"), {"why_not": "not asked"})
    without = waits["why_not"]
    if not without:
        without = f"{waits['served_share']:.0%}; {_millions(waits['public_money_pkr'])}"
    day = run["day"]
    ports = ", ".join(f"{n:,} {group}" for group, n in run["places"]["new_ports"].items())
    return {
        "place": PLACES[place],
        "costs": preset,
        "new stations / places": f"{run['new_stations']} / {run['places']['new_places']}",
        "new ports": ports or "none",
        "energy served": f"{_energy(run)} ({run['served_share']:.0%})",
        "drivers served on the day": day["why_not"] or f"{day['free']['served_share']:.1%}",
        "by waits alone: served; public money, PKR m": without,
        "public money, PKR m": f"{_millions(run['subsidy_pkr'])} of {_millions(run['budget_pkr'])}",
        "need none": f"{run['public_money']['stations_without_need']} of {run['new_stations']}",
        "PKR m in stations that fail under slow": at_risk,
        "gaps: energy; cost to all": "; ".join(_gap(one["gap"]) for one in run["proofs"]),
        "seconds": f"{run['seconds']['solve']:.0f}",
    }


def set_row(place: str, preset: str, name: str, folder: Path) -> dict[str, str]:
    """Return the table row of a set of chargers at a place."""
    run = facts(folder)
    return {
        "place": PLACES[place],
        "costs": preset,
        "chargers": name,
        "new stations": f"{run['new_stations']}",
        "energy served": _energy(run),
        "gap": _gap(run["proofs"][0]["gap"]),
        "public money, PKR m": _millions(run["subsidy_pkr"]),
        "total cost, PKR m": _millions(run["cost_pkr"]),
        "seconds": f"{run['seconds']['solve']:.0f}",
    }


def beside(folder: Path) -> dict[str, str]:
    """Return those figures of a plan for which `BESIDE` has references."""
    run = facts(folder)
    sites = pd.read_csv(folder / "sites.csv")
    offers = pd.read_csv(folder / "offers.csv").set_index("offer_id")
    new = sites[~sites["existing"].astype(bool)]
    built = offers.loc[new["offer_id"]]
    millions = run["demand"]["people"] / 1e6
    ports = run["places"]["new_ports"]
    light = new["chargers"].str.contains("lev|swap") & ~new["chargers"].str.contains("ac_|dc_")
    money, count = float(new["subsidy_pkr"].sum()), max(len(new), 1)
    fees = float(built[["fee_cost_pkr", "annual_fee_pkr"]].sum().sum())
    return {
        "places": f"{run['places']['places'] / millions:,.0f}",
        "dc_places": f"{run['places']['dc_places'] / millions:,.0f}",
        "light_points": f"{sum(ports.get(group, 0) for group in LIGHT) / millions:,.0f}",
        "money_port": f"{money / max(sum(ports.values()), 1) / 1e6:.3f}",
        "light_share": f"{new.loc[light, 'subsidy_pkr'].sum() / money:.0%}"
        if money
        else "no money",
        "kwh_station": f"{new['served_kwh_day'].sum() / count:,.0f}",
        "fees": f"{fees / count:,.0f}",
        "ports": f"{sum(ports.values()) / count:,.1f}",
    }


def _energy(run: dict[str, Any]) -> str:
    served = sum(row["served_kwh_day"] for row in run["classes"])
    wanted = sum(row["demand_kwh_day"] for row in run["classes"])
    return f"{served:,.0f} of {wanted:,.0f} kWh/day"


def _gap(gap: float | None) -> str:
    return "not proven" if gap is None or gap >= 1 else f"{gap:.1%}"


def _millions(pkr: float) -> str:
    return f"{pkr / 1e6:,.1f}"


def _print(rows: Iterable[dict[str, str]]) -> None:
    table = list(rows)
    if not table:
        print("none")
        return
    print("| " + " | ".join(table[0]) + " |")
    print("|" + "---|" * len(table[0]))
    for row in table:
        print("| " + " | ".join(row.values()) + " |")


if __name__ == "__main__":
    main()
