"""The plan in figures: headline, money, limits, new stations, and a card for each station."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from siting.report.figure_text import figure, label, missing, number, percent, rupees, text_or
from siting.report.mapdata import site_name
from siting.report.run_record import RunRecord
from siting.sites.chargers_text import told_as

# Maximum number of feeders shown, the fullest first; a city may have hundreds.
MOST_FEEDERS = 12
_COSTS = {
    "charger_cost_pkr": "Chargers", "battery_cost_pkr": "Batteries for swapping",
    "connection_cost_pkr": "Grid connection and transformer", "line_cost_pkr": "11 kV line",
    "upgrade_cost_pkr": "Stronger feeder", "fee_cost_pkr": "Fees",
    "civil_cost_pkr": "Civil works", "land_cost_pkr": "Land",
    "design_cost_pkr": "Design and permits", "contingency_cost_pkr": "Contingency",
    "deposit_cost_pkr": "Security deposit",
}  # fmt: skip
# A new station is weak if other stations could serve all but the share `WEAK_LOSS` of its energy,
# or if it uses less than the share `WEAK_USE` of its capacity.
WEAK_LOSS, WEAK_USE = 0.05, 0.25
_NAMED = re.compile(r"\b(?:lev|ac|dc)_\d+\b|\bswap_[23]w\b")
_BUSINESS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "payback_subsidised_years": ("Payback with subsidy, years", lambda years: number(years, 1)),
    "npv_subsidised_pkr": ("Net present value with subsidy", rupees),
    "viability_gap_pkr": ("Viability gap", rupees),
}


@dataclass(frozen=True)
class Shown:
    """A figure that the report shows: its name, the stored number, and the number as text."""

    what: str
    value: Any
    text: str
    more: str = ""


def _amount(what: str, pkr: float, more: str = "") -> Shown:
    return Shown(what, pkr, rupees(pkr), more)


def headline(run: RunRecord) -> list[Shown]:
    """Return the most important figures, as stored in ``run.json``."""
    f = run.facts
    wanted = sum(row["demand_kwh_day"] for row in f["classes"])
    kw = f"{number(run.new_sites['power_kw'].sum())} kW"
    if f["bound_kwh_day"] is not None:
        limit = f"no plan for this money serves more than {number(f['bound_kwh_day'])} kWh/day"
    elif f["gap"] is not None:
        limit = "largest possible distance from the best plan for this aim"
    else:
        limit = "no limit is proven"
    of_budget = f"of {rupees(f['budget_pkr'])} budget"
    if f["aims"][:1] == ["least money"]:
        of_budget = "public money that this plan needs"
    elif "years" in f["blocks"]:
        of_budget = f"of {rupees(f['budget_pkr'])} granted over the years"
    served, of_wanted = f["objective_kwh_day"], f"of a demand of {number(wanted)}"
    return [
        Shown("Energy served", served, number(served), f"kWh/day, {of_wanted} in {run.year}"),
        *_on_the_day(f),
        Shown("Share served", f["served_share"], percent(f["served_share"]), f"in {run.year}"),
        *drives(f),
        Shown("New stations", f["new_stations"], number(f["new_stations"]), kw),
        Shown("Existing stations", f["existing_stations"], number(f["existing_stations"])),
        _amount("Subsidy", f["subsidy_pkr"], of_budget),
        _amount("Total cost", f["cost_pkr"], "subsidy included"),
        Shown("Proven gap", f["gap"], percent(f["gap"], 2), limit),
    ]


def _on_the_day(facts: dict[str, Any]) -> list[Shown]:
    """Return the share of all drivers served on the simulated day, if a day was simulated."""
    day = (facts.get("day") or {}).get("free") or {}
    if (share := day.get("served_share")) is None:
        return []
    of = f"of all {number(day['drivers_day'])} drivers on the simulated day"
    return [Shown("Drivers served", share, percent(share), of)]


def drives(facts: dict[str, Any]) -> list[Shown]:
    """Return the figures on drive times to chargers; an empty list if nobody is served."""
    mean, most = facts.get("mean_travel_min"), facts.get("p90_travel_min")
    if mean is None or most is None:
        return []
    within = f"on average; 90 % of the energy is served within {number(most, 1)} min"
    return [Shown("Drive to the charger", mean, f"{number(mean, 1)} min", within)]


def later_aims(run: RunRecord) -> list[tuple[str, bool]]:
    """Return the gap of each aim after the first, and whether it is at most the requested gap."""
    gaps = []
    for one in run.facts.get("proofs", [])[1:]:
        gap, near = percent(one.get("gap"), 2), one.get("status") == "optimal"
        text = f"within a proven gap of {gap}" if near else f"not proven, gap {gap}"
        if one.get("gap") is None or (one["gap"] >= 1 and not one.get("bound")):
            # No cost is below 0, so a bound of 0 (a gap of 100 %) proves nothing.
            text = "nothing is proven"
        gaps.append((f"then {one['aim']}: {text}", near))
    return gaps


def aims(run: RunRecord) -> list[tuple[str, str]]:
    """Return the aims and the headline figures of the plan, as (name, text) pairs."""
    f = run.facts
    lines = [("Aim", f["aim"])] if f.get("aim") else []
    # The page shows the figures of single years in a separate table.
    lines += [
        (line["label"], line["text"])
        for field, line in f.get("headline", {}).items()
        if not field.startswith("in_20")
    ]
    demand = f.get("demand")
    if "scenarios" in f["blocks"] and isinstance(demand, dict):
        which = f"fleet of {demand.get('fleet')}, case {demand.get('case')}"
        lines.append(("Figures on this page", f"for the demand of the configuration ({which})"))
    return lines


def money(run: RunRecord) -> dict[str, Any]:
    """Return the budget, who pays for the stations, and what their cost consists of (PKR)."""
    f = run.facts
    if f["aims"][:1] == ["least money"]:  # without a budget
        budget = [_amount("Subsidy needed", f["subsidy_pkr"])]
    else:
        granted = "Granted over the years" if "years" in f["blocks"] else "Public budget"
        budget = [
            _amount(granted, f["budget_pkr"]),
            _amount("Subsidy paid", f["subsidy_pkr"]),
            _amount("Budget left", f["budget_pkr"] - f["subsidy_pkr"]),
        ]
    paid = _amount("Paid by operators", f["cost_pkr"] - f["subsidy_pkr"])
    rows = [*budget, _amount("Total cost", f["cost_pkr"]), paid]
    if (served := f["objective_kwh_day"]) > 0:
        a_kwh = f["subsidy_pkr"] / served
        text = f"PKR {number(a_kwh)}"
        rows.append(Shown("Subsidy per kWh/day served by all stations", a_kwh, text))
    rows += _additional(f.get("public_money") or {})
    offers = _with_bare_chargers(run.offers)
    offers = offers[offers["offer_id"].isin(run.sites["offer_id"])]
    parts = []
    for column, name in _COSTS.items():
        if total := float(offers[column].fillna(0.0).sum()):
            share = total / f["cost_pkr"] if f["cost_pkr"] else None
            parts.append(_amount(name, total, percent(share)))
    return {"rows": rows, "parts": parts}


def _with_bare_chargers(offers: pd.DataFrame) -> pd.DataFrame:
    """Return the offers, with the cost of chargers excluding the cost of their swap batteries."""
    bare = offers["charger_cost_pkr"] - offers["battery_cost_pkr"].fillna(0.0)
    return offers.assign(charger_cost_pkr=bare)


def _additional(m: dict[str, Any]) -> list[Shown]:
    """Return figures on the effect of public money; empty if the run did not compute them."""
    if not m.get("new_stations"):
        return []
    none, of, npv = m["stations_without_need"], m["new_stations"], m["npv_without_subsidy_pkr"]
    year = f"at PKR {m['pkr_per_usd']:g} to the US dollar"
    rows = [
        Shown("New stations that need no public money", none, f"{number(none)} of {number(of)}"),
        _amount(f"Net present value without subsidy, {year}", npv),
        _amount("Subsidy beyond the viability gap", m["subsidy_beyond_need_pkr"]),
    ]
    if (a_car := m["subsidy_pkr_per_car"]) is not None:
        rows.append(Shown("Subsidy per car served", a_car, f"PKR {number(a_car)}"))
    return rows


def years(run: RunRecord) -> list[dict[Any, Any]]:
    """Return the years of a plan, each with the stations built so far and the share served."""
    if run.years is None:
        return []
    standing = run.years.built[run.years.built["built_year"].notna()].groupby("year").size()
    return [
        {
            **row,
            "year": int(row["year"]),
            "standing": int(standing.get(row["year"], 0)),
            # The share in the file is rounded.
            "share": row["served_kwh_day"] / (row["demand_kwh_day"] or 1.0),
        }
        for row in run.years.years.to_dict("records")
    ]


def robustness(run: RunRecord) -> dict[str, Any] | None:
    """Return the simulated day, the plan under other demand, and the range of demand.

    The result is None if the run did not compute all three.
    """
    parts: dict[str, Any] = {k: run.facts.get(k) for k in ("day", "what_if", "demand_range")}
    if not all(parts.values()):
        return None
    at_risk = any((row.get("money") or {}).get("stations") for row in parts["what_if"])
    return {**parts, "at_risk": at_risk}


def builds(run: RunRecord) -> list[dict[str, Any]]:
    """Return one row for each kind of new station: number, chargers, power and money."""
    new = run.new_sites
    kind = new[["configuration", "chargers"]].fillna("").astype(str)
    rows = [
        {
            "name": _kind_name(name, chargers),
            "chargers": in_words(chargers),
            "count": len(part),
            "kw": number(part["power_kw"].sum()),
            "cost": rupees(part["cost_pkr"].sum()),
            "subsidy": rupees(part["subsidy_pkr"].sum()),
            "served": number(part["served_kwh_day"].sum()),
        }
        for (name, chargers), part in new.groupby([kind[c] for c in kind], sort=True)
    ]
    return sorted(rows, key=lambda row: (-row["count"], row["name"], row["chargers"]))


def _kind_name(configuration: Any, chargers: Any) -> str:
    """Return a name for a station: its configuration, or its chargers if they are clearer."""
    name = label(configuration)
    if missing(configuration) or missing(chargers):
        return name
    words = told_as(str(configuration), str(chargers))
    return name if words == str(configuration) else in_words(words)


def in_words(chargers: str) -> str:
    """Return a list of chargers in which standard names such as ``dc_60`` become readable ones.

    >>> in_words("64 x lev_3 + 2 x dc_60"), in_words("1 x lev_12 + 1 x plug")
    ('64 x socket + 2 x DC 60 kW', '1 x point 12 kW + 1 x plug')
    """
    return _NAMED.sub(lambda one: _charger(one[0])[0], chargers)


def chargers_in_words(run: RunRecord) -> list[tuple[str, str]]:
    """Return the readable name and the meaning of each charger that has a standard name."""
    texts = " ".join(run.sites["chargers"].dropna().astype(str))
    return sorted({_charger(name) for name in _NAMED.findall(texts)})


def _charger(name: str) -> tuple[str, str]:
    """Return a charger's readable name, and its meaning.

    >>> _charger("lev_3"), _charger("dc_120")
    (('socket', 'for two- and three-wheelers, 3 kW'), ('DC 120 kW', 'fast charger (DC)'))
    """
    kind, _, size = name.partition("_")
    return {
        "lev_3": ("socket", "for two- and three-wheelers, 3 kW"),
        "swap_2w": ("swap cabinet 2w", "battery-swap cabinet for two-wheelers"),
        "swap_3w": ("swap cabinet 3w", "battery-swap cabinet for three-wheelers"),
    }.get(name) or {
        "lev": (f"point {size} kW", "DC point for two- and three-wheelers"),
        "ac": (f"AC {size} kW", "charger (AC)"),
        "dc": (f"DC {size} kW", "fast charger (DC)"),
    }[kind]


def stations(run: RunRecord) -> list[dict[str, Any]]:
    """Return a card for each station, sorted by energy served, with new stations before others."""
    offers = _with_bare_chargers(run.offers).set_index("offer_id")
    why, lost = run.facts.get("alternatives", {}), run.facts.get("lost_without", {})
    keys = ["existing", "served_kwh_day", "site_id"]
    order = run.sites.sort_values(keys, ascending=[True, False, True])
    rows = order.assign(lon=order.geometry.x, lat=order.geometry.y).drop(columns="geometry")
    cards = [
        _station(row, offers.loc[row["offer_id"]], run.classes, why)
        | {"weak": _weak(row, lost.get(str(row["site_id"]), {}))}
        for row in rows.to_dict("records")
    ]
    return _alike(cards)


def _alike(cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the cards; stations with equal figures are grouped under the first of them.

    In a group, ``alike`` of the first card lists the ids of the other stations, and ``told`` of
    each other card is the id of the first station.
    """
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    for card in cards:
        shown = ("existing", "configuration", "chargers", "weak", "day_use")
        figures = tuple(card[key].text for key in ("kw", "cost", "subsidy", "served", "use"))
        leader = first.setdefault((*(card[key] for key in shown), *figures), card)
        card |= {"alike": [], "told": "" if leader is card else leader["id"]}
        if leader is not card:
            leader["alike"].append(card["id"])
    return cards


def _station(
    row: dict[str, Any], offer: pd.Series, names: list[str], why: dict[str, Any]
) -> dict[str, Any]:
    served, built = row["served_kwh_day"], row.get("built_year", "")
    by_class = [
        {"name": label(name), "kwh": number(kwh, 1), "share": percent(kwh / served)}
        for name in names
        if (kwh := row[f"served_{name}_kwh_day"]) > 0 and served > 0
    ]
    return {
        "id": str(row["site_id"]),
        "name": site_name(row["name"], row["site_id"]),
        "where": text_or(row.get("whereabouts")),
        "lat": f"{row['lat']:.5f}",
        "lon": f"{row['lon']:.5f}",
        "kind": label(text_or(row["kind"])),
        "existing": bool(row["existing"]),
        "configuration": _kind_name(row["configuration"], row["chargers"]),
        "chargers": in_words(text_or(row["chargers"])),
        "kw": Shown("kw", row["power_kw"], number(row["power_kw"], 1)),
        "cost": _amount("cost", row["cost_pkr"]),
        "subsidy": _amount("subsidy", row["subsidy_pkr"]),
        "served": Shown("served", served, number(served, 1)),
        "capacity": number(row["capacity_kwh_day"], 1),
        "use": Shown("use", row["use_share"], percent(row["use_share"])),
        "day_use": _day_use(served, row["power_kw"]),
        "minutes": Shown("minutes", row["mean_travel_min"], number(row["mean_travel_min"], 1)),
        "cells": number(row["cells_served"]),
        "classes": by_class,
        "grid": _grid(offer),
        "costs": [(name, rupees(offer[c])) for c, name in _COSTS.items() if offer[c] > 0],
        "business": [
            (name, show(row[column]))
            for column, (name, show) in _BUSINESS.items()
            if column in row and not missing(row[column])
        ],
        "built_year": "" if missing(built) else str(int(float(built))),
        "why": why.get(str(row["site_id"]), "").splitlines(),
    }


def _day_use(served_kwh: float, power_kw: float) -> str:
    """Return energy sold as a share of the energy of 24 hours at full power; blank if unknown.

    >>> _day_use(57.3, 39.6)
    '6.0 %'
    """
    known = not (missing(power_kw) or missing(served_kwh)) and power_kw > 0
    return percent(served_kwh / (24 * power_kw)) if known else ""


def _weak(row: dict[str, Any], lost: dict[str, Any]) -> str:
    """Return the reason why a new station is weak; an empty string if it is not weak."""
    served, use, stays = row["served_kwh_day"], row["use_share"], lost.get("as_it_stands_kwh_day")
    if row["existing"]:
        return ""
    if not served > 0:
        return "serves nobody"
    if stays is not None and stays <= WEAK_LOSS * served:
        return "the other stations could serve nearly all of its energy"
    if not missing(use) and use < WEAK_USE:
        return f"only {percent(use)} of its capacity is used"
    return ""


def _grid(offer: pd.Series) -> list[tuple[str, str]]:
    """Return the grid works of an offer; items and distances that are not stated are left out."""
    item, load, headroom = offer["grid_item"], offer.get("load_kw"), offer["headroom_kw"]
    lines = (
        (not missing(item), "Connection", grid_item(str(item))),
        (not missing(load), "Load on the grid", f"{number(load, 1)} kW"),
        (offer["line_km"] > 0, "11 kV line", f"{figure(offer['line_km'])} km"),
        (not missing(headroom), "Feeder headroom", f"{number(headroom)} kW"),
        (offer["upgrade_kw"] > 0, "Feeder upgraded by", f"{number(offer['upgrade_kw'])} kW"),
    )
    return [(what, text) for stated, what, text in lines if stated]


def grid_item(name: str) -> str:
    """Return an item of the grid price list in words.

    >>> grid_item("lt_40"), grid_item("pmt_400"), grid_item("own")
    ('low tension, up to 40 kW (lt_40)', '400 kVA pole-mounted transformer (pmt_400)', 'own')
    """
    kind, _, size = name.partition("_")
    words = {"lt": f"low tension, up to {size} kW", "pmt": f"{size} kVA pole-mounted transformer"}
    return f"{words[kind]} ({name})" if size.isdigit() and kind in words else name


def budget_bars(run: RunRecord) -> list[dict[str, Any]]:
    """Return a bar (`_bar`) for the budget or each year's budget, and a bar for each envelope."""
    f = run.facts
    bars = []
    if run.years is not None:
        for row in run.years.years.to_dict("records"):
            there = row["budget_pkr"] + row["carried_pkr"]
            more = ", including money left from earlier years" if row["carried_pkr"] > 0 else ""
            bars.append(_bar(f"{row['year']:.0f}{more}", row["spent_pkr"], there, "PKR"))
    elif f["aims"][:1] != ["least money"]:
        bars.append(_bar("Public budget", f["subsidy_pkr"], f["budget_pkr"], "PKR"))
    envelopes = [row for row in f.get("limits", []) if row["kind"] == "envelope"]
    return bars + [_bar(r["limit"], r["used"], r["at_most"], r["unit"]) for r in envelopes]


def other_limits(run: RunRecord) -> list[dict[str, Any]]:
    """Return a bar for each limit except envelopes; of the feeders, only the fullest have a bar."""
    bars = [
        _bar(r["limit"], r["used"], r["at_least"], r["unit"], "at least")
        if r["at_most"] is None
        else _bar(r["limit"], r["used"], r["at_most"], r["unit"], r["kind"])
        for r in run.facts.get("limits", [])
        if r["kind"] != "envelope"
    ]
    feeders = sorted((b for b in bars if b["kind"] == "feeder"), key=lambda b: -b["percent"])
    return [b for b in bars if b["kind"] != "feeder"] + feeders[:MOST_FEEDERS]


def _bar(name: str, used: float, there: float, unit: str, kind: str = "") -> dict[str, Any]:
    """Return a bar: its name, its kind, the percentage used, and the amounts as text.

    >>> _bar("bikes", 3e6, 4e6, "PKR")["text"], _bar("F7", 30.0, 0.0, "kW")["percent"]
    ('PKR 3.00 m of PKR 4.00 m', 100.0)
    """
    share = used / there if there > 0 else float(used > 0)

    def say(value: float) -> str:
        return rupees(value) if unit == "PKR" else f"{figure(value)} {unit}"

    most = "at least " if kind == "at least" else ""
    return {
        "name": label(name),
        "kind": kind,
        "percent": 100 * share,
        "text": f"{say(used) if unit == 'PKR' else figure(used)} of {most}{say(there)}",
    }
