"""Settings that cannot be combined, in one table from which the check and the documentation work.

A setting is ``key: values``. The values are a single value, several values joined by ``or``, the
word ``given`` (any value), or ``not VALUE`` (any other value).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from siting.config.fields import Refusal

TWO_FIRST = "two aims cannot both be first: set their order"


class Clash(NamedTuple):
    """Two settings that exclude each other."""

    one: str  # both settings are written as `key: values`; the error names `other`
    other: str
    why: str  # the reason in a planner's words
    fix: str = "leave one out"  # the smallest change that removes the error
    unless: str = ""  # setting under which both are allowed


def _first(one: str, other: str) -> Clash:
    keys = [setting.split(":")[0].split(".")[1] for setting in (one, other)]
    fix = f"add program.aims: [{', '.join(keys)}]"
    return Clash(one, other, TWO_FIRST, fix, "program.aims: given")


_FAIR = "program.fairness: max_min"
_CHEAP = "program.least_cost: given"
_SURE = "program.scenarios.criterion: regret or cvar"

REFUSALS: tuple[Clash, ...] = (
    Clash(
        "offers.subsidy.rule: need or gap",
        "program.model: coverage",
        "demand in reach counts as served whether or not chargers could deliver it, so no station "
        "has sales for a business case",
    ),
    Clash(
        "offers.subsidy.rule: need or gap",
        "program.least_gain.per_million_by_year: given",
        "viability gaps would be paid in the year in which money counts least for the aim",
        "leave it out, or set offers.subsidy.rule: share",
    ),
    Clash(
        "solver.method: exact or greedy",
        "solver.name: not HiGHS",
        "only HiGHS can run the exact and greedy methods; other solvers need the whole program",
        "add solver.method: milp, or leave the name out",
    ),
    Clash(
        "offers.subsidy.rule: share or flat",
        "offers.subsidy.concessions: given",
        "each station gets its own subsidy, whatever its shortfall",
        "leave it out, or set offers.subsidy.rule: need",
    ),
    Clash(
        "program.years: given",
        "offers.subsidy.concessions: given",
        "money paid in one year is not paid back in a later year with a surplus",
    ),
    Clash(
        "program.model: coverage",
        "offers.subsidy.concessions: given",
        "no station has sales for a business case",
    ),
    Clash(
        "program.years: given",
        "money.opening_year: given",
        "the plan itself decides in which year a station opens",
    ),
    Clash(
        "money.sales_path: given",
        "money.opening_year: given",
        "sales_path already sets the sales of each year",
    ),
    *(
        Clash(blocks, "demand.table: given", "the table is for one year and one future")
        for blocks in ("program.years: given", "program.scenarios: given")
    ),
    _first(_FAIR, _CHEAP),
    _first(_FAIR, _SURE),
    _first(_CHEAP, _SURE),
)


def clashes(config: Any) -> list[Refusal]:
    """Return an error for each excluded combination of settings."""
    refusals: list[Refusal] = []
    for clash in REFUSALS:
        both = says(config, clash.one) and says(config, clash.other)
        if both and not (clash.unless and says(config, clash.unless)):
            key = tuple(clash.other.split(":")[0].split("."))
            what = f"cannot be combined with {clash.one.removesuffix(': given')}: {clash.why}"
            refusals.append((key, what, clash.fix))
    return refusals


def says(config: Any, setting: str) -> bool:
    """Return whether a configuration has a setting, written as in `REFUSALS`."""
    key, _, values = setting.partition(": ")
    value = config
    for name in key.split("."):
        value = getattr(value, name, None)
    if values == "given":
        return value is not None and value != ()
    if values.startswith("not "):
        return value is not None and str(value) != values.removeprefix("not ")
    return str(value) in values.split(" or ")
