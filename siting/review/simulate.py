"""Simulate days of a stored run, and compare them with the assumptions of the program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from siting import export, simulation
from siting.config.offers import Service
from siting.errors import InputError, require_kind
from siting.export import charts
from siting.interrupts import seen_through
from siting.plan import Plan
from siting.shown import SITE, Block, Column, Display, Shown, block_of, sentences
from siting.study.facts import head_of
from siting.study.queues import Waiting, allotted, late_share, simulated
from siting.study.stages import Report
from siting.study.stored_run import Source, study_from_run, study_of
from siting.writing import claimed_folder

# A station is overloaded if its allotted energy exceeds this multiple of its standard capacity.
OVER = 1.05
OVERLOADED = "allotted more than the waiting standard allows"
ASSUMPTIONS = (
    "a day of warm-up before each of {rules.days} independent days; +- is the half-width of a 95 % "
    "confidence interval over days",
    "drivers accept an expected wait of {rules.balk_min:g} min (assumption)",
    "the standard deviation of a session's energy is {rules.spread:g} of the mean (assumption; 1 "
    "in Erlang C)",
    "outages lengthen all sessions evenly, as if the power failed often, each time briefly",
    "drivers know the queue when they set out and do not give up once they queue",
)
CASES = {
    "planned": "As planned: the plan's drivers, each at the station assigned by the plan",
    "free": "Free choice: all drivers, each at the quickest station",
}
# The columns of the stations that fail.
WORST = (
    *SITE,
    Column("Plan", "allotted_kwh_day", ",.0f", min_width=6),
    Column("Erlang", "standard_kwh_day", ",.0f", min_width=6),
    Column("Simulated", "planned_delivered_kwh_day", ",.0f", min_width=9),
    Column("Late", "planned_late_share", ".0%", min_width=4),
    Column("Free", "free_late_share", ".0%", min_width=4),
    Column("Use", "planned_use_share", ".0%", min_width=4),
)


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedDay(Shown):
    """The results of the simulated days.

    `stations` has one row per station: ``site_id``, ``name``, ``configuration``, ``chargers``,
    ``existing``, ``program_kwh_day`` (capacity in the program), ``allotted_kwh_day`` (served in the
    plan), ``standard_kwh_day`` (capacity under the waiting standard), ``erlang_late_share`` (share
    of late drivers in the busiest hour, by Erlang C) and ``verdict``. For each case, the columns of
    `siting.simulation.station_table` follow, with the prefix ``planned_`` or ``free_``.

    `hours` and `classes` have the results by hour of the day and by vehicle class; ``case`` is
    their first column. `use` has one row per case and site: ``case``, ``site_id``, and the share of
    the site's ports in use in each hour, ``h00`` to ``h23``. `lines` are sentences that say where
    simulation and program agree or differ, and why. `facts` is the content of ``simulation.json``.
    """

    title: str
    note: str
    stations: pd.DataFrame
    hours: pd.DataFrame
    classes: pd.DataFrame
    use: pd.DataFrame
    lines: list[str]
    facts: dict[str, Any]

    def _shown(self) -> Display:
        rules, wait = self.facts["rules"], self.facts["standard"]["wait_min"]
        far = self.classes["out_of_reach_day"]
        classes = self.classes.assign(asked_day=self.classes["arrivals_day"] + far)
        classes["far_share"] = far / classes["asked_day"].where(classes["asked_day"] > 0)
        planned, free = (
            block_of(classes[classes["case"] == case], _class_columns(wait), "classes", title=title,
                     style=lambda row: "bold" if row["vehicle_class"] == "all" else "")
            for case, title in CASES.items()
        )  # fmt: skip
        below = (
            "Far: share of drivers with no station within reach. Away: share of the other drivers "
            f"who are turned away. >{wait:g} min: share who are turned away or wait longer. Waits "
            f"(min) are those of drivers who stay. {rules['days']} days, seed {rules['seed']}; "
            f"drivers accept an expected wait of {rules['balk_min']:g} min."
        )
        told = sentences(
            [f"  {line}" for line in self.lines], all_in="lines", title="Compared with the program"
        )
        blocks = [planned, replace(free, below=below), told, self._worst()]
        return Display(f"{self.title}: a simulated day", self.note, blocks)

    def _worst(self) -> Block:
        """Return the stations that are overloaded or chosen by too many drivers."""
        worst = self.stations[self.stations["verdict"] != "holds"]
        if worst.empty:
            return sentences(["  No station is overloaded or chosen by too many drivers."])
        worst = worst.sort_values(["planned_turned_away_day", "site_id"], ascending=[False, True])
        below = (
            "Plan, Erlang, Simulated (kWh/day): energy in the plan, within the waiting standard "
            "according to Erlang C, and simulated as planned. Late: share of the plan's drivers "
            "who are late. Free: share of all drivers who are late under free choice. Use: share "
            "of the time for which ports are in use."
        )
        return block_of(worst, WORST, "stations", "simulation.csv", below=below)


def _class_columns(wait_min: float) -> list[Column]:
    return [
        Column("Vehicle class", "vehicle_class", "_", no_wrap=True, min_width=20),
        Column("Drivers", "asked_day", ",.0f", min_width=7),
        Column("Far", "far_share", ".0%", min_width=4),
        Column("Away", "turned_away_share", ".0%", min_width=4),
        Column(f">{wait_min:g} min", "late_share", ".0%", min_width=7),
        Column("Wait", "wait_mean_min", ",.0f", min_width=4),
        Column("95 %", "wait_p95_min", ",.0f", min_width=4),
        Column("kWh/day", "delivered_kwh_day", ",.0f", min_width=7),
    ]


def simulate(run: Source, rules: simulation.Rules | None = None) -> SimulatedDay:
    """Simulate several days of a plan; return how long drivers wait and how many are served.

    Parameters
    ----------
    run
        A run folder, a study or a plan.
    rules
        The `siting.simulation.Rules`: ``days``, ``seed``, ``balk_min`` (longest expected wait that
        drivers accept, min) and ``spread`` (coefficient of variation of a session's energy).

    Raises
    ------
    InputError
        If the plan has no station, or its chargers are not in the catalogue.

    Examples
    --------
    >>> from siting.simulation import Rules
    >>> day = simulate("runs/islamabad", Rules(days=5, balk_min=20))  # doctest: +SKIP
    >>> day.classes[["case", "vehicle_class", "turned_away_share"]]  # doctest: +SKIP
    """
    require_kind("rules", rules, simulation.Rules | None, "give Rules(…) from siting.simulation")
    rules, study = rules or simulation.Rules(), study_of(run)
    plan = study.plan
    if plan.sites.empty:
        raise InputError("run", "has no station to simulate", "plan with a larger budget")
    waiting = Waiting.of(study)
    standard = waiting.standard
    days_by_case = simulated(
        plan, waiting, study.demand, study.reach, rules,
        lambda case: study.tell("simulate", f"{rules.days} days {case}"),
    )  # fmt: skip
    expected = waiting.expected(plan)
    could = simulation.standard_kwh_day(
        waiting.ports(plan), study.service_standard, study.sessions, study.compatibility,
        dict(zip(study.energy["vehicle_class"], study.energy["demand_kwh_day"], strict=True)),
    )  # fmt: skip
    stations = _stations(plan, days_by_case, expected, could, standard.alpha)
    classes, hours, use = (
        pd.concat({case: table(days) for case, days in days_by_case.items()}, names=["case"])
        .droplevel(1)
        .reset_index()
        for table in (simulation.class_table, simulation.hour_table, simulation.use_table)
    )
    peaks = {case: simulation.peak_late(days) for case, days in days_by_case.items()}
    lines = _findings(plan, waiting, stations, classes, peaks, expected)
    facts = {
        **head_of(study.config),
        "rules": vars(rules),
        "assumptions": [text.format(rules=rules) for text in ASSUMPTIONS],
        "standard": standard.model_dump(include={"rule", "wait_min", "alpha"}),
        "program": {
            "capacity_kwh_day": float(stations["program_kwh_day"].sum()),
            "allotted_kwh_day": float(stations["allotted_kwh_day"].sum()),
            "standard_kwh_day": float(stations["standard_kwh_day"].sum()),
        },
        "peak_hour_late": {
            case: {"share": share, "half_width": half} for case, (share, half) in peaks.items()
        },
        "findings": lines,
        "classes": classes.to_dict("records"),
        "hours": hours.to_dict("records"),
        "stations": stations.to_dict("records"),
    }
    return SimulatedDay(plan.title, plan.note, stations, hours, classes, use, lines, facts)


def _stations(
    plan: Plan,
    days_by_case: dict[str, simulation.Days],
    expected: pd.DataFrame,
    could: pd.Series[float],
    alpha: float,
) -> pd.DataFrame:
    columns = ["site_id", "name", "configuration", "chargers", "existing"]
    energy = {"capacity_kwh_day": "program_kwh_day", "served_kwh_day": "allotted_kwh_day"}
    table = pd.DataFrame(plan.sites[[*columns, *energy]]).rename(columns=energy)
    table["standard_kwh_day"] = table["site_id"].map(could)
    weight = expected.assign(late=expected["late_share"] * expected["peak_sessions"])
    summed = weight.groupby("site_id")[["late", "peak_sessions"]].sum()
    late = summed["late"] / summed["peak_sessions"].where(summed["peak_sessions"] > 0)
    table["erlang_late_share"] = table["site_id"].map(late)
    for case, days in days_by_case.items():
        part = simulation.station_table(days)
        names = {c: f"{case}_{c}" for c in part.columns if c not in ("site_id", "ports")}
        part = part.rename(columns=names)
        more = part.columns.difference(table.columns, sort=False)
        table = table.merge(part[["site_id", *more]], on="site_id", how="left")
    over = table["allotted_kwh_day"] > OVER * table["standard_kwh_day"]
    gathers = table["free_turned_away_share"].fillna(0.0) > alpha
    verdicts = [OVERLOADED, "chosen by too many drivers"]
    table["verdict"] = np.select([over, gathers], verdicts, "holds")
    return table


def simulate_to_folder(
    run: Path,
    rules: simulation.Rules,
    *,
    out: Path | None,
    now: datetime,
    progress: Report | None = None,
) -> tuple[SimulatedDay, Path]:
    """Return the simulated days of a stored run, and the folder with their tables.

    `out`: the new or empty folder to write, by default ``RUN-simulate-TIME`` next to the run. The
    files are ``simulation.csv`` (stations), ``hours.csv``, ``classes.csv``, ``use_by_hour.csv``,
    ``simulation.json`` and, with Matplotlib, ``simulation.png``.
    """
    source = run.resolve()
    usual = source.with_name(f"{source.name}-simulate-{now:%Y%m%d-%H%M%S}")
    with seen_through() as wish, claimed_folder(out, usual) as (folder, place):
        day = simulate(study_from_run(run, progress=progress), rules)
        wish.at_stake = True
        tables = {"simulation": day.stations, "hours": day.hours, "classes": day.classes}
        for name, table in tables.items():
            export.write_csv(table, folder / f"{name}.csv", note=day.note)
        export.write_csv(day.use, folder / "use_by_hour.csv")
        facts = {"written": now.isoformat(timespec="seconds"), **day.facts}
        export.write_json(facts, folder / "simulation.json")
        if find_spec("matplotlib") is not None:
            charts.draw_simulation(
                folder / "simulation.png", hours=day.hours, stations=day.stations,
                title=f"{day.title}: a simulated day", note=day.note,
            )  # fmt: skip
    return day, place


def _findings(
    plan: Plan,
    waiting: Waiting,
    stations: pd.DataFrame,
    classes: pd.DataFrame,
    peaks: dict[str, tuple[float, float]],
    expected: pd.DataFrame,
) -> list[str]:
    """Describe where simulation and program agree or differ; `peaks`: late share, half-width."""
    standard = waiting.standard
    all_classes = classes[classes["vehicle_class"] == "all"].set_index("case")
    share = all_classes["turned_away_share"].fillna(0.0).to_dict()
    kwh = all_classes["delivered_kwh_day"].to_dict()
    plan_kwh = float(stations["allotted_kwh_day"].sum())
    late, half = np.nan_to_num(peaks["planned"])
    erlang = late_share(expected)
    lines = [
        f"As planned: stations deliver {kwh['planned']:,.0f} of the {plan_kwh:,.0f} kWh/day that "
        f"the program counts as served; {share['planned']:.1%} of drivers are turned away; in the "
        f"busiest hour {late:.0%} (+-{half:.0%}) are late: turned away, or waiting over "
        f"{standard.wait_min:g} min"
    ]
    over = stations["verdict"] == OVERLOADED
    if over.any():
        kwh_over = stations.loc[over, ["allotted_kwh_day", "standard_kwh_day"]].sum()
        times = kwh_over["allotted_kwh_day"] / kwh_over["standard_kwh_day"]
        lines.append(
            f"{over.sum():,} of {len(stations):,} stations are allotted {times:,.1f} times the "
            f"energy that keeps {1 - standard.alpha:.0%} of waits within "
            f"{standard.wait_min:g} min (Erlang C): " + _why(standard, plan.outcome.model)
        )
        more = ", more than simulated: it assumes that no driver turns away and that the peak lasts"
        lines.append(
            f"Erlang C expects {erlang:.0%} of drivers to be late in the busiest hour of each queue"
            + (more if erlang > late + half else "")
        )
        lines += _slow_ports(expected, plan, waiting)
    else:
        lines.append(
            f"no station is allotted more than the waiting standard allows (at most "
            f"{standard.alpha:.0%} late); Erlang C expects {erlang:.1%} of drivers to be late in "
            "the busiest hour of each queue"
        )
    free = all_classes.loc["free"].to_dict()
    out, came = float(free["out_of_reach_day"]), float(free["arrivals_day"])
    beyond = out / (out + came) if out + came > 0 else 0.0
    lines.append(
        f"Free choice, all drivers: {kwh['free']:,.0f} kWh/day; {beyond:.1%} of drivers have no "
        f"station within reach, and {share['free']:.1%} of the others are turned away"
    )
    return lines


def _why(standard: Service, model: str) -> str:
    """Return the reason why stations have more drivers than the waiting standard allows."""
    if model == "coverage":
        return "the coverage model has no capacities"
    if standard.rule == "rated_share":
        return "the rated_share rule counts kW, not the time for which a port is taken"
    return "their mix of classes differs from that of the whole city"


def _slow_ports(expected: pd.DataFrame, plan: Plan, waiting: Waiting) -> list[str]:
    """Return a sentence for each charger group whose ports deliver less than their rated power."""
    ports, sessions = waiting.ports(plan), waiting.sessions
    split = simulation.split_load(ports, allotted(plan), sessions)
    lines = []
    for group, part in expected.groupby("charger_group"):
        load, room_there = float(part["erlangs"].sum()), float(part["ports"].sum())
        of_group = split[split["charger_group"] == group]
        if load <= 0.6 * room_there or of_group.empty:
            continue
        top = of_group.groupby("vehicle_class")["kwh_day"].sum().idxmax()
        session_kwh = sessions.kwh[sessions.classes.index(str(top))]
        of_class = of_group[of_group["vehicle_class"] == top]
        minutes = float(np.average(of_class["minutes"], weights=of_class["kwh_day"]))
        kw = ports.loc[ports["charger_group"] == group, "port_kw"]
        lines.append(
            f"{group}: {load:,.0f} drivers at {room_there:,.0f} ports in the busiest hour; a "
            f"{str(top).replace('_', ' ')} takes {session_kwh:g} kWh in {minutes:,.0f} min, so "
            f"a port of {kw.mean():,.1f} kW delivers {session_kwh / minutes * 60:,.1f} kW"
        )
    return lines
