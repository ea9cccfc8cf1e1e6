"""Summarise a plan in a few sentences, for readers in a hurry."""

from __future__ import annotations

from typing import Any

from siting.report.figure_text import label, missing, number, percent, rupees
from siting.report.run_record import RunRecord
from siting.sites.chargers_text import ports_in_words
from siting.texts import counted

# A district with at least this share served counts as fully served.
WHOLE_SHARE = 0.995

Part = tuple[str, bool]


def summary(run: RunRecord, districts: dict[str, Any]) -> list[list[Part]]:
    """Return sentences, each as a list of pairs: a string, and whether the string is a name."""
    # The first sentences say what the plan serves, for how much money, and how good it is.
    first = (_served(run), _ports(run), proven(run.facts))
    sentences = (*first, _on_the_day(run), _additional(run), _at_risk(run), _vehicles(run))
    lines: list[list[Part]] = [[(text, False)] for text in sentences if text]
    worst = districts["rows"][0] if len(districts["rows"]) > 1 else None
    if worst is not None and not worst["little"] and worst["share"] < WHOLE_SHARE:
        what = districts["what"].split(",")[0]
        near = [(", near ", False), (worst["near"], True)] if worst["near"] else []
        share = f": {percent(worst['share'])} of its demand is served, and "
        share += f"{number(worst['unserved'])} kWh/day are not."
        name = (worst["name"], True)
        lines.append([(f"Of the {what}, the worst served is ", False), name, *near, (share, False)])
    if national := _national(run):
        lines.append([(national, False)])
    return lines


def _served(run: RunRecord) -> str:
    f = run.facts
    wanted = sum(row["demand_kwh_day"] for row in f["classes"])
    new, old = f["new_stations"], f["existing_stations"]
    of = f"the {number(wanted)} kWh/day of demand for public charging in {run.year}"
    share = percent(f["served_share"])
    if wanted <= 0:
        return "There is no demand for public charging in this run, so nothing can be served."
    if not new:
        stand = f"{counted(old, 'existing station')} would serve"
        stand = stand if old else "Without any station, the plan serves"
        return f"No new station is built. {stand} {share} of {of}."
    stations = counted(new, "new station")
    stand = f", together with {counted(old, 'existing station')}," if old else ""
    money = rupees(f["subsidy_pkr"])
    return f"For {money} of public money, {stations}{stand} would serve {share} of {of}."


def _ports(run: RunRecord) -> str:
    ports = (run.facts.get("places") or {}).get("new_ports")
    return f"Ports of the new stations: {ports_in_words(ports)}." if ports else ""


def _national(run: RunRecord) -> str:
    known = run.facts.get("demand", {}).get("national")
    if not known:  # runs of earlier versions lack these figures
        return ""
    text = (
        f"The policy calls for {number(known['stations'])} public stations in the whole country by "
        f"{known['year']}; in proportion to population, this area's share is "
        f"{number(known['by_people'], 0 if known['by_people'] >= 10 else 1)}. "
    )
    used = run.facts.get("places")
    if not used:  # runs of earlier versions do not count places
        stand = run.facts["new_stations"] + run.facts["existing_stations"]
        return text + f"The plan has {number(stand)} stations."
    # The policy does not count a place with only sockets as a station.
    return text + (
        f"The plan has fast chargers at {number(used['dc_places'])} of its "
        f"{number(used['places'])} places "
        f"(stations within {number(used['within_m'])} m count as one place)."
    )


def _additional(run: RunRecord) -> str:
    m = run.facts.get("public_money") or {}
    if not m.get("new_stations"):
        return ""
    none, of = m["stations_without_need"], m["new_stations"]
    beyond = m["subsidy_beyond_need_pkr"]
    more = f" {rupees(beyond)} is paid beyond the viability gap." if beyond >= 1 else ""
    who = f"{number(none)} of {number(of)}" if none else f"None of the {number(of)}"
    selves = "itself" if none == 1 else "themselves"
    return f"{who} new stations would pay for {selves} without public money.{more}"


def _at_risk(run: RunRecord) -> str:
    """Return a sentence on stations whose NPV is negative if electric vehicles sell slowly."""
    for row in run.facts.get("what_if") or []:
        money = row.get("money") or {}
        if not money.get("stations") or row["key"] != "scenario slow":
            continue
        below, of = money["below_npv_0"], money["stations"]
        if not below:
            return "If the fleet grows as in the slow scenario, no new station has a negative NPV."
        paid, loss = money["subsidy_below_npv_0_pkr"], money["loss_pkr_year"]
        lost = f"; stations with a cash loss lose {rupees(loss)} a year" if loss >= 1 else ""
        have, receive = ("has", "receives") if below == 1 else ("have", "receive")
        return (
            f"If the fleet grows as in the slow scenario, {number(below)} of {number(of)} new "
            f"stations {have} a negative NPV and {receive} {rupees(paid)} of public money{lost}."
        )
    return ""


def _on_the_day(run: RunRecord) -> str:
    day = run.facts.get("day") or {}
    share, planned = (day.get("free") or {}).get("served_share"), run.facts["served_share"]
    if day.get("why_not", "none") or share is None:
        return ""
    line = f"On the simulated day {percent(share)} of all drivers are served."
    if "money_hangs_on" in (run.facts.get("headline") or {}):
        line += (
            f" Business cases are based on the share of energy served in the plan, "
            f"{percent(planned)}, which depends only on each station's capacity."
        )
    return line


def _vehicles(run: RunRecord) -> str:
    rows = [
        row
        for row in run.facts["classes"]
        if not missing(row["served_share"]) and row["demand_kwh_day"] > 0
    ]
    if len(rows) < 2:
        return ""
    low = min(rows, key=lambda row: row["served_share"])
    top = max(rows, key=lambda row: row["served_share"])
    if top["served_share"] - low["served_share"] <= 1 - WHOLE_SHARE:
        return ""
    both = (f"{label(r['vehicle_class']).lower()} {percent(r['served_share'])}" for r in (top, low))
    return f"Vehicle classes are not served equally: {', '.join(both)}."


def proven(facts: dict[str, Any]) -> str:
    """Return what is proven about a plan, in one sentence.

    >>> proven({"gap": 0.0, "bound_kwh_day": 12.0, "status": "optimal"})
    'It is proven that no plan for this money serves more.'
    >>> proven({"gap": 0.003, "bound_kwh_day": 12.0, "status": "optimal"})
    'It is proven that no plan for this money serves over 0.30 % more than this one.'
    >>> proven({"gap": 0.02, "bound_kwh_day": None, "aims": ["least money"]})
    'It is proven that no plan that serves as much energy needs over 2.00 % less public money.'
    """
    gap, aims = facts["gap"], facts.get("aims", [])
    if gap is None:
        return "Nothing is proven about how good this plan is."
    more = f"over {percent(gap, 2)} " if gap > 0 else ""
    if aims[:1] == ["least money"]:
        # The text of the aim tells whether all money counts, or only public money.
        what = "money in total" if "total cost" in facts.get("aim", "") else "public money"
        return f"It is proven that no plan that serves as much energy needs {more}less {what}."
    if aims[:1] == ["best worst share"]:
        return f"It is proven that no plan serves the worst-served zone {more}better."
    if facts["bound_kwh_day"] is None:
        better = f"more than {percent(gap, 2)} better" if gap > 0 else "better"
        return f"It is proven that no other plan is {better} on the first aim."
    if gap <= 0:
        return "It is proven that no plan for this money serves more."
    open_ = facts["status"] != "optimal"
    stopped = "; the search stopped before it proved a smaller gap" if open_ else ""
    over = f"over {percent(gap, 2)} more than this one"
    return f"It is proven that no plan for this money serves {over}{stopped}."
