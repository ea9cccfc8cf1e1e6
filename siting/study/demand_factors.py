"""The stages that say what the demand of a cell is made of, so that a figure can be traced."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pandas as pd

from siting import demand as people_to_energy
from siting.config import Config
from siting.errors import InputError
from siting.study.stages import Layer, Table, stage


@stage(stored="surfaces")
def cell_places(cells: Layer, places: Layer | None, poi_weights: Table) -> Table | None:
    """Which places draw vehicles to each cell, with their weights; none without places."""
    return None if places is None else people_to_energy.cell_places(cells, places, poi_weights)


@stage("year", "demand: scenario case", "program: years scenarios", stored="factors")
def energy_factors(config: Config, study: Any, area: people_to_energy.Area) -> Table:
    """The factors of the energy by zone and class, in each year, scenario and case planned for.

    ``year``, ``fleet`` (the scenario of the fleet) and ``case``, then as
    `siting.demand.energy_factors`.
    """
    demand, program = config.demand, config.program
    configured = (config.year, demand.scenario, demand.case)
    years = [config.year] if program.years is None else list(program.years.budgets_pkr)
    futures = [] if program.scenarios is None else list(program.scenarios.of.values())
    wanted = [configured, *((year, *configured[1:]) for year in years)]
    wanted += [
        (y, f.fleet or configured[1], f.case or configured[2]) for y in years for f in futures
    ]
    rows = []
    for year, scenario, case in dict.fromkeys(wanted):
        its_area = area
        if (year, scenario) != configured[:2]:
            fleet = study.in_other(year=year, scenario=scenario).fleet
            its_area = replace(area, fleet=fleet)
        factors = people_to_energy.energy_factors(its_area, case)
        rows.append(factors.assign(year=year, fleet=scenario, case=case))
    table = pd.concat(rows, ignore_index=True)
    keys = ["year", "fleet", "case"]
    return table[[*keys, *table.columns.drop(keys)]]


@stage("demand: fleet_csv scenarios_csv table")
def fleet_paces(config: Config, study: Any, fleet: Table) -> Table | None:
    """How many vehicles other scenarios have for each of the plan's, by class and place in range.

    As `siting.demand.fleet_paces`; none for a fleet or a table of demand of the user's own.
    """
    asked, others = config.demand, dict[str, Table]()
    if asked.table is not None or asked.fleet_csv is not None:
        return None
    there = people_to_energy.scenario_names(asked.scenarios_csv)
    for name in people_to_energy.PACES:
        if name in there:
            # A scenario may not reach as far as the year of the plan.
            with suppress(InputError):
                others[name] = study.in_other(scenario=name).fleet
    return people_to_energy.fleet_paces(fleet, others)
