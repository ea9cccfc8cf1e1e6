"""How a plan performs on a simulated day, and under other capacities or demands.

The plan's stations are fixed. For other capacities or demands, only the assignment of demand to
stations is solved again (`siting.study.revalue`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting import demand as people_to_energy
from siting import roads, simulation, sites
from siting.config import Config, with_keys
from siting.errors import SitingError
from siting.outcome import Line, Outcome
from siting.plan import Plan
from siting.roads import Network
from siting.study.binds import GROUPS, place_of
from siting.study.program_inputs import Asked
from siting.study.queues import Waiting, simulated
from siting.study.recounted import NONE, business_of
from siting.study.revalue import by_class, least_money_of, service_of
from siting.study.spare import NOT_IN_TIME
from siting.study.stages import Context, Layer, Table, stage
from siting.texts import counted

DAY_MIN = 24 * 60.0
# One day after a warm-up of 6 h. At a demand of 20 MWh/day, its simulation takes 1 to 2 seconds.
DAY = simulation.Rules(days=1, seed=1, warm_up_h=6.0)
MOST_DRIVERS = 60_000  # more drivers take 10 s or longer, and only `siting simulate` simulates them
SURE = 1.645  # standard errors by which the late share may exceed the standard by chance
DRAWS, SEED = 1000, 1
SLOW_AT = people_to_energy.PACES["slow"]
# Rules for the capacity of chargers, each with a text for the headline and a text for the report.
WAITING, RATED, WAITS = "waiting", "rated_share", "waits"
CAPACITIES = {
    WAITING: ("Capacity by waits and port use", "capacity by waits and port use (waiting)"),
    RATED: ("Capacity by rated kW", "capacity as a share of rated kW (rated_share)"),
    WAITS: ("Capacity by waits alone", "capacity by waits alone, with no limit on port use"),
}
MOST_LOTS = 8  # maximum number of concessions in the headline; ``concessions.csv`` lists all
APART = 0.05  # the headline reports a larger difference in served share between day and plan
WHAT_IF_SHARE = 0.5  # share of the spare time for other capacities and demands
# Bands of driving time to the nearest station end at these minutes and at the study's cutoff.
BANDS_MIN = (5.0, 10.0, 15.0)


@stage(
    "offers: service chargers_csv",
    "demand.vehicle_classes",
    also=("sessions", "compatibility"),
    told="day",
    found=lambda day: day["why_not"] or f"{day['free']['drivers_day']:,.0f} drivers",
)
def day(study: Any, plan: Plan, demand: Table, reach: Table) -> dict[str, Any]:
    """The shares of drivers on a simulated day, as ``planned`` and with ``free`` choice of station.

    ``served_share`` and ``out_of_reach_share`` are shares of all drivers. ``turned_away_share`` and
    ``late_share`` (turned away, or waiting more than ``wait_min``) are shares of the drivers with a
    station in reach. ``peak_late_share`` is ``late_share`` in the busiest hour. ``exceeds`` is true
    if ``peak_late_share`` is above the standard by more than chance explains. ``use`` has, for each
    charger group, the share of the day that ports are in use, and the number of places where this
    share is above the limit. ``why_not`` is the reason if no day was simulated.
    """
    waiting = Waiting.of(study)
    standard, rules = waiting.standard, DAY
    known: dict[str, Any] = {"why_not": "", **vars(rules)}
    known |= {"wait_min": standard.wait_min, "alpha": standard.alpha}
    wanted = demand.rename(columns={"demand_kwh_day": "kwh_day"})
    drivers = float(simulation.sessions_per_day(wanted, waiting.sessions).sum())
    if plan.sites.empty:
        return known | {"why_not": "the plan has no station"}
    if drivers > MOST_DRIVERS:
        what = f"{drivers:,.0f} drivers a day take more than a few seconds to simulate"
        return known | {"why_not": f"{what}; use siting simulate RUN"}
    days_by_case = simulated(plan, waiting, demand, reach, rules)
    limits = sites.time_utilisation(standard.time_utilisation) if standard.rule == WAITING else {}
    known |= {case: _shares(days, standard.alpha) for case, days in days_by_case.items()}
    return known | {"use": _use(plan, days_by_case, limits)}


def _use(
    plan: Plan, days_by_case: Mapping[str, simulation.Days], limits: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return one record per charger group, with the share of the day that ports are in use."""
    xy_m = plan.sites.geometry.get_coordinates().to_numpy()
    place = dict(zip(plan.sites["site_id"].astype(str), place_of(xy_m), strict=True))
    queues = next(iter(days_by_case.values())).queues.table
    used = queues[["charger_group", "ports"]].assign(place=queues["site_id"].astype(str).map(place))
    for case, days in days_by_case.items():
        used[case] = sum(day.by_queue["busy_min"].to_numpy() for day in days.days) / len(days.days)
    rows = []
    for group, mine in used.groupby("charger_group", sort=True):
        by_place = mine.drop(columns="charger_group").groupby("place").sum()
        minutes, limit = by_place["ports"] * DAY_MIN, limits.get(str(group))
        over = by_place["free"] > minutes * (1.0 if limit is None else limit)
        rows.append(
            {
                "charger_group": str(group),
                "name": GROUPS.get(str(group), str(group)),
                "ports": int(by_place["ports"].sum()),
                "limit_share": limit,
                **{f"{c}_share": float(by_place[c].sum() / minutes.sum()) for c in days_by_case},
                "places": len(by_place),
                "places_over": int(over.sum()),
            }
        )
    return rows


@stage(
    "reach: cutoff_min access_kmh table_csv",
    told="isochrones",
    found=lambda bands: f"{len(bands)} bands of driving time to the nearest station",
)
def isochrones(
    config: Config, network: Network, cells: Layer, demand: Table, candidates: Layer, plan: Plan
) -> Layer:
    """Areas by driving time to the nearest station, each with its population and demand.

    Columns: ``over_min``, ``within_min`` (minutes), ``people``, ``people_share`` (of all people),
    ``demand_kwh_day`` and ``geometry`` (metres). Empty if there are no stations, or if the user
    supplies the drive times.
    """
    limits = sorted({*BANDS_MIN, config.reach.cutoff_min})
    standing = candidates[candidates["site_id"].isin(plan.sites["site_id"])]
    if config.reach.table_csv is not None:
        standing = standing.iloc[:0]
    kmh = config.reach.access_kmh
    minutes = roads.minutes_to_nearest(network, standing, limits[-1], kmh)
    ground = roads.isochrones(network, minutes, limits)
    # Drive times start at the centre of each cell, as in the `reach` stage.
    node = cells["node_id"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    home_min = minutes.reindex(node).to_numpy() + cells["snap_m"].to_numpy() / 1000 / kmh * 60
    wanted = demand.groupby("cell_id")["demand_kwh_day"].sum()
    told = pd.DataFrame(
        {
            "within_min": np.array([*limits, np.nan])[np.searchsorted(limits, home_min)],
            "people": cells["people"].to_numpy(dtype=float),
            "demand_kwh_day": wanted.reindex(cells["cell_id"]).fillna(0.0).to_numpy(),
        }
    )
    sums = told.groupby("within_min")[["people", "demand_kwh_day"]].sum()
    sums = sums.reindex(ground["within_min"]).fillna(0.0).reset_index(drop=True)
    sums.insert(1, "people_share", sums["people"] / max(float(told["people"].sum()), 1e-9))
    table = ground[["over_min", "within_min"]].join(sums)
    return gpd.GeoDataFrame(table, geometry=ground.geometry, crs=ground.crs)


def _shares(days: simulation.Days, alpha: float) -> dict[str, Any]:
    """Return the shares of simulated drivers who are served, turned away, late or out of reach."""
    table = simulation.class_table(days).set_index("vehicle_class")
    row = table.loc["all"].astype(float).fillna(0.0).to_dict()
    asked = row["arrivals_day"] + row["out_of_reach_day"]
    late = float(np.nan_to_num(simulation.peak_late(days)[0]))
    peak = float(simulation.hour_table(days)["arrivals_day"].max()) * len(days.days)
    chance = SURE * math.sqrt(alpha * (1 - alpha) / peak) if peak > 0 else math.inf
    away = row["out_of_reach_day"] / asked if asked else 0.0
    turned = row["turned_away_share"]
    return {
        "drivers_day": asked,
        "served_share": (1.0 - away) * (1.0 - turned) if asked else 0.0,
        "out_of_reach_share": away,
        "turned_away_share": turned,
        "late_share": row["late_share"],
        "peak_late_share": late,
        "wait_mean_min": row["wait_mean_min"],
        "delivered_kwh_day": row["delivered_kwh_day"],
        "exceeds": late > alpha + chance,
    }


@stage(
    "offers: service.rule utilisation subsidy",
    "program.model",
    "demand: scenario case fleet_csv scenarios_csv table",
    "solver.time_limit_s",
    also=("business_rules", "compatibility", "concessions"),
    told="what if",
    found=lambda rows: _found(rows),
)
def what_if(context: Context, study: Any, asked: Asked, outcome: Outcome) -> list[dict[str, Any]]:
    """What the plan's stations serve and earn under other capacities or demand, as records.

    The first record is for the plan as it is. Keys: ``what`` (``plan``, ``capacity`` or
    ``demand``), ``key`` (``plan``, a key of `CAPACITIES`, or a demand such as ``case low``),
    ``text``, ``why_not`` (the reason if there is no result; the record then has no further keys),
    ``demand_kwh_day``, ``served_kwh_day``, ``served_share``, ``classes`` (the share served, by
    class) and ``money`` (`at_risk`). If the record of `WAITS` was computed, that record and the
    first record also have ``public_money_pkr`` (`siting.study.revalue.least_money_of`).
    """
    config: Config = study.config
    paid = outcome.drawn
    own = revalued(paid, asked, study.concessions, outcome.service)
    rows = [dict[str, Any](what="plan", key="plan", text="as in the plan", why_not="", **own)]
    others: list[tuple[str, str, str, Any]] = []
    for name, keys in _other_capacities(config).items():
        other = study.with_stages({}, with_keys(config, keys))
        other.progress = None  # this stage reports the progress instead
        others.append(("capacity", name, CAPACITIES[name][1], other))
    for key, value in _other_demands(config):
        name, other = f"{key} {value}", study.in_other(**{key: value})
        others.append(("demand", name, f"demand: {name}", other))
    # `WAITS` is last, because the money at risk under other demand matters more if time is short.
    others.sort(key=lambda other: other[1] == WAITS)
    count = context.count("capacities and demands")
    with study.spare.clock("what if", WHAT_IF_SHARE) as clock:
        for done, (what, key, text, other) in enumerate(others, 1):
            row = dict[str, Any](what=what, key=key, text=text, why_not=NOT_IN_TIME)
            # The other study may need files that the plan did not need.
            try:
                if clock.more():
                    if what == "demand":
                        made = _in_demand(asked, other)
                    else:
                        made = replace(asked, offers=other.offers, rules=other.business_rules)
                    found = revalued(paid, made, study.concessions)
                    if key == WAITS:
                        for one, of in ((rows[0], asked), (found, other.asked)):
                            one["public_money_pkr"] = least_money_of(of, list(paid))
                    row |= {"why_not": "", **found}
            except SitingError as err:
                row["why_not"] = "; ".join(map(str, err.faults))
            rows.append(row)
            count(done, len(others))
    return rows


def _found(rows: list[dict[str, Any]]) -> str:
    """State the number of other capacities and demands, and how many were not computed in time."""
    late = sum(row["why_not"] == NOT_IN_TIME for row in rows)
    text = f"{len(rows) - 1} other capacities and demands"  # the first record is the plan as it is
    return text + (f", {late} of them {NOT_IN_TIME}" if late else "")


def _other_capacities(config: Config) -> dict[str, dict[str, Any]]:
    """Return the configuration keys to change for other capacities, by key of `CAPACITIES`."""
    if config.program.model == "coverage":
        return {}
    if config.offers.service.rule == RATED:
        return {WAITING: {"offers.service.rule": WAITING}}
    return {
        RATED: {"offers.service.rule": RATED},
        WAITS: {"offers.service.time_utilisation": dict.fromkeys(sites.time_utilisation(), 1.0)},
    }


def _other_demands(config: Config) -> list[tuple[str, str]]:
    """Return the other demands as pairs such as ``("case", "low")``, slow sales before fast."""
    asked = config.demand
    if asked.table is not None:
        return []
    changes = [("case", case) for case in ("low", "high") if case != asked.case]
    if asked.fleet_csv is None:
        there = people_to_energy.scenario_names(asked.scenarios_csv)
        names = [name for name in ("slow", "fast") if name in there and name != asked.scenario]
        changes[1:1] = [("scenario", name) for name in names]
    return changes


def _in_demand(asked: Asked, other: Any) -> Asked:
    """Return the inputs of a program with the demand and the sales path of another study."""
    return replace(asked, own={None: other.demand}, rules=other.business_rules)


def revalued(
    paid: Mapping[str, float],
    asked: Asked,
    concessions: Mapping[str, str],
    service: Table | None = None,
) -> dict[str, Any]:
    """Return what a plan serves and earns under other inputs, as in the records of `what_if`.

    `paid` has the public money of the plan's offers (PKR). If `service` is None, the stations serve
    as much energy as they can, whatever they earn.
    """
    service = service_of(asked, list(paid)) if service is None else service
    case = business_of(asked, asked.offers, pd.Series(paid, dtype=float), service)
    served = by_class(asked.last_demand, service)
    totals = {str(name): float(value) for name, value in served.iloc[-1, 1:].items()}
    share = served.set_index("vehicle_class")["served_share"].astype(float)
    return {**totals, "classes": share.drop("all").to_dict(), "money": at_risk(case, concessions)}


def at_risk(case: pd.DataFrame, concessions: Mapping[str, str]) -> dict[str, Any]:
    """Return how many new stations lose cash, or have a negative NPV even with the subsidy.

    The payments to stations with a negative NPV are at risk. The NPV is tested for all stations of
    a concession together. Keys: ``stations``; ``below_npv_0`` (stations with a negative NPV after
    subsidy); ``subsidy_below_npv_0_pkr`` (their subsidy); ``losing`` (stations that lose cash in a
    usual year); ``loss_pkr_year`` (the cash lost); ``npv_subsidised_pkr`` (of all stations).
    """
    ones = [f"{site in concessions} {concessions.get(site, site)}" for site in case["site_id"]]
    sums = case.groupby(ones)[["npv_subsidised_pkr", "cost_pkr"]].transform("sum")
    fails = sums["npv_subsidised_pkr"] < -NONE * sums["cost_pkr"]
    loss = -case["net_pkr_year"]
    losing = loss > NONE * case["cost_pkr"]
    return {
        "stations": len(case),
        "below_npv_0": int(fails.sum()),
        "subsidy_below_npv_0_pkr": float(case.loc[fails, "subsidy_pkr"].sum()),
        "losing": int(losing.sum()),
        "loss_pkr_year": float(loss[losing].sum()),
        "npv_subsidised_pkr": float(case["npv_subsidised_pkr"].sum()),
    }


def at_risk_in_words(risk: Mapping[str, Any]) -> str:
    """Return the figures from `at_risk` as a sentence fragment.

    >>> at_risk_in_words({"stations": 5, "below_npv_0": 2, "subsidy_below_npv_0_pkr": 3e6,
    ...     "losing": 1, "loss_pkr_year": 4e5})
    '2 of 5 new stations have a negative NPV and receive PKR 3.00 m of public money; 1 of \
the 5 loses PKR 0.40 m a year'
    """
    if not risk["below_npv_0"]:
        return f"none of {risk['stations']:,} new stations has a negative NPV"
    have, receive = ("has", "receives") if risk["below_npv_0"] == 1 else ("have", "receive")
    text = (
        f"{risk['below_npv_0']:,} of {risk['stations']:,} new stations {have} a negative NPV and "
        f"{receive} PKR {risk['subsidy_below_npv_0_pkr'] / 1e6:,.2f} m of public money"
    )
    if risk["losing"]:
        verb = "loses" if risk["losing"] == 1 else "lose"
        text += f"; {risk['losing']:,} of the {risk['stations']:,} {verb} PKR "
        text += f"{risk['loss_pkr_year'] / 1e6:,.2f} m a year"
    return text


def risk_of(outcome: Outcome, asked: Asked, slow: tuple[str, Any]) -> dict[str, Any]:
    """Return figures on a plan's public money at risk; `slow` is the result of `slow_of`.

    Keys: ``risk_case`` (the scenario; blank if none), ``risk_stations``, ``risk_subsidy_pkr`` and
    ``risk_loss_pkr_year`` (None without a scenario).
    """
    case, other = slow
    risk: dict[str, Any] = {}
    if case:
        risk = revalued(outcome.drawn, _in_demand(asked, other), other.concessions)["money"]
    return {
        "risk_case": case,
        "risk_stations": risk.get("below_npv_0"),
        "risk_subsidy_pkr": risk.get("subsidy_below_npv_0_pkr"),
        "risk_loss_pkr_year": risk.get("loss_pkr_year"),
    }


def slow_of(study: Any) -> tuple[str, Any]:
    """Return the slowest other scenario and its study, or ("", None) if there is none."""
    names = [name for key, name in _other_demands(study.config) if key == "scenario"]
    return (f"scenario {names[0]}", study.in_other(scenario=names[0])) if names else ("", None)


@stage(
    "demand.table",
    told="demand range",
    found=lambda r: f"{r['p05_kwh_day']:,.0f} to {r['p95_kwh_day']:,.0f}",
)
def demand_range(
    config: Config, demand: Table, area: people_to_energy.Area, fleet_paces: Table | None
) -> dict[str, Any]:
    """The 5th to 95th percentile of demand (kWh/day), from random draws of the figures behind it.

    ``planned_share`` is the share of draws below the plan's demand. ``slow_share`` is the share of
    draws below the demand of the ``slow`` scenario (None without this scenario). If the user
    supplies the demand, nothing is drawn, both shares are None, and percentiles equal the demand.
    """
    ends = ("p05_kwh_day", "p50_kwh_day", "p95_kwh_day")
    by_class = demand.groupby("vehicle_class", sort=False)["demand_kwh_day"].sum()
    if config.demand.table is not None:
        given = [{"vehicle_class": n, **dict.fromkeys(ends, kwh)} for n, kwh in by_class.items()]
        totals = dict.fromkeys(ends, float(by_class.sum()))
        stands = {"planned_share": None, "slow_share": None}
        return {"draws": 0, "seed": SEED, **totals, **stands, "classes": given}
    drawn = people_to_energy.draw_energy(DRAWS, SEED, area, fleet_paces)
    totals_kwh = drawn.groupby("draw")["demand_kwh_day"].sum()
    slow_share = None
    if fleet_paces is not None and SLOW_AT in fleet_paces.columns:
        slow_kwh = float((by_class * fleet_paces[SLOW_AT].reindex(by_class.index)).sum())
        slow_share = float((totals_kwh < slow_kwh).mean())
    *classes, total = people_to_energy.energy_quantiles(drawn).to_dict("records")
    return {
        "draws": DRAWS,
        "seed": SEED,
        **{end: float(total[end]) for end in ends},
        "planned_share": float((totals_kwh < float(by_class.sum())).mean()),
        "slow_share": slow_share,
        "classes": [{end: row[end] for end in ("vehicle_class", *ends)} for row in classes],
    }


def lines_beside(study: Any) -> Iterator[Line]:
    """Yield headline figures on the simulated day, and on other capacities and demands."""
    day, draws = study.day, study.demand_range
    rows = [row for row in study.what_if if not row["why_not"]]
    yield from _day_lines(day, study.plan.served_share, {row["key"]: row for row in rows})
    if draws["draws"]:
        wanted = float(study.plan.classes["demand_kwh_day"].sum())
        low, middle, high = (draws[f"{p}_kwh_day"] for p in ("p05", "p50", "p95"))
        text = f"{low:,.0f} to {high:,.0f} kWh/day, median {middle:,.0f}; "
        text += f"{planned_in_words(study.config, wanted)}, "
        text += f"which exceeds {draws['planned_share']:.0%} of the draws"
        yield Line("demand_range", "Demand, 90 % range", text)
    for row in rows:
        if row["what"] == "capacity":
            text = f"{row['served_kwh_day']:,.0f} kWh/day ({row['served_share']:.1%})"
            for name, share in row["classes"].items():
                text += f", {name.replace('_', ' ')} {share:.0%}"
            yield Line(f"under_{row['key']}", CAPACITIES[row["key"]][0], text)
    # The low and high cases are left out, because there every figure is at one end of its range.
    if others := [r for r in rows if r["what"] == "demand" and not r["key"].startswith("case ")]:
        text = "; ".join(
            f"{r['served_share']:.0%} of {r['demand_kwh_day']:,.0f} kWh/day served in {r['key']}"
            for r in others
        )
        yield Line("under_other_demand", "Under other demand", text)
    lots = study.plan.tables.get("concessions", pd.DataFrame())
    for n, lot in enumerate(lots.head(MOST_LOTS).to_dict("records"), 1):
        text = (
            f"{counted(lot['stations'], 'new station')}, "
            f"PKR {lot['subsidy_pkr'] / 1e6:,.2f} m of public money "
            f"({lot['lacking_pkr'] / 1e6:,.2f} m if no station covered another's shortfall), "
            f"NPV with subsidy PKR {lot['npv_subsidised_pkr'] / 1e6:,.2f} m"
        )
        yield Line(f"concession_{n}", f"Concession {lot['concession']}", text)
    told = [row for row in others if row["money"]["stations"]]
    if risks := [f"{row['key']}: {at_risk_in_words(row['money'])}" for row in told]:
        yield Line("money_at_risk", "Money at risk", "; ".join(risks))


def planned_in_words(config: Config, wanted_kwh: float) -> str:
    """State the demand that a plan is made for, and the case or scenario of that demand."""
    asked = config.demand
    if asked.case != "central":
        return f"the plan assumes {wanted_kwh:,.0f} (case {asked.case})"
    if asked.fleet_csv is not None:
        return f"the plan assumes {wanted_kwh:,.0f}"
    if asked.scenario == people_to_energy.DEFAULT_SCENARIO:
        return f"{wanted_kwh:,.0f} if the policy is met"
    return f"the plan assumes {wanted_kwh:,.0f} (scenario {asked.scenario})"


def _day_lines(day: dict[str, Any], planned: float, others: Mapping[str, Any]) -> Iterator[Line]:
    if day["why_not"]:
        yield Line("day", "Simulated day", f"none: {day['why_not']}")
        return
    drivers, share = day["free"]["drivers_day"], day["free"]["served_share"]
    text = f"{share:.1%} of all {drivers:,.0f} on the simulated day"
    yield Line("drivers_served", "Drivers served", text)
    if abs(share - planned) > APART:
        text = (
            f"the share of energy served in the plan ({planned:.1%}), where only capacity limits a "
            f"station, not the share of drivers served on the simulated day ({share:.1%})"
        )
        text += _without_limit(others)
        yield Line("money_hangs_on", "Basis of the subsidies", text)
        yield from _in_use(day["use"])
    for case, words in (("planned", "as planned"), ("free", "all drivers")):
        shares = day[case]
        text = f"{shares['turned_away_share']:.1%} turned away, {shares['late_share']:.1%} late"
        if case == "free":
            text += f", {shares['out_of_reach_share']:.1%} without a station in reach"
        yield Line(f"day_{case}", f"Day, {words}", text)
    cases = {"planned": "if drivers follow the plan", "free": "if drivers choose freely"}
    if over := [words for case, words in cases.items() if day[case]["exceeds"]]:
        worst = max(day[case]["peak_late_share"] for case in cases)
        text = (
            f"not met {' or '.join(over)}, because up to {worst:.0%} of drivers in the busiest "
            f"hour wait over {day['wait_min']:g} min or are turned away, but the standard allows "
            f"only {day['alpha']:.0%}"
        )
        yield Line("service_standard", "Service standard", text)


def _in_use(use: list[dict[str, Any]]) -> list[Line]:
    """Return a headline figure on charger groups with ports in use above the limit at some places.

    >>> use = [
    ...     {"name": "sockets", "limit_share": 0.3, "free_share": 0.33, "places": 37,
    ...      "places_over": 12},
    ...     {"name": "fast chargers (DC)", "limit_share": 0.25, "free_share": 0.2, "places": 17,
    ...      "places_over": 0}]
    >>> _in_use(use)[0].text
    'sockets are in use for 33% of the simulated day (above the limit of 30% at 12 of 37 places)'
    """
    texts = [
        f"{row['name']} are in use for {row['free_share']:.0%} of the simulated day (above the "
        f"limit of {row['limit_share']:.0%} at {row['places_over']:,} of {row['places']:,} places)"
        for row in use
        if row["places_over"] and row["limit_share"] is not None
    ]
    return [Line("ports_in_use", "Ports in use", "; ".join(texts))] if texts else []


def _without_limit(others: Mapping[str, dict[str, Any]]) -> str:
    """State what the stations serve without a limit on port use, and what subsidy they need.

    >>> plan = {"public_money_pkr": 57.7e6}
    >>> waits = {"public_money_pkr": 21.4e6, "served_kwh_day": 13292.0, "served_share": 0.949}
    >>> _without_limit({"plan": plan, "waits": waits})
    '. Without the limit on port use, the same stations serve 13,292 kWh/day (94.9%), for \
which they need PKR 21.40 m of public money (57.70 m with the limit)'
    """
    if WAITS not in others:
        return ""
    plan, waits = others["plan"], others[WAITS]
    text = (
        f". Without the limit on port use, the same stations serve "
        f"{waits['served_kwh_day']:,.0f} kWh/day ({waits['served_share']:.1%})"
    )
    if None not in (waits["public_money_pkr"], plan["public_money_pkr"]):
        text += (
            f", for which they need PKR {waits['public_money_pkr'] / 1e6:,.2f} m of public money "
            f"({plan['public_money_pkr'] / 1e6:,.2f} m with the limit)"
        )
    return text
