"""A plan in years: what stands and what is served in each year, and how the money goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from siting.report.figure_text import number, percent, rupees


@dataclass(frozen=True, eq=False)
class YearTables:
    """The tables of a plan in years."""

    years: pd.DataFrame  # one row a year, rising: wanted, served, built and spent (years.csv)
    built: pd.DataFrame  # what stands in each year (built.csv)
    # What each cell wants and is served in each year, by class (year_cells.csv).
    cells: pd.DataFrame

    @property
    def last(self) -> int:
        """The last year of the plan."""
        return int(self.years["year"].iloc[-1])

    @property
    def all(self) -> list[int]:
        """The years of the plan, rising."""
        return [int(year) for year in self.years["year"]]


def year_rows(tables: YearTables | None) -> list[dict[str, Any]]:
    """Return one row a year for the page: what stands, is served and is spent, in words."""
    if tables is None:
        return []
    standing = tables.built[tables.built["built_year"].notna()].groupby("year").size()
    rows = []
    for row in tables.years.to_dict("records"):
        there = row["budget_pkr"] + row["carried_pkr"]
        # The share in the file is rounded.
        wanted = row["demand_kwh_day"]
        share = row["served_kwh_day"] / wanted if wanted > 0 else 0.0
        rows.append(
            {
                "year": str(int(row["year"])),
                "new": number(row["new_stations"]),
                "standing": number(standing.get(row["year"], 0)),
                "wanted": number(row["demand_kwh_day"]),
                "served": number(row["served_kwh_day"]),
                "share": percent(share),
                "bar": min(100 * share, 100.0),
                "granted": rupees(row["budget_pkr"]),
                "carried": rupees(row["carried_pkr"]),
                "spent": rupees(row["spent_pkr"]),
                "left": rupees(row["left_pkr"]),
                "used_bar": 100 * row["spent_pkr"] / there if there > 0 else 0.0,
            }
        )
    return rows
