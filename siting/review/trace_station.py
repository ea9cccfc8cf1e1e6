"""Trace the figures of a station: energy served, capacity, load, cost, subsidy and earnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from siting import reference, sites
from siting.errors import InputError
from siting.review.traced import Chain, Factor, Slice, Step, Trace, Traced
from siting.sites.configurations import EXTENDED, UPGRADED
from siting.sites.load import draw_kw, fastest_kw
from siting.sites.standards import group_capacity_kwh_day
from siting.study.program_inputs import subsidy_of
from siting.study.read_sources import configurations_of
from siting.study.to_plan import service_standard
from siting.tables import COST_PARTS, capacity_groups
from siting.texts import counted

HOURS = 24.0
PAISA = 0.01
_SESSION = ("session_kwh", "session_min", "peak_hour_share")


def trace_station(run: Traced, site: str, at: Slice, classes: Sequence[str]) -> Trace:
    """Return the steps behind a station's figures; fail if the station is not in slice `at`."""
    # Stations are the same in every scenario of a year, so any slice of the year lists them.
    slices = run.table("outcome_slices")
    of_year = slices["year"].fillna(run.config.year).astype(int) == at.year
    any_name = str((slices[of_year] if of_year.any() else slices)["slice"].iloc[-1])
    built = run.of_slice("built", any_name if at.name is None else at.name)
    station = built[built["site_id"].astype(str) == site]
    if station.empty:
        what = f"the plan has no station at {site}"
        what += f" in {at.year}" if slices["year"].notna().any() else ""
        fix = f"the command siting explain {run.path} {site} explains why"
        raise InputError("CELL|STATION", what, fix)
    offer_id = str(station["offer_id"].iloc[-1])
    offer = run.table("offers").set_index("offer_id").loc[offer_id]
    served = run.table("outcome_service") if at.name is None else run.of_slice("services", at.name)
    of_site = served["site_id"].astype(str) == site
    served = served[of_site & served["vehicle_class"].isin(list(classes))]
    configuration = str(offer["configuration"]).removeprefix(EXTENDED).removesuffix(UPGRADED)
    # The number of chargers of each type; empty for a station without a configuration.
    counts = configurations_of(run.config.offers, run.table("chargers")).get(configuration, {})
    earned, business = _business(run, site)
    one_year = not slices["year"].notna().any() and len(slices) == 1
    chains = [
        _service(site, served),
        *_capacity(run, offer, counts),
        *_load(run, offer, counts),
        _cost(run, offer, counts),
        *_running(run, offer, business),
        _subsidy(run, site, offer, at.year, business.get("lacking_pkr") if one_year else None),
        *earned,
    ]
    name = run.table("candidates").set_index("site_id")["name"].astype("str").fillna("")[site]
    columns = ["cell_id", "vehicle_class", "served_kwh_day", "travel_min"]
    by_cell = served[columns].sort_values("served_kwh_day", ascending=False, ignore_index=True)
    told = business.rename("value").rename_axis("figure").reset_index()
    return Trace(
        "station", site, name, at.year, at.scenario, tuple(chains),
        {"served": by_cell, "business": told}, (f"{offer['chargers']} ({offer_id})",),
        run.config.note,
    )  # fmt: skip


def _service(site: str, served: pd.DataFrame) -> Chain:
    by_class = served.groupby("vehicle_class")["served_kwh_day"].sum().sort_values(ascending=False)
    cells = served["vehicle_class"].value_counts()
    steps = [
        Step(str(name), f"from {counted(cells[str(name)], 'cell')}", float(kwh), "kWh/day")
        for name, kwh in by_class.items()
    ]
    words = " + ".join(f"{kwh:,.6g}" for kwh in by_class) or "nobody"
    steps.append(Step("served", words, float(by_class.sum()), "kWh/day"))
    return Chain(f"what station {site} serves", tuple(steps))


def _capacity(run: Traced, offer: pd.Series[Any], counts: dict[str, int]) -> Iterator[Chain]:
    """Yield the calculation of an offer's capacity, for each charger group that has a capacity."""
    rule = run.config.offers.service.rule
    availability = float(offer["availability"])
    pairs = run.table("compatibility")
    group_of = run.table("chargers").set_index("charger_id")["charger_group"]
    for group in capacity_groups(offer.index):
        stored = float(offer[f"capacity_{group}_kwh_day"])
        if not stored > 0:
            continue
        types = {name: n for name, n in counts.items() if group_of.get(name) == group}
        factors = [*run.figures_of(["power_kw", "ports"], *types)]
        factors.append(run.worked_out("availability", "", availability, "share", "offers"))
        power = sum(n * run.value("power_kw", name) for name, n in types.items())
        swaps = any(run.value("battery_kwh", name) > 0 for name in types)
        what = f"capacity of group {group}"
        chargers = " + ".join(f"{n} x {name}" for name, n in types.items()) or offer["chargers"]
        if rule == "rated_share" and types and not swaps and not offer["extends"]:
            share = float(run.config.offers.utilisation)
            factors.append(run.worked_out("utilisation", "", share, "share", "config.yaml"))
            words = f"{power:g} kW x {HOURS:g} h x {share:g} x {availability:g} ({chargers})"
            value = power * HOURS * share * availability
            yield Chain(what, (Step(what, words, value, "kWh/day", stored, tuple(factors)),))
            continue
        users = [str(one) for one in pairs.loc[pairs["charger_group"] == group, "vehicle_class"]]
        settings = run.figures["figure"]
        factors += run.figures_of(settings[settings.str.startswith("service.")], "")
        factors += run.figures_of(["service.time_utilisation"], group)
        for name in users:
            factors += run.figures_of(_SESSION, name)
            factors += run.figures_of(["limit_kw"], f"{group} {name}")
        words = f"{chargers}, {rule} rule, available {availability:g} of the time"
        step = Step(what, words, stored, "kWh/day", None, tuple(factors))
        energy = run.table("energy").set_index("vehicle_class")["demand_kwh_day"]
        energy = energy[energy.index.isin(users)]
        if types and not offer["extends"] and not swaps and energy.sum() > 0:
            yield Chain(what, (_waiting(run, step, types, group, energy, availability),))
        else:
            yield Chain(what, (step,), ("taken from the stored offers, not recomputed",))


def _waiting(
    run: Traced,
    step: Step,
    types: dict[str, int],
    group: str,
    energy: pd.Series[float],
    availability: float,
) -> Step:
    """Return the step that recomputes a group's capacity under the waiting standard."""
    sessions = pd.DataFrame(
        [{"vehicle_class": str(name)} | {key: run.value(key, str(name)) for key in _SESSION}
         for name in energy.index]
    )  # fmt: skip
    pairs = run.table("compatibility")
    pairs = pairs[pairs["vehicle_class"].isin(energy.index)]
    weights = {str(name): float(kwh) for name, kwh in energy.items()}
    mix = sites.group_mix(group, pairs, sessions=sessions, energy_kwh_day=weights)
    standard = service_standard.make(run.config)
    chargers = run.table("chargers").set_index("charger_id", drop=False).loc[list(types)]
    number = np.array(list(types.values()))
    value = availability * group_capacity_kwh_day(chargers, number, mix, standard)
    paces = " and ".join(
        f"{mix.minutes(float(one['power_kw']) / float(one['ports'])):,.3g} min at {name}"
        for name, one in chargers.iterrows()
    )
    taken = standard.time_utilisation.get(group)
    words = (
        f"{' + '.join(f'{n} x {name}' for name, n in types.items())}: sessions of "
        f"{mix.session_kwh:,.3g} kWh take {paces}; {mix.peak_hour_share:.1%} are in the day's "
        f"busiest hour; at most {standard.alpha:.0%} wait over {standard.wait_min:g} min (Erlang C)"
    )
    words += f" and ports are in use at most {taken:.0%} of the day" if taken is not None else ""
    words += f"; available {availability:g} of the time"
    return replace(step, words=words, value=value, stored=step.value)


def _cost(run: Traced, offer: pd.Series[Any], counts: dict[str, int]) -> Chain:
    nothing, steps = bool(offer["existing"]), list[Step]()

    def add(column: str, words: str, value: float, *factors: Factor) -> None:
        steps.append(Step(column, words, float(value), "PKR", float(offer[column]), factors))

    counts = {} if nothing else counts
    prices: list[Factor] = []
    each: list[tuple[int, float]] = []
    for name, n in counts.items():
        prices += run.figures_of(["capex_pkr"], name)
        battery = run.value("battery_kwh", name) * run.value("battery_pkr_kwh", name)
        if battery > 0:
            prices += run.figures_of(["battery_kwh", "battery_pkr_kwh"], name)
        each.append((n, run.value("capex_pkr", name) + battery))
    words = " + ".join(f"{n} x {price:,.0f}" for n, price in each) or "nothing is built"
    value = sum(n * p for n, p in each)
    types = run.table("chargers").set_index("charger_id")["charger_group"].astype(str)
    for name in counts:
        group = types[name]
        for road in run.figures_of(["site costs"], f"road_battery_{group.removeprefix('swap_')}"):
            sold = float(offer[f"capacity_{group}_kwh_day"]) / float(offer["availability"])
            price = run.value("battery_pkr_kwh", name)
            words += f" + batteries on the road {road.value:g} x {sold:,.6g} kWh/day x {price:,.0f}"
            value += road.value * sold * price
            prices.append(road)
    add("charger_cost_pkr", words, value, *prices)
    item = str(offer["grid_item"]) if not nothing else ""
    tier, line = run.figure("grid works", item), run.figure("grid works", "overhead_11kv")
    kw = float(offer["load_kw"] - offer["standing_kw"])
    if tier is not None:
        words, value, prices = f"{item}: carries {kw:g} kW of load", tier.value, [tier]
        by_kw = run.figure("grid works", f"{item}_kw")
        if by_kw is not None:
            words += f", {tier.value:,.0f} + {kw:g} kW x {by_kw.value:,.0f}"
            value, prices = tier.value + kw * by_kw.value, [tier, by_kw]
        add("connection_cost_pkr", words, value, *prices)
    if line is not None and float(offer["line_cost_pkr"]) > 0:
        usual = run.figures_of(["grid works"], "distance_city")
        km = [one for one in usual if one.value == offer["line_km"]]
        words = f"{offer['line_km']:g} km x {line.value:,.0f} PKR/km"
        add("line_cost_pkr", words, float(offer["line_km"]) * line.value, line, *km)
    if float(offer["upgrade_cost_pkr"]) > 0:
        items = run.figures_of(["grid works"], "upgrade_fixed", "upgrade_kw")
        fixed, per_kw = (one.value for one in items)
        words = f"{fixed:,.0f} + {offer['upgrade_kw']:g} kW x {per_kw:,.0f}"
        add("upgrade_cost_pkr", words, fixed + float(offer["upgrade_kw"]) * per_kw, *items)
    fee = run.figure("fee", "application")
    if fee is not None and not nothing:
        add("fee_cost_pkr", "application", fee.value, fee)
    bays = float(offer["bays_needed"])
    works = float(offer["grid_cost_pkr"] + offer["civil_cost_pkr"])
    whole = float(offer["charger_cost_pkr"]) + works + float(offer["design_cost_pkr"])
    for item, column, base, words in (
        ("civil_bay", "civil_cost_pkr", bays, "bays"),
        ("land_bay_upfront", "land_cost_pkr", bays, "bays"),
        ("design_share", "design_cost_pkr", works, "grid and civil works"),
        ("contingency_share", "contingency_cost_pkr", whole,
         "chargers, grid, civil works and design"),
        ("deposit_kw", "deposit_cost_pkr", kw, "kW of load"),
    ):  # fmt: skip
        one = run.figure("site costs", item)
        unused = not offer[column] > 0 if item == "land_bay_upfront" else nothing
        if one is None or unused:
            continue
        said = f"{base:g} {words} x {one.value:,.0f}"
        if item.endswith("_share"):
            said = f"{one.value:g} x {base:,.0f}, {words}"
        add(column, said, one.value * base, one)
    told = {step.what for step in steps}
    # Costs that no step above explains. The grid's cost is left out: it is the sum of its parts.
    others = [p for p in COST_PARTS if p in offer.index and p not in (*told, "grid_cost_pkr")]
    steps += [Step(p, "as stored", float(offer[p]), "PKR") for p in others if offer[p] > 0]
    value = sum(step.value for step in steps)
    words = " + ".join(f"{step.value:,.0f}" for step in steps)
    steps.append(Step("cost_pkr", words, value, "PKR", float(offer["cost_pkr"])))
    return Chain("what it costs", tuple(steps))


def _load(run: Traced, offer: pd.Series[Any], counts: dict[str, int]) -> list[Chain]:
    """Return the calculation of an offer's load on the grid; empty if the offer builds nothing."""
    if offer["existing"] or not counts:
        return []
    types = run.table("chargers").set_index("charger_id", drop=False).loc[list(counts)]
    preset = run.config.offers.costs.preset
    limits = reference.at_preset(sites.charging_limits(), preset, "limit_kw")
    pairs = run.table("compatibility")
    steps = []
    for group, rows in types.groupby("charger_group", sort=False):
        fastest = fastest_kw(str(group), pairs, limits)
        drawn = draw_kw(rows, fastest)
        number = np.array([counts[str(name)] for name in rows["charger_id"]])
        words = " + ".join(f"{n} x {kw:g} kW" for n, kw in zip(number, drawn, strict=True))
        factors = [*run.figures_of(["power_kw", "ports"], *rows["charger_id"].astype(str))]
        users = pairs.loc[pairs["charger_group"] == group, "vehicle_class"]
        if np.isfinite(fastest):
            factors += run.figures_of(["limit_kw"], *(f"{group} {name}" for name in users))
            words += f", no vehicle above {fastest:g} kW"
        steps.append(Step(str(group), words, float(number @ drawn), "kW", None, tuple(factors)))
    every = sum(step.value for step in steps) + float(offer["standing_kw"])
    words = " + ".join(f"{step.value:,.6g}" for step in steps)
    words += f" + {offer['standing_kw']:g} existing" if offer["standing_kw"] > 0 else ""
    load = float(offer["load_kw"])
    if load < every:
        words += f", less {every - load:,.6g} for ports that are never all in use"
    busy = run.figures_of(["site costs"], "busy_share")
    steps.append(Step("load_kw", words, load, "kW", None, busy))
    return [Chain("load on the grid", tuple(steps))]


def _running(run: Traced, offer: pd.Series[Any], business: pd.Series[Any]) -> list[Chain]:
    """Return how a new station's fixed yearly cost is computed; it does not depend on sales."""
    if offer["existing"]:
        return []
    bays, months = float(offer["bays_needed"]), 12.0
    steps = []

    def step(column: str, base: str, times: float, figure: str, *of: str) -> None:
        stored = offer[column] if column in offer.index else business.get(column)
        factors = run.figures_of([figure], *of)
        if stored is None or len(factors) < len(of):
            return
        words, value = base, times
        for one in factors:
            words, value = f"{words} x {one.value:,.6g}", value * one.value
        gap = abs(value - float(stored))
        exact = float(stored) if column in offer.index or gap > PAISA else value
        steps.append(Step(column, words, value, "PKR/year", exact, factors))

    chargers = float(offer["charger_cost_pkr"] - offer["battery_cost_pkr"])
    step("om_pkr_year", f"{chargers:,.0f}, chargers", chargers, "site costs", "om_share")
    works = sum(float(offer[f"{part}_cost_pkr"]) for part in ("charger", "grid", "civil"))
    step("insurance_pkr_year", f"{works:,.0f}, chargers and works", works, "site costs",
         "insurance_share")  # fmt: skip
    if run.config.offers.costs.land == "lease":
        step("land_pkr_year", f"{bays:g} bays x {months:g} months", bays * months, "site costs",
             "land_bay_month")  # fmt: skip
    step("annual_fee_pkr", f"NEECA, level {offer['neeca_level']}", 1.0, "fee",
         f"annual {offer['neeca_level']}")  # fmt: skip
    kw = float(offer["load_kw"] - offer["standing_kw"])
    step("fixed_charge_pkr_year", f"{kw:g} kW of load x {months:g} months", kw * months,
         "business case", "fixed_charge")  # fmt: skip
    if not offer["extends"]:
        dc = float(offer.get("capacity_dc_kwh_day", 0.0)) > 0
        step("staff_pkr_year", f"{months:g} months", months, "business case",
             "attendants" if dc else "attendants_other", "attendant_month")  # fmt: skip
    value = sum(one.value for one in steps)
    words = " + ".join(f"{one.value:,.0f}" for one in steps)
    return [Chain("yearly cost that does not depend on sales",
                  (*steps, Step("running costs", words, value, "PKR/year")))]  # fmt: skip


def _subsidy(
    run: Traced, site: str, offer: pd.Series[Any], year: int, lacking: float | None
) -> Chain:
    """Return how the public money paid to a station is computed; `lacking`: shortfall (PKR)."""
    rule = subsidy_of(run.config)
    paid = run.table("outcome_paid")
    until = paid["year"].fillna(year).astype(int) <= year
    # A row of this table has the sum of all payments up to its year.
    payments = paid.loc[until & (paid["site_id"].astype(str) == site), "subsidy_pkr"]
    drawn = float(payments.max()) if len(payments) else 0.0
    settings = run.figures["figure"]
    factors = run.figures_of(settings[settings.str.startswith("subsidy.")], "")
    words, value = "as stored", drawn
    stored: float | None = None
    if offer["existing"]:
        words = "an existing station draws no public money"
    elif rule.rule in ("share", "flat"):
        row = offer.to_frame().T.reset_index(drop=True)
        value, stored = float(sites.subsidy_pkr(row, rule).iloc[0]), drawn
        shares = rule.shares.items()
        words = " + ".join(f"{share:g} x {offer[part]:,.0f}" for part, share in shares if share)
        words = words or "nothing"
        if rule.rule == "flat":
            words = f"{rule.flat_pkr:,.0f}, at most the cost of {offer['cost_pkr']:,.0f}"
        if rule.cap_per_station_pkr is not None:
            words += f", at most {rule.cap_per_station_pkr:,.0f}"
    elif rule.rule == "need" and lacking is not None:
        words = "the shortfall of its business case"
        if rule.hurdle.real_return is not None:
            words += f" at a real return of {rule.hurdle.real_return:.0%}"
        if rule.hurdle.sales_share < 1:
            words += f" to break even at {rule.hurdle.sales_share:.0%} of its sales"
        words += f": {lacking:,.0f}"
        if run.config.offers.subsidy.concessions is not None:
            words += ", shared in a concession with the shortfall and surplus of its other stations"
        elif abs(lacking - drawn) <= PAISA:  # the table of business cases is rounded
            stored = drawn
        else:
            words += (
                f", and {drawn - lacking:,.0f} more: the program uses, for each vehicle class, the "
                "lowest margin of the chargers that the class can use"
            )
    step = Step("subsidy_pkr", words, value, "PKR", stored, factors)
    return Chain(f"public money, {rule.rule} rule", (step,))


def _business(run: Traced, site: str) -> tuple[list[Chain], pd.Series[Any]]:
    """Return how a station's NPV is computed, and its business case; both are empty if unknown."""
    rows = pd.read_csv(run.path / "business.csv", dtype={"site_id": str})
    rows = rows[rows["site_id"] == site].drop(columns="note", errors="ignore")
    if rows.empty:
        return [], pd.Series(dtype=object)
    row = rows.iloc[-1]
    money = run.figures[run.figures["used_for"] == "business case"]
    factors = run.figures_of(["business case"], "", *money["of"])
    words = "business.csv: sales, yearly costs and replacements over the horizon, discounted"
    step = Step("npv_pkr", words, float(row["npv_pkr"]), "PKR", None, factors)
    return [Chain("net present value without subsidy", (step,))], row.drop(["site_id", "offer_id"])
