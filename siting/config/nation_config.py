"""The configuration of a nation: its cities, each a separate study, and their shared budget."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from siting.config.fields import Folder, Refusal, RunName, Section, Share, TableName, Text, YamlFile
from siting.config.forms import with_keys
from siting.config.key_faults import dotted
from siting.config.program import Program, Years
from siting.config.reading import load, load_as
from siting.config.refusals import clashes
from siting.config.sections import Config
from siting.config.yaml_text import Key
from siting.errors import ConfigError, did_you_mean

Overrides = Annotated[tuple[Text, ...], Field(strict=False)]


class MoneyRange(Section):
    """Floor and ceiling on public money: in PKR, as a share of the nation's budget, or both.

    With yearly budgets, the floor and the ceiling apply to the sum over the years.
    """

    least_pkr: float = Field(0, ge=0)
    """minimum public money, PKR"""
    most_pkr: float | None = Field(None, ge=0)
    """maximum public money, PKR; default: no limit in PKR"""
    least_share: Share = 0
    """minimum public money, as a share of the nation's budget"""
    most_share: Share = 1
    """maximum public money, as a share of the nation's budget"""

    def least(self, budget_pkr: float) -> float:
        """Return the minimum amount (PKR)."""
        return max(self.least_pkr, self.least_share * budget_pkr)

    def most(self, budget_pkr: float) -> float:
        """Return the maximum amount (PKR)."""
        most_pkr = math.inf if self.most_pkr is None else self.most_pkr
        return min(most_pkr, self.most_share * budget_pkr)


class CityOfNation(MoneyRange):
    """One city: its configuration, and the floor and ceiling on its public money."""

    config: YamlFile
    """the city's configuration, which is a study"""
    set: Overrides = ()
    """KEY=VALUE pairs that override keys of the city's configuration"""
    takes_part: Literal["may", "must", "never"] = "may"
    """role of the city in the plan; must: it receives at least one new station; never: it receives
    no public money"""
    province: Text | None = None
    """province of the city; default: the province of demand.city in the packaged table"""


FileOrCity = Annotated[
    CityOfNation, BeforeValidator(lambda v: {"config": v} if isinstance(v, str) else v)
]


class ClassEnvelope(Section):
    """A cap on the public money for certain charger groups, over all cities."""

    budget_pkr: float = Field(ge=0)
    """maximum public money for these charger groups, PKR"""
    charger_groups: Annotated[tuple[TableName, ...], Field(strict=False)] = Field(min_length=1)
    """groups of the charger catalogue that draw on the envelope (lev, ac, dc …)"""


class NationSolver(Section):
    """The solver settings of a nation."""

    gap: Share = 0.01
    """proven relative gap of the nation's plan at which the solver stops"""
    time_limit_s: float = Field(10, gt=0, le=604_800)
    """mean time limit per city, s; larger cities get more time"""
    rounds: int = Field(3, ge=1, le=50)
    """maximum number of rounds; each round divides the budget among the cities again, and
    solves the cities again at new prices of public money"""


class NationOutput(Section):
    """The folders for results."""

    runs_dir: Folder = Path("runs")
    """parent folder of the plans, each of which has its own folder"""


class NationConfig(Section):
    """A nation: cities that share a budget."""

    name: RunName
    """short name of the nation, also used for its folder"""
    title: Text = Field(default_factory=lambda data: data.get("name", "untitled"))
    """name shown in outputs"""
    note: str = ""
    """caveat repeated in every output"""
    budget_pkr: float | None = Field(None, gt=0, le=1e14)
    """public money of all cities together, PKR; set either budget_pkr or years"""
    years: Years | None = None
    """public money by year, in place of budget_pkr; every city's plan covers these years, and
    shares, floors and ceilings apply to the sum over the years; default: a single budget"""
    cities: Annotated[tuple[FileOrCity, ...], Field(strict=False)] = Field(min_length=2)
    """the cities; each is a configuration file, or a section that names a configuration file"""
    set: Overrides = ()
    """KEY=VALUE pairs that override keys of every city's configuration"""
    provinces: Mapping[Text, MoneyRange] = Field({})
    """minimum and maximum public money per province, over all its cities"""
    least_kwh_day_a_head: float = Field(0, ge=0, le=100)
    """minimum energy served per inhabitant in every city; with years, in the last year"""
    envelopes: Mapping[TableName, ClassEnvelope] = Field({})
    """ceilings on the public money for certain charger groups, over all cities"""
    solver: NationSolver = NationSolver()
    """solver settings"""
    output: NationOutput = NationOutput()
    """folders of results"""

    @property
    def money_pkr(self) -> float:
        """Public money of all cities together, over all years (PKR)."""
        if self.years is not None:
            return math.fsum(self.years.budgets_pkr.values())
        return self.budget_pkr or 0.0


def load_nation(
    path: Path, overrides: Sequence[str] = (), today: date | None = None
) -> tuple[NationConfig, list[Config], list[str]]:
    """Return the checked configurations of a nation and of its cities, and the cities' provinces.

    With yearly budgets, every city's plan covers the nation's years. The arguments are as in
    `siting.config.load`. Raises `ConfigError` with every error in any of the files.
    """
    cities: list[Config] = []
    provinces: list[str] = []

    def also(config: NationConfig | None, _: Mapping[str, Any], faulty: set[Key]) -> list[Refusal]:
        if config is None:
            return []
        wrong = [*_one_or_the_other(config, today)]
        for i, one in enumerate(config.cities):
            try:
                cities.append(load(one.config, [*config.set, *one.set], today))
            except ConfigError as err:
                wrong += [(("cities", i), f"{f.where}: {f.what}", f.fix) for f in err.faults]
        if len(cities) < len(config.cities):
            return wrong
        both = zip(config.cities, cities, strict=True)
        provinces.extend(one.province or _province_of(city) for one, city in both)
        wrong += [*_cities_apart(cities), *_plain_questions(cities), *_years(config, cities)]
        return [*wrong, *(_money(config, provinces) if config.money_pkr > 0 else ())]

    config = load_as(NationConfig, path, overrides, also=also)
    return config, [_in_years(city, config) for city in cities], provinces


def _one_or_the_other(config: NationConfig, today: date | None) -> Iterator[Refusal]:
    if config.years is None:
        if not config.budget_pkr:
            what = "there is no money"
            yield ("budget_pkr",), what, "set budget_pkr, or years with a budget for each year"
        return
    if config.budget_pkr is not None:
        what = "is given together with years.budgets_pkr"
        yield ("budget_pkr",), what, "leave one out (budget_pkr=null, or years=null)"
    first, key = min(config.years.budgets_pkr), ("years", "budgets_pkr")
    if today is not None and first < today.year:
        yield key, f"{first} is before this year, {today.year}", "choose a later first year"
    if config.money_pkr <= 0:
        yield key, "no year has a budget", "set at least one budget above 0"


def _in_years(city: Config, nation: NationConfig) -> Config:
    if nation.years is None:
        return city
    # Under the default rule, `need`, subsidies cannot be divided among years.
    rule = city.offers.subsidy.rule or "share"
    return with_keys(city, {"program.years": nation.years, "offers.subsidy.rule": rule})


def _years(config: NationConfig, cities: Sequence[Config]) -> Iterator[Refusal]:
    """Yield an error for each city setting that cannot be combined with yearly budgets."""
    if config.years is None:
        return
    last = max(config.years.budgets_pkr)
    for i, city in enumerate(cities):
        if city.year != last:
            what = f"{city.name} is for {city.year}, but the nation's years end in {last}"
            fix = f"end the years in {city.year}, or add set: [year={last}] to the city"
            yield ("cities", i), what, fix
        before = clashes(city)
        for key, what, fix in clashes(_in_years(city, config)):
            if (key, what, fix) not in before:
                yield ("cities", i), f"{city.name}: {dotted(key)} {what}", fix
        rule = city.offers.subsidy.rule
        if rule in ("need", "gap"):
            what = f"{city.name}: offers.subsidy.rule {rule} cannot divide money among years"
            yield ("cities", i), what, "add set: [offers.subsidy.rule=share], or flat, to the city"


def _province_of(city: Config) -> str:
    from siting import cities as library

    try:
        return str(library.find_city(city.demand.like or city.demand.city)["province"])
    except ValueError:  # the user defined the city, so the table lacks it
        return ""


def _cities_apart(cities: Sequence[Config]) -> Iterator[Refusal]:
    names = [city.name for city in cities]
    for i, city in enumerate(cities):
        first = names.index(city.name)
        if first < i:
            what = f"{city.name} is already listed as cities.{first}: its demand would count twice"
            yield ("cities", i), what, "leave one out"
        if city.year != cities[0].year:
            what = f"{city.name} is for {city.year}, but {cities[0].name} is for {cities[0].year}"
            yield ("cities", i), what, f"use one year for all cities: set: [year={cities[0].year}]"


def _plain_questions(cities: Sequence[Config]) -> Iterator[Refusal]:
    for i, city in enumerate(cities):
        keys = ("years", "scenarios", "fairness", "least_cost", "decay", "objective")
        usual = Program.model_fields
        odd = [key for key in keys if getattr(city.program, key) != usual[key].default]
        if city.program.least_gain.always:
            odd.append("least_gain.rule")
        for key in odd:
            what = f"{city.name} sets program.{key}; a nation's aim is the most energy"
            nations = ", as the nation sets the years" if key == "years" else ""
            yield ("cities", i), what, f"leave it out of the city's configuration{nations}"


def _money(config: NationConfig, provinces: Sequence[str]) -> Iterator[Refusal]:
    budget = config.money_pkr
    known = sorted(set(provinces) - {""})
    least = dict.fromkeys(provinces, 0.0)
    for i, (one, province) in enumerate(zip(config.cities, provinces, strict=True)):
        floor_pkr = 0.0 if one.takes_part == "never" else one.least(budget)
        most_pkr = one.most(budget)
        if floor_pkr > most_pkr:
            what = f"the floor, PKR {floor_pkr:,.0f}, is above the ceiling, PKR {most_pkr:,.0f}"
            yield ("cities", i, "least_pkr"), what, "lower the floor, or raise the ceiling"
        least[province] += floor_pkr
    for name, money in config.provinces.items():
        if name not in known:
            fix = did_you_mean(name, known, None if known else "known names: none")
            yield ("provinces", name), "contains no city of the nation", fix
            continue
        least[name] = max(least[name], money.least(budget))
        if least[name] > money.most(budget):
            most = money.most(budget)
            what = f"the ceiling, PKR {most:,.0f}, is below the floors, PKR {least[name]:,.0f}"
            yield ("provinces", name, "most_pkr"), what, "raise the ceiling, or lower a floor"
    whole = math.fsum(least.values())
    if whole > budget * (1 + 1e-12):
        fix = f"raise the budget by PKR {whole - budget:,.0f}, or lower a floor"
        where = ("budget_pkr",) if config.years is None else ("years", "budgets_pkr")
        what = f"the floors add up to PKR {whole:,.0f}, but the budget is only PKR {budget:,.0f}"
        yield where, what, fix
