"""The tables behind a plan, joined once and brought into the form that all checks use.

Tables from which nothing can be recomputed are rejected here. Other modules check the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from siting.errors import Fault, naming, refuse
from siting.tables import capacity_groups, reasons_of
from siting.verify.account import Account

_NEEDED = {
    "built": "site_id offer_id",
    "service": "demand_id cell_id vehicle_class site_id served_kwh_day travel_min",
    "demand": "demand_id cell_id vehicle_class demand_kwh_day",
    "offers": "offer_id site_id existing cost_pkr subsidy_pkr reason",
    "reach": "cell_id site_id travel_min",
    "compatibility": "charger_group vehicle_class",
    "slices": "slice year scenario weight probability",
    "floors": "floor slice share",
    "members": "floor demand_id",
    "resource_use": "resource offer_id use",
    "resources": "resource unit at_least at_most per_rupee",
    "sites": "site_id offer_id",
    "served": "slice",
}
_ONE_SLICE = pd.DataFrame(
    {"slice": [""], "year": [0], "scenario": [""], "weight": [1.0], "probability": [1.0]}
)


class Book:
    """The tables of an `Account`, prepared for the checks of a plan."""

    def __init__(self, account: Account) -> None:
        self.account = account
        refuse(_missing(account))
        self.slices = _ONE_SLICE if account.slices is None else account.slices
        self.slices = self.slices.assign(slice=self.slices["slice"].astype(str))
        # A plan with scenarios but without years is treated as a plan for one year.
        year = self.slices["year"].astype(object)
        self.slices["year"] = year.where(year.notna(), 0)
        self.years: list[int] = sorted(self.slices["year"].unique())
        self.offers = account.offers.reset_index(drop=True)
        self.groups = capacity_groups(map(str, self.offers.columns))
        self.capacity_columns = [f"capacity_{g}_kwh_day" for g in self.groups]
        extends = self.offers.get("extends", pd.Series(False, index=self.offers.index))
        self.offers["extends"] = extends.eq(True)
        self.offers["existing"] = self.offers["existing"].astype(bool)
        self.offers["reason"] = reasons_of(self.offers)
        self.offer = self.offers.set_index("offer_id")
        kept = self.offers[self.offers["existing"]]
        self.kept: dict[str, str] = dict(zip(kept["site_id"], kept["offer_id"], strict=True))
        self.built = self._sliced(account.built)
        self.service = self._sliced(account.service)
        self.demand = self._sliced(account.demand)
        self.floors, self.members = self._given("floors"), self._given("members")
        self.use = self._given("resource_use")
        self.resources = self._given("resources").astype({"per_rupee": bool})
        self.reach = account.reach.drop_duplicates(["cell_id", "site_id"])
        self.plugs = account.compatibility[["charger_group", "vehicle_class"]].drop_duplicates()
        refuse(self._faults())

    def _given(self, name: str) -> pd.DataFrame:
        """Return an optional table of the `Account`, or an empty table if it is missing."""
        table: pd.DataFrame | None = getattr(self.account, name)
        return pd.DataFrame(columns=_NEEDED[name].split()) if table is None else table

    def _sliced(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with added columns for the slice and the year of each row."""
        name = table["slice"].astype(str) if "slice" in table.columns else ""
        year = dict(zip(self.slices["slice"], self.slices["year"], strict=True))
        out = table.reset_index(drop=True).assign(slice=np.asarray(name))
        out["slice"] = out["slice"].astype(object)
        return out.assign(year=out["slice"].map(year).astype(object))

    def _faults(self) -> list[Fault]:
        a = self.account
        faults: list[Fault] = []

        def flag(where: str, what: str, ids: Any, bad: Any) -> None:
            faults.extend(naming(where, what, np.asarray(ids, object)[np.asarray(bad, bool)]))

        def only(where: str, ids: Any, known: Any, what: str) -> None:
            flag(where, what, ids, ~pd.Index(ids).isin(list(known)))

        for name, table in (("built", self.built), ("service", self.service),
                            ("demand", self.demand), ("floors", self.floors)):  # fmt: skip
            said, what = table["slice"].astype(str), "not among the slices"
            only(f"{name}, column slice", said, self.slices["slice"], what)
        for name, key, table, known, what in (
            ("floors", "floor", self.floors, self.members, "without members"),
            ("members", "demand_id", self.members, self.demand, "not among the demand rows"),
            ("resource_use", "resource", self.use, self.resources, "not among the resources"),
        ):
            only(f"{name}, column {key}", table[key].astype(str), known[key].astype(str), what)
        for where, table, keys in (
            ("demand", self.demand, ["slice", "demand_id"]),
            ("offers", self.offers, ["offer_id"]),
            ("slices", self.slices, ["slice"]),
            ("resources", self.resources, ["resource"]),
        ):
            ids = table[keys[-1]]
            flag(f"{where}, column {keys[-1]}", "more than once", ids, table.duplicated(keys))
        for where, table, columns in (
            ("offers", self.offers, ("cost_pkr", "subsidy_pkr", *self.capacity_columns)),
            ("demand", self.demand, ("demand_kwh_day",)),
            ("slices", self.slices, ("weight", "probability")),
            ("resource_use", self.use, ("use",)),
        ):
            for column in columns:
                value = table[column].to_numpy(dtype=float, na_value=np.nan)
                bad = ~(np.isfinite(value) & (value >= 0))
                what = "not a number of 0 or more"
                flag(f"{where}, column {column}", what, table.iloc[:, 0], bad)
        lacks = np.isnan(self.per_kwh(self.demand))
        flag("worth", "missing for demand rows", self.demand["demand_id"], lacks)
        if a.gap is not None:
            of = self.demand["vehicle_class"]
            only("margin_pkr", of, a.gap.margin_pkr, "missing for vehicle classes")
        if isinstance(a.budget_pkr, Mapping):
            only("budget_pkr", self.years, a.budget_pkr, "no budget for years")
        elif len(self.years) > 1:
            what = "is one number for several years"
            faults.append(Fault("budget_pkr", what, "give one per year"))
        if len(self.years) > 1 and a.money is not None and "year" not in a.money.columns:
            faults.append(Fault("money", "columns missing", "", ("year",)))
        return faults

    def when(self, rows: pd.DataFrame) -> pd.Series:
        """Return the suffix `` in <slice>`` for each row; empty for a single slice."""
        return rows["slice"].map(lambda name: f" in {name}" if name else "").astype(object)

    def per_kwh(self, rows: pd.DataFrame) -> Any:
        """Return the worth per kWh of each demand row; NaN if missing."""
        worth = self.account.worth
        if worth is None:
            return np.ones(len(rows))
        key = ["slice", "demand_id"]
        said = worth[[*key, "per_kwh"]].astype({"slice": str}).drop_duplicates(key)
        return rows[key].merge(said, how="left", on=key)["per_kwh"].to_numpy(dtype=float)

    def granted_pkr(self, year: int) -> float:
        """Return the public money granted in a year (PKR)."""
        budget = self.account.budget_pkr
        return float(budget[year] if isinstance(budget, Mapping) else budget)

    @property
    def last_slice(self) -> str:
        """The last slice of the last year."""
        return str(self.slices.loc[self.slices["year"] == self.years[-1], "slice"].iloc[-1])

    @cached_property
    def stands(self) -> pd.DataFrame:
        """The stations of each slice with their offers. Unknown offers are left out."""
        columns = ["slice", "year", "site_id", "offer_id"]
        return self.built[columns].merge(self.offers.drop(columns="site_id"), on="offer_id")

    @cached_property
    def by_year(self) -> dict[int, dict[str, str]]:
        """The offer in service at each site, by year and site."""
        return {
            year: dict(zip(part["site_id"], part["offer_id"], strict=True))
            for year, part in ((y, self.stands[self.stands["year"] == y]) for y in self.years)
        }

    @cached_property
    def concession(self) -> dict[str, str]:
        """The concession of each site; sites with an existing station have no entry."""
        gap = self.account.gap
        named = {} if gap is None else gap.concessions
        return {str(site): name for site, name in named.items() if str(site) not in self.kept}

    @cached_property
    def drawn(self) -> dict[int, dict[str, float]]:
        """Public money drawn up to the end of each year, by year and site (PKR)."""
        gap, pkr = self.account.gap, self.offer["subsidy_pkr"].to_dict()
        if gap is None:
            return {y: {s: float(pkr[o]) for s, o in at.items()} for y, at in self.by_year.items()}
        table, out = gap.subsidies, {}
        for year in self.years:
            rows = table[table["year"] == year] if "year" in table.columns else table
            out[year] = dict.fromkeys(self.by_year[year], 0.0)
            for site, drawn in zip(rows["site_id"], rows["subsidy_pkr"], strict=True):
                out[year][site] = out[year].get(site, 0.0) + float(drawn)
        return out

    @cached_property
    def capacities(self) -> pd.DataFrame:
        """Capacities above 0 (``can_kwh_day``), by ``slice``, ``site_id`` and ``charger_group``."""
        columns = dict(zip(self.capacity_columns, self.groups, strict=True))
        key = ["slice", "site_id"]
        long = self.stands.melt(key, self.capacity_columns, "charger_group", "can_kwh_day")
        long["charger_group"] = long["charger_group"].map(columns)
        return long[long["can_kwh_day"] > 0]

    @cached_property
    def usable(self) -> pd.DataFrame:
        """The vehicle classes that can charge at each site, by ``slice`` and ``site_id``."""
        pairs = self.capacities.merge(self.plugs, on="charger_group")
        return pairs[["slice", "site_id", "vehicle_class"]].drop_duplicates()


def _missing(account: Account) -> list[Fault]:
    faults = []
    for name, columns in _NEEDED.items():
        if (table := getattr(account, name)) is not None:
            lacks = [column for column in columns.split() if column not in table.columns]
            faults += naming(name, "columns missing", lacks)
    return faults
