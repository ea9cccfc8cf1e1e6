"""Tables and headline figures of a solution, for every block that the program uses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from siting.engine.answer import AimProof, Answer
from siting.engine.clock import Progress
from siting.outcome import Line, Outcome, outcome_of
from siting.program.aims import DRIVERS_TIME, LeastMoney, MostWorth, WorstShare
from siting.program.money import MONEY
from siting.program.program import Program
from siting.study.mandates import NOT_FOUND, mandates_told
from siting.study.other_plans import Effort, alternatives, best_by_scenario, myopic, only_these
from siting.study.program_inputs import Asked
from siting.study.program_zones import gini, zone_table
from siting.study.to_limits import limits_used
from siting.study.to_program import MILLION, aim_in_words, aims_of, blocks_of, zones_named
from siting.texts import counted

# Unspent money is reported if it is at least this sum (PKR) and at least this share of the budget.
LITTLE_PKR, LITTLE = 10_000.0, 0.01
# If the cost of mandates is computed as well, the solve of the plan gets this share of its time.
BESIDE_MANDATES = 0.7


def decide(
    asked: Asked,
    program: Program,
    *,
    progress: Callable[[Progress], None] | None = None,
    start: Sequence[str] = (),
    answer: Answer | None = None,
) -> Outcome:
    """Return the outcome of a solve, with the tables of every block that the program uses.

    `start` lists the offers of an earlier plan. `answer` is the solution, if already known. Raises
    `InfeasibleError` if no plan meets all requirements, and `SolveError` if no plan is found in
    time.
    """
    keys = asked.config.program
    effort = Effort(asked.config, progress)
    share = 1.0 if keys.alternatives is None else 1 / keys.alternatives.count
    if keys.limits.mandates:
        share *= BESIDE_MANDATES
    return _Told(asked, answer or effort.solve(program, share, start), effort).outcome()


def bare_outcome(asked: Asked, answer: Answer) -> tuple[Outcome, dict[int | None, pd.DataFrame]]:
    """Return the outcome without tables of blocks, and the energy served by stations, by year."""
    config = asked.config
    outcome = outcome_of(answer, aim=aim_in_words(config), blocks=sorted(blocks_of(config)))
    years = list(asked.own)
    if config.program.scenarios is None:
        services = {year: answer.service("" if year is None else str(year)) for year in years}
    else:
        services = only_these(asked, outcome.built)
    last = years[-1]
    cost = asked.offers.set_index("offer_id")["cost_pkr"].astype(float)
    outcome = replace(
        outcome,
        service=services[last],
        demand_kwh_day=float(asked.last_demand["demand_kwh_day"].sum()),
        served_kwh_day=float(services[last]["served_kwh_day"].sum()),
        cost_pkr=float(cost.loc[list(outcome.offers)].sum()),
        limits=tuple(limits_used(asked.limits, outcome.drawn)),
    )
    return outcome, services


@dataclass
class _Told:
    """The tables of a solution, and the headline figures that need further solves."""

    asked: Asked
    answer: Answer
    effort: Effort
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def outcome(self) -> Outcome:
        """Return the outcome with its tables and headline figures."""
        asked, answer, keys = self.asked, self.answer, self.asked.config.program
        outcome, services = bare_outcome(asked, answer)
        if keys.years is not None:
            self.tables |= year_tables(asked, outcome, answer.program, services)
            alone = keys.scenarios is None and asked.need is None
            if alone and aims_of(asked.config)[0] == "most_worth":
                self._foresight(self.tables["years"])
        if keys.scenarios is not None:
            self._scenarios()
        self.tables |= zone_tables(asked, outcome)
        if keys.fairness == "max_min":
            self._fairness()
        left = ""
        if answer.left_out.offers:
            left = self._left_out()
        elif asked.budgeted and answer.program.all_aims[0].is_plain_worth:
            left = self._unspent(outcome)
        if keys.least_gain.always and asked.budgeted:
            left = self._left(outcome) or left
        if left:
            self.lines.append(Line("money_left", "Money left", left))
        if asked.need is not None:
            self._viability(outcome)
        for aim in answer.program.all_aims:
            if parts := aim.parts(answer):
                self.tables["cost_to_all"] = cost_table(parts)
        if keys.limits.mandates:
            self.tables["mandates"], told = mandates_told(asked, answer, self.effort)
            self.lines += told
        if keys.alternatives is not None:
            self.tables["alternatives"], self.tables["alternative_sites"] = alternatives(
                answer.program, answer, keys.alternatives, self.effort
            )
        outcome = replace(outcome, tables=self.tables)
        lines = lines_of(asked, outcome, answer.program.worth_unit, self.lines)
        return replace(outcome, lines=tuple(lines))

    def _foresight(self, table: pd.DataFrame) -> None:
        """Add the gain in worth from planning all years together rather than year by year."""
        alone = myopic(self.asked, self.effort)
        text = NOT_FOUND
        if alone is not None:
            at = list(table.columns).index("budget_pkr")
            table.insert(at, "myopic_kwh_day", [plan.served_kwh_day for plan in alone])
            weights = table["weight"].to_numpy(dtype=float)
            worth = float((weights * [plan.worth_in(0) for plan in alone]).sum())
            more = self.answer.proof.objective - worth
            text = f"{more:,.0f} {self.answer.program.worth_unit}, a weighted sum over the years"
        self.lines.append(Line("worth_of_foresight", "Worth of planning ahead", text))

    def _scenarios(self) -> None:
        """Add a table of scenarios in the last year and, if found in time, of robust sites."""
        answer, program = self.answer, self.answer.program
        plan = program.scenario_plan
        assert plan is not None
        columns = ["scenario", "demand_kwh_day", "served_kwh_day"]
        table = answer.served.tail(len(plan.names)).reset_index(drop=True)[columns]
        table.insert(1, "probability", list(plan.probabilities))
        worth = answer.worth_of_scenarios
        if (best_plans := best_by_scenario(program, self.effort, answer.offers)) is not None:
            best = np.array([one.proof.objective for one in best_plans])
            bound = np.array([max(one.proof.bound, one.proof.objective) for one in best_plans])
            regret = np.maximum(bound - worth, 0.0)
            plain = program.counts_energy and program.year_plan is None
            what = "kwh" if plain else "worth"
            table = table.assign(
                **({} if plain else {"worth": worth}),
                **{f"best_{what}": best, f"best_bound_{what}": bound, f"regret_{what}": regret},
                regret_share=regret / np.where(bound > 0, bound, 1.0),
            )
            self.tables["robust"] = _robust(answer, best_plans)
        self.tables["scenarios"] = table

    def _fairness(self) -> None:
        """Add the Gini coefficient of the share served in each zone, and the price of fairness."""
        asked, answer = self.asked, self.answer
        assert asked.zones is not None
        zones = self.tables["zones"]
        people = zones["zone"].map(asked.people).fillna(0.0).to_numpy(dtype=float)
        weight = people if people.sum() > 0 else zones["demand_kwh_day"].to_numpy(dtype=float)
        equal = gini(zones["served_share"].to_numpy(dtype=float), weight)
        proof = next(one.proof for one in answer.proofs if one.aim == WorstShare.name)
        program = replace(answer.program, aims=(MostWorth(),))
        usual = self.effort.attempt(program, 0.5, answer.offers)
        even, price = f"{equal:.3f}", NOT_FOUND
        if usual is not None:
            shares = zone_table(asked.zones, asked.last_demand, usual.service(), {})["served_share"]
            even += f", without fairness {gini(shares.to_numpy(dtype=float), weight):.3f}"
            fair = replace(answer, program=program)
            price = f"{max(usual.proof.objective - fair.worth, 0.0):,.0f} {program.worth_unit}"
            if program.counts_energy and len(program.slices) == 1 and program.gap is None:
                price += f", or {self._more_budget(usual, proof.objective)}"
        self.lines.append(Line("gini", "Gini of shares served", even))
        self.lines.append(Line("price_of_fairness", "Price of fairness", price))

    def _more_budget(self, usual: Answer, share: float) -> str:
        """State the extra budget to serve as much as `usual`, and at least `share` of each zone."""
        wanted_kwh = usual.demand_kwh_day
        program = replace(usual.program, aims=(LeastMoney(),), floors=()).without_budget()
        city = (1 - 1e-6) * usual.served_kwh_day / wanted_kwh if wanted_kwh else 0.0
        program = program.floor(city).floor((1 - 1e-6) * share, zones_named(self.asked))
        if (cheapest := self.effort.attempt(program)) is None:
            return f"an extra budget that was {NOT_FOUND}"
        more_pkr = max(cheapest.subsidy_pkr - usual.budget_pkr, 0.0)
        return f"an extra budget of PKR {more_pkr / MILLION:,.2f} m"

    def _left_out(self) -> str:
        """State the money for, and the energy of, stations left out because of the least gain."""
        out, gain = self.answer.left_out, self.asked.config.program.least_gain.per_million
        stations, worth = counted(len(out.offers), "station"), max(out.worth, 0.0)
        text = f"PKR {out.subsidy_pkr / MILLION:,.2f} m for {stations} would add {worth:,.0f} "
        return f"{text}kWh/day, but program.least_gain requires {gain:g} kWh/day for each PKR m"

    def _unspent(self, outcome: Outcome) -> str:
        """State the unspent money, if any, and an upper bound on the worth that it could add."""
        left, proof = outcome.budget_pkr - outcome.subsidy_pkr, self.answer.proofs[0].proof
        if left < max(LITTLE_PKR, LITTLE * outcome.budget_pkr) or not math.isfinite(proof.bound):
            return ""
        more = math.ceil(max(proof.bound - proof.objective, 0.0))
        text = f"PKR {left / MILLION:,.2f} m could add at most {more:,} "
        return f"{text}{self.answer.program.worth_unit}"

    def _left(self, outcome: Outcome) -> str:
        """State the money unspent because of the least gain, and the worth that it would add."""
        if (left := outcome.budget_pkr - outcome.subsidy_pkr) < 1.0:
            return ""
        program, answer = self.answer.program, self.answer
        at = next(n for n, aim in enumerate(program.aims) if aim.of_worth)
        spent = replace(program, aims=(*program.aims[:at], MostWorth()))
        money = f"PKR {left / MILLION:,.2f} m"
        if (usual := self.effort.attempt(spent, 0.5, answer.offers)) is None:
            return f"{money}; the best way to spend this money was {NOT_FOUND}"
        before, proof = answer.worth, usual.proofs[at].proof
        more, most = max(proof.objective - before, 0.0), max(proof.bound - before, 0.0)
        text = f"{money} would add {more:,.4g} {program.worth_unit}"
        if most > more * 1.01 + 1e-6:
            text += f" in the best plan found, and at most {most:,.4g} in any plan"
        return text

    def _viability(self, outcome: Outcome) -> None:
        """Add a table with the need, the earnings and the public money of each station."""
        need, service = self.asked.need, outcome.service
        assert need is not None
        sites = need.offers[need.offers["offer_id"].isin(list(outcome.offers))]
        sites = sites[["site_id", "offer_id", "cost_pkr"]].sort_values("site_id", ignore_index=True)
        by_class: Any = need.rule.margin_pkr
        margin = service["vehicle_class"].map(by_class).astype(float)
        values: dict[str, Any] = {
            "served_kwh_day": service.groupby("site_id")["served_kwh_day"].sum(),
            "earned_pkr": (service["served_kwh_day"] * margin).groupby(service["site_id"]).sum(),
            "subsidy_pkr": outcome.subsidies,
        }
        for name, by_site in values.items():
            sites[name] = sites["site_id"].map(by_site).fillna(0.0).astype(float)
        share = sites["subsidy_pkr"] / sites["cost_pkr"].where(sites["cost_pkr"] > 0)
        self.tables["viability"] = sites.assign(subsidy_share=share.fillna(0.0))


def year_tables(
    asked: Asked, outcome: Outcome, program: Program, services: Mapping[int | None, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Return the tables of a plan with years; `services` has the energy served, by year."""
    built = built_by_year(outcome, program)
    money = money_by_year(outcome.money, program)
    years = money["year"]
    weights = outcome.slices.drop_duplicates("year").set_index("year")["weight"]
    fresh = built[built["built_year"] == built["year"]]
    instance = program.instance
    before = set(instance.site_ids[instance.offer_site][instance.offer_existing])
    new = ~fresh.duplicated("site_id") & ~fresh["site_id"].isin(before)
    wanted = [float(asked.own[year]["demand_kwh_day"].sum()) for year in years]
    served = [float(services[year]["served_kwh_day"].sum()) for year in years]
    table = pd.DataFrame(
        {
            "year": years,
            "weight": years.map(weights).astype(float),
            "demand_kwh_day": wanted,
            "served_kwh_day": served,
            "served_share": np.array(served) / np.maximum(wanted, 1e-12),
        }
    )
    counted_rows = {"stations": built, "new_stations": fresh[new], "upgraded_stations": fresh[~new]}
    for name, rows in counted_rows.items():
        table[name] = rows["year"].value_counts().reindex(years, fill_value=0).to_numpy()
    cells = cells_by_year(asked.own, services)
    return {"years": table.merge(money, on="year"), "built": built, "year_cells": cells}


def zone_tables(asked: Asked, outcome: Outcome) -> dict[str, pd.DataFrame]:
    """Return the tables of zones and floors; empty if the plan has neither."""
    tables = {}
    if asked.zones is not None:
        floors = asked.floors_of_zones
        tables["zones"] = zone_table(asked.zones, asked.last_demand, outcome.service, floors)
    return tables | ({"floors": outcome.floors} if len(outcome.floors) else {})


def cost_table(parts: Mapping[str, float]) -> pd.DataFrame:
    """Return a table of the cost to all (stations plus drivers' time), by part, in PKR a year."""
    whole = {**parts, "all": sum(parts.values())}
    return pd.DataFrame({"part": list(whole), "pkr_year": list(whole.values())})


def lines_of(
    asked: Asked, outcome: Outcome, unit: str, others: Iterable[Line] = ()
) -> Iterator[Line]:
    """Yield the headline figures of the outcome and of further solves, in reading order.

    `unit` is the unit of worth. `others` has the headline figures of further solves.
    """
    keys, tables = asked.config.program, outcome.tables
    solved = {one.field: one for one in others}
    # If an aim has two proofs, the first proof is shown.
    proofs = {one.aim: one.proof for one in reversed(outcome.proofs)}

    def also(*fields: str) -> Iterator[Line]:
        return (solved[field] for field in fields if field in solved)

    if outcome.guarantee:
        yield Line("guarantee", "Guarantee", outcome.guarantee)
    if keys.objective != "energy" or keys.decay is not None:
        table = outcome.served.merge(outcome.slices[["slice", "weight", "probability"]], on="slice")
        worth = float((table["worth"] * table["weight"] * table["probability"]).sum())
        yield Line("worth", "Worth of the plan", f"{worth:,.0f} {unit}")
    if "years" in tables:
        columns = ["year", "served_kwh_day", "demand_kwh_day", "served_share", "new_stations"]
        rows = tables["years"][columns].itertuples(index=False)
        for year, served, demand, share, stations in rows:
            text = f"{served:,.0f} of {demand:,.0f} kWh/day ({share:.1%}), "
            text += counted(stations, "new station")
            yield Line(f"in_{year}", f"In {year}", text)
    yield from also("worth_of_foresight")
    if "scenarios" in tables:
        table = tables["scenarios"]
        for row in table.itertuples():
            text, best = f"{row.served_kwh_day:,.0f} kWh/day", "the best plan for this scenario"
            if "regret_share" in table.columns:
                text += f", at most {row.regret_share:.1%} below {best}"
            else:
                text += f"; {best} was {NOT_FOUND}"
            label = f"If {row.scenario} (probability {row.probability:g})"
            yield Line(f"scenario_{row.scenario}", label, text)
        mean = float((table["probability"] * table["served_kwh_day"]).sum())
        yield Line("mean_energy", "Energy on average", f"{mean:,.0f} kWh/day")
        count = f"{tables['robust']['robust'].sum():,}" if "robust" in tables else NOT_FOUND
        yield Line("robust_sites", "Sites in every scenario's plan", count)
    if keys.fairness == "max_min":
        worst = tables["zones"].sort_values(["served_share", "zone"]).iloc[0]
        text = f"{worst['zone']} ({worst['served_share']:.1%})"
        yield Line("worst_zone", "Worst-served zone", text)
        proof = proofs[WorstShare.name]
        yield Line("worst_share_proof", "Proof of the worst share", str(proof))
    yield from also("gini", "price_of_fairness")
    if keys.least_cost is not None:
        money, proof = keys.least_cost.money, proofs[LeastMoney.name]
        text = f"PKR {proof.objective / MILLION:,.2f} m; no plan needs less than "
        text += f"PKR {proof.bound / MILLION:,.2f} m"
        yield Line(f"least_{money}", f"Least {MONEY[money]}", text)
    yield from also("money_left")
    if "cost_to_all" in tables:
        yield from cost_lines(tables["cost_to_all"], asked)
    yield from also("mandates_cost", "mandates_pooled")
    for one in outcome.proofs[1:]:
        yield then_line(one, outcome)


def then_line(one: AimProof, outcome: Outcome) -> Line:
    """Return the proof of an aim other than the first aim, as a headline figure."""
    proof, served = one.proof, outcome.served_kwh_day
    if one.aim == "shortest drives" and len(outcome.slices) == 1 and served > 0:
        objective, bound = proof.objective / served, proof.bound / served
        proof = replace(proof, objective=objective, bound=bound, unit="min a driver")
    return Line(f"then_{one.aim.replace(' ', '_')}", f"Then {one.aim}", str(proof))


def _robust(answer: Answer, best_plans: Sequence[Answer]) -> pd.DataFrame:
    """Return one row per site with a station in the plan or in a scenario's best plan."""
    sites = answer.program.instance
    plans = (answer, *best_plans)
    standing = [set(sites.site_ids[sites.offer_site[plan.standing]]) for plan in plans]
    names = sorted(set().union(*standing))
    times = [sum(name in one for one in standing[1:]) for name in names]
    return pd.DataFrame(
        {
            "site_id": pd.Series(names, dtype="str"),
            "in_plan": [name in standing[0] for name in names],
            "scenarios": times,
            "robust": [count == len(best_plans) for count in times],
        }
    )


def cost_lines(table: pd.DataFrame, asked: Asked) -> list[Line]:
    """Return headline figures on the cost of stations, and the cost and value of drivers' time."""
    cost = {part: pkr / MILLION for part, pkr in zip(table["part"], table["pkr_year"], strict=True)}
    values = asked.to_all.value_pkr_h.items()
    minute = ", ".join(f"{pkr / 60:.2f} ({name.replace('_', ' ')})" for name, pkr in values)
    over = ", a weighted sum over the years" if asked.config.program.years else ""
    return [
        Line(
            "cost_to_all",
            "Cost to all",
            f"PKR {cost['all']:,.2f} m a year{over}: {cost['stations']:,.2f} m for new stations, "
            f"{cost[DRIVERS_TIME]:,.2f} m for drivers' time to the charger",
        ),
        Line("minute_value", "A driver's minute", f"is valued at PKR {minute}"),
        Line("minute_otherwise", "Other values of time", _at_other_values(cost)),
    ]


def _at_other_values(cost: Mapping[str, float]) -> str:
    """State the yearly cost of stations and drivers' time if the value of time doubles or halves.

    >>> _at_other_values({"stations": 90.0, "drivers' time": 10.0})
    "this plan's cost to all is PKR 110.00 m a year at twice the value (drivers' time 18%) and \
PKR 95.00 m at half the value (5%); at the value used, drivers' time is 10%. At other values, \
another plan may be best"
    """
    stations, time = cost["stations"], cost[DRIVERS_TIME]
    whole = {factor: stations + factor * time for factor in (2.0, 1.0, 0.5)}
    share = {n: f"{n * time / pkr if pkr > 0 else 0.0:.0%}" for n, pkr in whole.items()}
    return (
        f"this plan's cost to all is PKR {whole[2.0]:,.2f} m a year at twice the value (drivers' "
        f"time {share[2.0]}) and PKR {whole[0.5]:,.2f} m at half the value ({share[0.5]}); at the "
        f"value used, drivers' time is {share[1.0]}. At other values, another plan may be best"
    )


def built_by_year(outcome: Outcome, program: Program) -> pd.DataFrame:
    """Return the stations of each year, with the year built and the subsidy paid in the year."""
    built = outcome.built.drop_duplicates(["year", "site_id"])[["year", "offer_id", "site_id"]]
    table = built.sort_values(["year", "offer_id"]).merge(outcome.paid, on=["site_id", "year"])
    instance, site = program.instance, table["site_id"]
    there = instance.offer_existing
    sites = instance.site_ids[instance.offer_site[there]]
    stands = site.map(dict(zip(sites, instance.offer_ids[there], strict=True)))
    before = np.where(site.duplicated(), table.groupby("site_id")["offer_id"].shift(), stands)
    built_year = table["year"].where(table["offer_id"] != before).groupby(site).ffill()
    drawn = table.groupby("site_id")["subsidy_pkr"].diff().fillna(table["subsidy_pkr"])
    table.insert(3, "built_year", built_year)
    return table.assign(subsidy_pkr=drawn).astype({"built_year": "Int64", "year": "int64"})


def money_by_year(money: pd.DataFrame, program: Program) -> pd.DataFrame:
    """Return a table of public money (PKR): granted, carried over, spent and left in each year."""
    assert program.year_plan is not None
    rows, carried = [], 0.0
    for year, granted, spent in money.itertuples(index=False):
        given = granted if program.budgeted else spent
        left = given + carried - spent
        rows.append((int(year), given, carried, spent, left))
        carried = left if program.year_plan.carry_over else 0.0
    columns = ["year", "budget_pkr", "carried_pkr", "spent_pkr", "left_pkr"]
    return pd.DataFrame(rows, columns=columns)


def cells_by_year(
    demand: Mapping[int | None, pd.DataFrame], service: Mapping[int | None, pd.DataFrame]
) -> pd.DataFrame:
    """Return the demand and the energy served, with one row per year, cell and vehicle class.

    Columns: ``year``, ``cell_id``, ``vehicle_class``, ``demand_kwh_day``, ``served_kwh_day`` and
    ``site_id`` (the station that serves most of the row; blank if none serves it).
    """
    parts = []
    for year, wanted in demand.items():
        rows = service[year].sort_values(["served_kwh_day", "site_id"], ascending=[False, True])
        main = rows.drop_duplicates("demand_id").set_index("demand_id")["site_id"]
        got = rows.groupby("demand_id")["served_kwh_day"].sum()
        part = wanted[["cell_id", "vehicle_class", "demand_kwh_day"]].assign(
            served_kwh_day=wanted["demand_id"].map(got).fillna(0.0),
            site_id=wanted["demand_id"].map(main).astype("str"),
        )
        part.insert(0, "year", year)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
