"""A plan in years: what stands and what is served in each year, and how the money goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError
from siting.report.figure_text import number, percent, rupees
from siting.report.reading import AGAIN, read_csv

_YEARS = (
    *("year", "demand_kwh_day", "served_kwh_day", "served_share", "new_stations"),
    *("budget_pkr", "carried_pkr", "spent_pkr", "left_pkr"),
)
_BUILT = ("year", "offer_id", "site_id", "built_year", "subsidy_pkr")
_CELLS = ("year", "cell_id", "vehicle_class", "demand_kwh_day", "served_kwh_day", "site_id")


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


def read_years(folder: Path) -> YearTables:
    """Return the tables of a plan in years.

    Raises `InputError` if a file is missing, cannot be read, or has years that the others do not
    have.
    """
    faults: list[Fault] = []
    tables: dict[str, pd.DataFrame] = {}
    for name, columns in (("years", _YEARS), ("built", _BUILT), ("year_cells", _CELLS)):
        path = folder / f"{name}.csv"
        if not path.is_file():
            faults.append(Fault(str(path), "is missing from the run folder", AGAIN))
            continue
        try:
            tables[name] = read_csv(path, columns, may_lack=("site_id",) * (name == "year_cells"))
        except InputError as err:
            faults.extend(err.faults)
            continue
        year = pd.to_numeric(tables[name]["year"], errors="coerce").astype(float)
        if not len(year) or not (year == np.floor(year)).all():
            faults.append(Fault(f"{path}, column year", "is no year", AGAIN))
    if faults:
        raise InputError(faults)
    known = set(tables["years"]["year"])
    for name in ("built", "year_cells"):
        stray = sorted(set(tables[name]["year"]) - known)
        if stray or (name == "year_cells" and known - set(tables[name]["year"])):
            what = f"its years are not those of years.csv: {', '.join(map(str, sorted(known)))}"
            faults.append(Fault(f"{folder / name}.csv, column year", what, AGAIN))
    if faults:
        raise InputError(faults)
    years = tables["years"].sort_values("year", ignore_index=True)
    return YearTables(years, tables["built"], tables["year_cells"])


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
