"""Print the table of public energy by city and year in docs/demand.md."""

from __future__ import annotations

import pandas as pd

from siting.cities import library
from siting.demand import (
    Area,
    FleetScenario,
    city_energy,
    city_figures,
    city_share,
    energy_factors,
    national_fleet,
    vehicle_figures,
)

YEARS = (2027, 2030, 2035, 2040)
SCENARIOS = ("nev-2025-30", "slow", "fast")


def energy(city: str, year: int, scenario: str = "nev-2025-30") -> tuple[float, float, float]:
    """Return the low, central and high public energy of a city in a year (MWh/day)."""
    fleet = national_fleet(year, FleetScenario(scenario))
    shares = city_share(city_figures(city), fleet["vehicle_class"])
    central = city_energy(fleet, vehicle_figures(), shares)["demand_kwh_day"].sum()
    area = Area(fleet, vehicle_figures(), shares)
    low, high = (energy_factors(area, case)["demand_kwh_day"].sum() for case in ("low", "high"))
    return low / 1000, central / 1000, high / 1000


def main() -> None:
    """Print one row of the Markdown table for each city."""
    rows = []
    for city in library()["city"]:
        row = {"city": city}
        for year in YEARS:
            row[str(year)] = f"{energy(city, year)[1]:,.0f}"
        for scenario in SCENARIOS[1:]:
            row[f"2030 {scenario}"] = f"{energy(city, 2030, scenario)[1]:,.0f}"
        low, _, high = energy(city, 2030)
        row["2030 bounds"] = f"{low:,.0f}-{high:,.0f}"
        rows.append(row)
    frame = pd.DataFrame(rows)
    print("| " + " | ".join(frame.columns) + " |")
    print("|---|" + "--:|" * (len(frame.columns) - 1))
    for line in frame.to_numpy().tolist():
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
