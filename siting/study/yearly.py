"""A plan in years, as tables: stations, money, and the service of each cell."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from siting.outcome import Outcome
from siting.program.program import Program


def count_by_year(rows: pd.DataFrame, years: pd.Series) -> list[int]:
    """Return the number of rows of each year."""
    count = rows.groupby("year").size()
    return [int(count.get(year, 0)) for year in years]


def built_by_year(outcome: Outcome, program: Program) -> pd.DataFrame:
    """Return the stations of each year, their year of building, and payments of the year (PKR)."""
    built = outcome.built.drop_duplicates(["year", "site_id"])[["year", "offer_id", "site_id"]]
    paid = outcome.paid.set_index(["site_id", "year"])["subsidy_pkr"]
    instance = program.instance
    there = instance.offer_existing
    stands = dict(
        zip(instance.site_ids[instance.offer_site[there]], instance.offer_ids[there], strict=True)
    )
    since: dict[str, int | None] = dict.fromkeys(stands)
    drawn: dict[str, float] = {}
    rows = []
    for year, offer_id, site_id in built.sort_values(["year", "offer_id"]).itertuples(index=False):
        if stands.get(site_id) != offer_id:
            stands[site_id], since[site_id] = offer_id, int(year)
        money = float(paid[site_id, year])
        rows.append((int(year), offer_id, site_id, since[site_id], money - drawn.get(site_id, 0.0)))
        drawn[site_id] = money
    table = pd.DataFrame(rows, columns=["year", "offer_id", "site_id", "built_year", "subsidy_pkr"])
    return table.astype({"built_year": "Int64", "year": "int64"})


def money_by_year(money: pd.DataFrame, program: Program) -> pd.DataFrame:
    """Return the public money of each year: granted, carried, spent and left (PKR)."""
    assert program.year_plan is not None
    rows, carried = [], 0.0
    for year, granted, spent in money.itertuples(index=False):
        given = granted if program.budgeted else spent
        left = given + carried - spent
        rows.append((int(year), given, carried, spent, left))
        carried = left if program.year_plan.carry_over else 0.0
    columns = ["year", "budget_pkr", "carried_pkr", "spent_pkr", "left_pkr"]
    return pd.DataFrame(rows, columns=columns)


def years_table(
    outcome: Outcome,
    program: Program,
    wanted: Mapping[int | None, float],
    served: Mapping[int | None, float],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return stations and service of each year, new stations, and the money.

    `wanted` and `served` are kWh/day by year, of the configuration's own demand.
    """
    built = built_by_year(outcome, program)
    money = money_by_year(outcome.money, program)
    weights = outcome.slices.drop_duplicates("year").set_index("year")["weight"]
    fresh = built[built["built_year"] == built["year"]]
    first = ~fresh.duplicated("site_id")
    instance = program.instance
    before = set(instance.site_ids[instance.offer_site][instance.offer_existing])
    new = first & ~fresh["site_id"].isin(before)
    table = pd.DataFrame(
        {
            "year": money["year"],
            "weight": money["year"].map(weights).astype(float),
            "demand_kwh_day": [wanted[y] for y in money["year"]],
            "served_kwh_day": [served[y] for y in money["year"]],
            "served_share": [served[y] / max(wanted[y], 1e-12) for y in money["year"]],
            "stations": count_by_year(built, money["year"]),
            "new_stations": count_by_year(fresh[new], money["year"]),
            "upgraded_stations": count_by_year(fresh[~new], money["year"]),
        }
    )
    return table, built, money


def cells_by_year(
    demand: Mapping[int | None, pd.DataFrame], service: Mapping[int | None, pd.DataFrame]
) -> pd.DataFrame:
    """Return demand and service of each cell in each year of a plan.

    Columns: ``year``, ``cell_id``, ``vehicle_class``, ``demand_kwh_day``, ``served_kwh_day`` and
    ``site_id``, the station that serves most of it (the first id among equals; blank: none).
    """
    parts = []
    for year, wanted in demand.items():
        rows = service[year].sort_values(["served_kwh_day", "site_id"], ascending=[False, True])
        main = rows.drop_duplicates("demand_id").set_index("demand_id")["site_id"]
        got = rows.groupby("demand_id")["served_kwh_day"].sum()
        ids = wanted["demand_id"]
        parts.append(
            pd.DataFrame(
                {
                    "year": year,
                    "cell_id": wanted["cell_id"].to_numpy(),
                    "vehicle_class": wanted["vehicle_class"].to_numpy(),
                    "demand_kwh_day": wanted["demand_kwh_day"].to_numpy(dtype=float),
                    "served_kwh_day": ids.map(got).fillna(0.0).to_numpy(dtype=float),
                    "site_id": ids.map(main).to_numpy(dtype=object),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
