"""Fill in each paper from a run. Fields that the run cannot fill become marked blanks.

The headings of the PC-I follow the Planning Commission's form of 2005 for infrastructure. Since
2024, the form asks for four kinds of objective, which the paper lists.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from siting.economics import PRICES_OF
from siting.errors import InputError
from siting.export import json_text, noted
from siting.lots import part_into_lots
from siting.lots.annex import AREAS, LOTS, areas_told
from siting.papers.word import Blank, Text, Word
from siting.plan import Plan
from siting.study.program_inputs import subsidy_of
from siting.study.stored_run import plan_from_run
from siting.writing import require_free, write_whole

PARTS = {
    "charger_cost_pkr": "chargers and swap batteries",
    "connection_cost_pkr": "connections to the grid", "line_cost_pkr": "11 kV lines",
    "upgrade_cost_pkr": "feeder upgrades", "fee_cost_pkr": "licence and other fees",
    "civil_cost_pkr": "civil works", "land_cost_pkr": "land",
    "design_cost_pkr": "design and permits", "contingency_cost_pkr": "contingency",
    "deposit_cost_pkr": "security deposit for the connection",
}  # fmt: skip
RUNNING = {
    "energy_pkr_year": "electricity", "om_pkr_year": "operation and maintenance",
    "staff_pkr_year": "staff", "fixed_charge_pkr_year": "fixed charges for the connection",
    "payment_pkr_year": "payment systems", "land_pkr_year": "lease of land",
    "annual_fee_pkr": "annual licence fees", "insurance_pkr_year": "insurance",
}  # fmt: skip


@dataclass(frozen=True)
class _Run:
    """A plan, its run folder, and a table of the plan's new stations."""

    path: Path
    plan: Plan
    stations: pd.DataFrame

    def total(self, column: str, decimals: int = 0) -> str:
        """Return the sum of a column over the new stations, as text."""
        return f"{self.stations[column].sum():,.{decimals}f}"


def write_paper(
    folder: Path | str, kind: str, out: Path | None = None, *, lots: Path | None = None
) -> Path:
    """Write a paper from a stored run as a Word file and return its path.

    Parameters
    ----------
    folder
        A run folder.
    kind
        ``pc1``: the Planning Commission's project form; ``load``: a one-page application to the
        power company for each station; ``licence``: NEECA's file for each station; ``tender``: the
        annexes of a tender that is divided into lots.
    out
        The new file; by default ``RUN-KIND.docx`` beside the run folder.
    lots
        Required for a tender: a folder that `siting lots` wrote from the same run.

    Raises
    ------
    InputError
        If `kind` is unknown, `out` already exists, the plan builds no station, or the lots come
        from another run.
    MissingExtraError
        If python-docx is not installed.
    """
    if kind not in KINDS:
        raise InputError("kind", f"has no paper {kind!r}", f"use one of {', '.join(KINDS)}")
    if (lots is not None) != (kind == "tender"):
        fix = "divide the run into lots with `siting lots`, and give the folder of the lots"
        what = "is missing for a tender" if kind == "tender" else "is only for a tender"
        raise InputError("lots", what, fix if kind == "tender" else "leave it out")
    folder = Path(folder)
    whole = folder.resolve()
    path = whole.with_name(f"{whole.name}-{kind}.docx") if out is None else Path(out)
    if path.suffix != ".docx":
        raise InputError(str(path), "does not end in .docx", "name a .docx file")
    require_free(path)
    plan = plan_from_run(folder)
    if plan.new_sites.empty:
        what = "builds no new station, so there is nothing to apply for"
        raise InputError(str(folder), what, "raise the budget, or allow more sites")
    title, write = KINDS[kind]
    word = Word(f"{title}: {plan.title}", noted(plan))
    write(word, _Run(folder, plan, _stations(plan)), *([] if lots is None else [lots]))
    write_whole(path, word.save)
    return path


def _stations(plan: Plan) -> pd.DataFrame:
    new = pd.DataFrame(plan.new_sites.drop(columns="geometry")).sort_values("site_id")
    tables = (plan.offers, plan.tables["business"], plan.candidates)
    for key, table in zip(("offer_id", "site_id", "site_id"), tables, strict=True):
        rest = [c for c in table.columns if c not in new.columns and c != "geometry"]
        new = new.join(pd.DataFrame(table).set_index(key)[rest], on=key)
    built = plan.outcome.built
    years = built["year"].fillna(plan.study.config.year).astype(int).groupby(built["site_id"]).min()
    at = plan.new_sites.set_index("site_id").geometry.to_crs(4326)
    where = [f"{at[site].y:.6f} N, {at[site].x:.6f} E" for site in new["site_id"]]
    place = [
        f"{name}, {about}" if about and about != name else str(name)
        for name, about in zip(new["name"], new["whereabouts"].fillna(""), strict=True)
    ]
    return new.assign(year=years.loc[new["site_id"]].to_numpy(), at=where, place=place)


def _pc1(word: Word, run: _Run) -> None:
    plan, facts, stations, study = run.plan, run.plan.facts, run.stations, run.plan.study
    cost, money = float(stations["cost_pkr"].sum()), float(stations["subsidy_pkr"].sum())
    word.head("1. Name of the project")
    word.say(f"Electric-vehicle charging stations: {plan.title}")
    word.head("2. Location")
    word.say(f"{len(stations)} places, listed in Annex A. ", Blank("district and province"))
    if find_spec("matplotlib"):
        word.picture(plan.plot())
    else:
        word.say(Blank("map of the area (the map of report.html)"))
    word.head("3. Authorities responsible for")
    word.table(
        ("For", "Authority"),
        [(n, Blank("agency")) for n in ("sponsoring", "execution", "operation and maintenance",
                                        "concerned federal ministry", "climate co-benefits")],
    )  # fmt: skip
    word.head("4. Plan provision")
    word.say(Blank("allocation in the five-year plan and in this year's PSDP or ADP"))
    word.head("5. Project objectives and their relation to sector objectives")
    serves = f"{stations['served_kwh_day'].sum():,.0f} kWh/day at new stations"
    word.table(
        ("Objective", "Measures (three at most)"),
        [("sectoral", f"{len(stations)} stations, {run.total('power_kw')} kW; {serves}"),
         ("economic", f"PKR {money:,.0f} of public and PKR {cost - money:,.0f} of private money"),
         ("social", f"{facts['served_share']:.1%} of the public charging demand is served; "
                    f"{_near(study)}"),
         ("climate", Blank("emissions avoided (method: Ministry of Climate Change)"))],
    )  # fmt: skip
    word.head("6. Description, justification and technical parameters")
    word.say(f"Aim of the plan: {facts['aim']}. Proof: {facts['proof_text']}.")
    word.say(f"{facts['existing_stations']} stations already exist. ", Blank("justification"))
    if cost >= 300e6:
        word.say(Blank("feasibility study, required from PKR 300 million"))
    word.head("7. Capital cost estimates")
    word.say(f"The costs are in PKR at prices of {PRICES_OF}.")
    word.table(
        ("Component", "PKR"),
        [*((name, run.total(part)) for part, name in PARTS.items() if stations[part].sum() > 0),
         ("total", f"{cost:,.0f}")],
    )  # fmt: skip
    by_year = stations.groupby("year")[["cost_pkr", "subsidy_pkr"]].agg(["size", "sum"])
    opens = [
        (str(year), f"{row['cost_pkr', 'size']:.0f}", f"{row['cost_pkr', 'sum']:,.0f}",
         f"{row['subsidy_pkr', 'sum']:,.0f}")
        for year, row in by_year.iterrows()
    ]  # fmt: skip
    word.table(("Opens in", "Stations", "Cost, PKR", "of which public money, PKR"), opens)
    word.head("8. Annual operating and maintenance cost after completion")
    word.table(
        ("Item", "PKR a year"),
        [*((name, run.total(part)) for part, name in RUNNING.items() if stations[part].sum() > 0),
         ("total", f"{stations[[*RUNNING]].sum().sum():,.0f}")],
    )  # fmt: skip
    word.head("9. Demand and supply analysis")
    wanted = [
        (str(c["vehicle_class"]).replace("_", " "), f"{c['demand_kwh_day']:,.0f}",
         f"{c['served_kwh_day']:,.0f}")
        for c in facts["classes"]
    ]  # fmt: skip
    word.table(("Vehicles", "Demand, kWh/day", "Served, kWh/day"), wanted)
    told = facts["headline"].get("demand_range", {}).get("text")
    percentiles = f", 5th to 95th percentile: {told}." if told else "."
    word.say(f"Demand in {facts['year']}{percentiles}")
    word.head("10. Financial plan and mode of financing")
    word.table(
        ("Source", "PKR"),
        [("public money for this project", f"{money:,.0f}"),
         ("operators of the stations", f"{cost - money:,.0f}"), ("total", f"{cost:,.0f}")],
    )  # fmt: skip
    word.say(f"Budget of the plan: PKR {facts['budget_pkr']:,.0f}. ", Blank("source of the money"))
    word.head("11. Project benefits and analysis")
    weak, sales = (stations["lacking_pkr"] > 0).sum(), subsidy_of(study.config).held_to.sales_share
    # Without the hurdle in the text, "need a subsidy" would contradict an NPV above 0.
    hurdle = f" at {sales:.0%} of their planned sales" if sales < 1 else ""
    word.table(
        ("Benefit", "In this run"),
        [("financial", f"net present value without subsidy PKR {run.total('npv_pkr')}; {weak} of "
                       f"{len(stations)} stations need a subsidy to break even{hurdle}"),
         ("economic", Blank("economic analysis")),
         ("social, with indicators", _near(study)),
         ("employment", Blank("direct and indirect jobs")),
         ("environment", Blank("environmental impact")),
         ("delays", Blank("effect of delays on cost and viability"))],
    )  # fmt: skip
    word.head("12. Implementation schedule and results-based indicators")
    stand = [(year, stations[stations["year"] <= year]) for year in sorted(set(stations["year"]))]
    word.table(
        # The date is 1 January, because the plan counts the energy of the whole year.
        ("By 1 January", "Stations", "Ports", "kW", "Reached"),
        [(str(year), f"{len(there)}", f"{there['ports'].sum():,.0f}",
          f"{there['power_kw'].sum():,.0f}", Blank("observed")) for year, there in stand],
    )  # fmt: skip
    word.head("13. Management structure and manpower requirements")
    word.say(Blank("organisation chart, posts and skills"))
    word.head("14. Additional projects or decisions required")
    word.say("A connection by the power company and a NEECA registration for each station. ",
             Blank("others"))  # fmt: skip
    word.head("15. Certificate")
    for who in ("prepared by", "checked by", "approved by"):
        word.say(f"{who[:1].upper()}{who[1:]}: ", Blank("name, designation, telephone, signature"))
    word.head("Annex A: the stations", new_page=True)
    trace = f"siting trace {run.path.name} STATION"
    word.say(f"To see the source of a row, run: {trace}. Totals are sums before rounding.")
    rows = [
        (row["site_id"], row["place"], row["chargers"], f"{row['power_kw']:,.1f}",
         f"{row['cost_pkr']:,.0f}", f"{row['subsidy_pkr']:,.0f}", f"{row['served_kwh_day']:,.1f}")
        for row in stations.to_dict("records")
    ]  # fmt: skip
    rows.append(("all", "", "", run.total("power_kw", 1), f"{cost:,.0f}", f"{money:,.0f}",
                 run.total("served_kwh_day", 1)))  # fmt: skip
    heads = ("Station", "Place", "Chargers", "kW", "Cost, PKR", "Public money, PKR", "kWh/day")
    word.table(heads, rows)


def _near(study: Any) -> str:
    bands = study.isochrones
    if not len(bands):
        return "people near a station: not known"
    first = bands.sort_values("within_min").iloc[0]
    near = f"{first['people_share']:.1%} of people are within"
    return f"{near} {first['within_min']:g} min of a station"


def _load(run: _Run, row: dict[Any, Any]) -> list[tuple[str, Text]]:
    asked, item = run.plan.study.config.offers, str(row["grid_item"])
    voltage: Text = Blank("voltage of the supply")
    if item.startswith("lt_"):
        voltage = "400 V, low tension"
    elif item.startswith("pmt_"):
        kva = item.removeprefix("pmt_")
        voltage = f"11 kV, through a {kva} kVA 11/0.4 kV pole-mounted transformer"
    line: Text = Blank("nearest 11 kV point and its feeder")
    if asked.lines is not None and row["line_km"] == row["line_km"]:
        line = f"{row['line_km']:,.2f} km of line away, according to the run's layer of 11 kV lines"
    feeder = row.get("feeder_id")
    room: Text = Blank("spare power of the feeder")
    if row["headroom_kw"] == row["headroom_kw"]:
        assumed = "" if asked.feeders is not None else ", from the configuration"
        room = f"{row['headroom_kw']:,.0f}{assumed}"
    return [
        ("applicant", Blank("name, CNIC or NTN, address, telephone")),
        ("purpose", "charging of electric vehicles"),
        ("chargers' rated power, kW", f"{row['power_kw']:,.1f}"),
        # This load, on which the connection and its charges are based, is rounded up, never down.
        ("load requested, kW", f"{math.ceil(row['load_kw'] * 100 - 1e-6) / 100:,.2f}"),
        ("of which existing, kW", f"{row['standing_kw']:,.2f}"),
        ("phases", "three"), ("voltage", voltage), ("nearest 11 kV point", line),
        ("feeder", str(feeder) if isinstance(feeder, str) and feeder else Blank("feeder")),
        ("spare power assumed in the plan, kW", room),
        ("bays", f"{row['bays_needed']:,.0f}"),
        ("needed by", f"1 January {row['year']}"),
        ("single-line diagram", Blank("to be enclosed")),
        ("proof of ownership or lease", Blank("to be enclosed")),
    ]  # fmt: skip


def _licence(run: _Run, row: dict[Any, Any]) -> list[tuple[str, Text]]:
    return [
        ("applicant", Blank("name, registration, address, telephone")),
        ("level", str(row["neeca_level"])),
        ("charging points", f"{row['points']:,.0f}"), ("ports", f"{row['ports']:,.0f}"),
        ("connectors, by type", Blank("standard of each connector")),
        ("total power, kW", f"{row['power_kw']:,.1f}"),
        ("bays", f"{row['bays_needed']:,.0f}"),
        ("initial fee, PKR", f"{row['fee_cost_pkr']:,.0f}"),
        ("annual fee, PKR", f"{row['annual_fee_pkr']:,.0f}"),
        ("layout of the place", Blank("drawing to be enclosed")),
        ("letter from the power company", Blank("to be enclosed")),
    ]  # fmt: skip


def _forms(fields: Callable[..., list[tuple[str, Text]]], use: str) -> Callable[..., None]:
    """Return a function that writes a form for each station: place, chargers and `fields`."""

    def write(word: Word, run: _Run) -> None:
        word.say(f"Each station has its own page with the figures for {use}.")
        for row in run.stations.to_dict("records"):
            word.head(f"{row['site_id']}: {row['name']}", new_page=True)
            first, *rest = fields(run, row)
            place = [("place", row["place"]), ("coordinates (WGS 84)", row["at"]),
                     ("chargers", row["chargers"])]  # fmt: skip
            word.table(("Question", "Answer"), [first, *place, *rest])
            trace = f"siting trace {run.path.name} {row['site_id']}"
            word.say(f"To see the source of a figure, run: {trace}")
            word.say("Date and signature: ", Blank("date, name, signature"))

    return write


def _tender(word: Word, run: _Run, folder: Path) -> None:
    names = ("lots", "within_share", "loss_share", "most_radius_m")
    fix = f"create one with siting lots {run.path}"
    try:
        told = json.loads((folder / "lots.json").read_text(encoding="utf-8"))
        number, within, loss, most_m = (told[name] for name in names)
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise InputError(str(folder), f"is not a folder of lots: {err!r:.80}", fix) from err
    # The lots are computed again, so that edits to the lots folder cannot change a number.
    parted = part_into_lots(run.plan, number, within=within, loss=loss, most_m=most_m)
    facts = parted.facts
    if json.loads(json_text(facts)) != told:
        raise InputError(str(folder), f"has lots from a different run, not from {run.path}", fix)
    service = run.plan.study.config.offers.service
    lacking = float(parted.lots["lacking_pkr"].sum())
    basis = []
    if lacking > float(parted.lots["ceiling_pkr"].sum()) + 1:
        # The ceilings assume the planned sales, but the plan's public money assumes lower sales.
        other = f"the plan's hurdle (PKR {lacking:,.0f} in total, column lacking_pkr of lots.csv)"
        basis = [("basis of the ceilings", Blank(f"planned sales (as listed), or {other}"))]
    word.head("Conditions")
    word.table(("Subject", "Condition"), [
        ("lots", f"{facts['lots']}, listed in Annex 1; each lot is awarded as a whole"),
        ("energy", f"{facts['energy']['least_kwh_day']:,.0f} to "
                   f"{facts['energy']['most_kwh_day']:,.0f} kWh/day per lot in the plan"),
        ("search areas", f"a station may be built by any road within the radius in Annex 2, "
                         f"where it loses at most {facts['loss_share']:.0%} of its energy"),
        ("service standard", f"no more than {service.alpha:.0%} of drivers wait over "
                             f"{service.wait_min:g} min in the busiest hour"),
        ("subsidy ceiling", "as listed for each lot; higher bids are not considered"),
        *basis,
        ("evaluation formula", Blank("e.g. the lowest subsidy requested for the lot")),
        ("availability, penalties, contract term", Blank("conditions of the authority")),
    ])  # fmt: skip
    for n, (name, columns, rows, inner) in enumerate((
        ("lots", LOTS, parted.lots, {"cost_pkr", "npv_pkr", "lacking_pkr", "weak_stations"}),
        ("search areas", AREAS, areas_told(parted), {"where", "energy_kwh_day", "loss_share"}),
    ), 1):  # fmt: skip
        word.head(f"Annex {n}: {name}", new_page=True)
        shown = [column for column in columns if column.value not in inner]
        cells = ([column.text(row) for column in shown] for row in rows.to_dict("records"))
        word.table([column.head for column in shown], cells)
    word.say(f"To see the source of a station's figures, run: siting trace {run.path.name} STATION")


# The title of each paper, and the function that writes it (for a tender, it also takes the lots).
KINDS: dict[str, tuple[str, Callable[..., None]]] = {
    "pc1": ("PC-I", _pc1),
    "load": ("Load applications", _forms(_load, "the form of the Consumer Service Manual")),
    "licence": ("NEECA licence files", _forms(_licence, "NEECA's file")),
    "tender": ("Tender annexes", _tender),
}
