"""The data of the integer program: demand, offers, reach and budget as arrays.

Arrays refer to demand rows, sites and offers by position. Positions follow the sorted ids, so the
order of a table's rows has no effect. Reach is a list of sites for each cell, not a full matrix.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.errors import Fault, InfeasibleError, InputError, listed, naming, refuse, require_kind
from siting.program.limits import Limit
from siting.program.obligations import offers_left, tolerance
from siting.program.references import check_tables, reach_fault
from siting.tables import capacity_groups
from siting.texts import counted

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Names = npt.NDArray[np.object_]


class ReadOnlyArrays:
    """A dataclass whose arrays are read-only, because several objects share them."""

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)


@dataclass(frozen=True, eq=False)
class Instance(ReadOnlyArrays):
    """The input of every program: demand, offers, reach and limits.

    Parameters
    ----------
    demand_ids, demand_kwh, demand_class, demand_cell
        The demand rows: id, demand (kWh/day), and positions of the vehicle class and of the cell.
    class_names, group_names
        Vehicle classes and charger groups, in alphabetical order.
    uses
        Whether a class (row) can plug in at a charger group (column).
    cell_ids
        The cells with demand.
    site_ids
        The sites of the offers, sorted by id.
    offer_ids, offer_site, offer_capacity, offer_cost, offer_subsidy, offer_existing
        The offers that exist or can be built: id, position of the site, capacity by charger group
        (kWh/day), cost and subsidy (PKR), and whether the offer is an existing station.
    offer_bundle, offer_opens
        Bundle of each offer (blank: none), and the year in which the offer must open (0: any year).
    reach_start, reach_site, reach_min
        Cell ``i`` reaches the sites ``reach_site[reach_start[i]:reach_start[i + 1]]``; the same
        slice of ``reach_min`` has the drive times (min).
    budget_pkr
        Public money (PKR).
    limits
        The limits besides the budget, in the order of their names.
    required_sites
        Positions of the sites that must have a station.
    offer_upgraded
        Whether each offer takes part in upgrades, if a plan over years allows upgrades. None: all
        offers take part, or no offer if there would be too many options. Existing stations can
        always be extended.
    """

    demand_ids: Names
    demand_kwh: Floats
    demand_class: Ints
    demand_cell: Ints
    class_names: tuple[str, ...]
    group_names: tuple[str, ...]
    uses: Flags
    cell_ids: Names
    site_ids: Names
    offer_ids: Names
    offer_site: Ints
    offer_capacity: Floats
    offer_cost: Floats
    offer_subsidy: Floats
    offer_existing: Flags
    offer_bundle: Names
    offer_opens: Ints
    reach_start: Ints
    reach_site: Ints
    reach_min: Floats
    budget_pkr: float
    limits: tuple[Limit, ...] = ()
    required_sites: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    offer_upgraded: Flags | None = None

    @classmethod
    def from_tables(
        cls,
        demand: pd.DataFrame,
        offers: pd.DataFrame,
        reach: pd.DataFrame,
        compatibility: pd.DataFrame,
        budget_pkr: float,
        *,
        cutoff_min: float | None = None,
        limits: Iterable[Limit] = (),
        required: Collection[str] = (),
        forbidden: Collection[str] = (),
    ) -> Instance:
        """Return an instance made from tables; the tables stay unchanged.

        Offers with a ``reason`` are left out. At the site of an existing station, only the station
        and its extensions (``extends`` is true) remain. An extension's capacity and power
        include the existing station's; an extension's cost covers only what is added. Of the offers
        with the same ``bundle``, either all or none are open in the last year. An ``opens_year``
        above 0 is the year in which the offer must open.

        Parameters
        ----------
        demand, offers, reach, compatibility
            Tables as `siting.tables` specifies them.
        budget_pkr
            Public money (PKR).
        cutoff_min
            Longest drive (min); if None, all rows of the reach table are used.
        limits
            Limits on the offers besides the budget.
        required, forbidden
            Sites that must have a station, and sites where none may be built.

        Raises
        ------
        InputError
            If the input is invalid or no demand can reach a usable station. The error lists every
            problem.
        InfeasibleError
            If existing and required stations alone break limits. The error names each of these
            limits.

        Examples
        --------
        >>> demand = pd.DataFrame({"demand_id": ["d1"], "cell_id": ["c1"],
        ...     "vehicle_class": ["car"], "demand_kwh_day": [50.0]})
        >>> offers = pd.DataFrame({"offer_id": ["s1:fast"], "site_id": ["s1"],
        ...     "configuration": ["fast"], "chargers": ["1 x dc_60"], "existing": [False],
        ...     "power_kw": [60.0], "charger_cost_pkr": [6e6], "grid_cost_pkr": [1e6],
        ...     "fee_cost_pkr": [0.0], "cost_pkr": [7e6], "subsidy_pkr": [3e6],
        ...     "capacity_dc_kwh_day": [200.0], "reason": [""]})
        >>> reach = pd.DataFrame({"cell_id": ["c1"], "site_id": ["s1"], "travel_min": [4.0]})
        >>> plugs = pd.DataFrame({"charger_group": ["dc"], "vehicle_class": ["car"]})
        >>> Instance.from_tables(demand, offers, reach, plugs, budget_pkr=5e6)
        Instance: 1 demand row (50 kWh/day), 1 offer at 1 site, 1 pair in reach, PKR 5,000,000
        """
        limits = listed("limits", limits)
        for limit in limits:
            require_kind("limits", limit, Limit, "give siting.Limit")
        limits.sort(key=lambda limit: limit.name)
        required = listed("required sites", required)
        forbidden = listed("forbidden sites", forbidden)
        tables = (demand, offers, reach, compatibility)
        check_tables(tables, budget_pkr, cutoff_min, limits, required, forbidden)
        left = offers_left(offers, forbidden)
        groups = tuple(sorted(capacity_groups(map(str, offers.columns))))
        plugs = compatibility[["vehicle_class", "charger_group"]].astype(str)
        uses = pd.crosstab(plugs["vehicle_class"], plugs["charger_group"])
        classes = tuple(uses.index)
        text = {k: demand[k].astype(str) for k in ("demand_id", "cell_id", "vehicle_class")}
        wanted = demand.assign(**text).sort_values("demand_id", kind="stable")
        cells = np.unique(wanted["cell_id"].to_numpy(object))
        sites = np.unique(left["site_id"].to_numpy(object))
        start, site, minutes = _sparse_reach(reach, cells, sites, cutoff_min)
        columns = [f"capacity_{group}_kwh_day" for group in groups]
        instance = cls(
            demand_ids=wanted["demand_id"].to_numpy(object).copy(),
            demand_kwh=wanted["demand_kwh_day"].to_numpy(float, copy=True),
            demand_class=_positions(classes, wanted["vehicle_class"]),
            demand_cell=_positions(cells, wanted["cell_id"]),
            class_names=classes,
            group_names=groups,
            # A catalogue may list charger groups that no offer has.
            uses=uses.reindex(columns=groups, fill_value=0).to_numpy() > 0,
            cell_ids=cells,
            site_ids=sites,
            offer_ids=left["offer_id"].to_numpy(object).copy(),
            offer_site=_positions(sites, left["site_id"]),
            offer_capacity=left[columns].to_numpy(float, copy=True).reshape(len(left), len(groups)),
            offer_cost=left["cost_pkr"].to_numpy(float, copy=True),
            offer_subsidy=left["subsidy_pkr"].to_numpy(float, copy=True),
            offer_existing=left["existing"].to_numpy(bool, copy=True),
            offer_bundle=_optional(left, "bundle", "").astype(str).to_numpy(object).copy(),
            offer_opens=_optional(left, "opens_year", 0).to_numpy(np.int64).copy(),
            reach_start=start,
            reach_site=site,
            reach_min=minutes,
            budget_pkr=float(budget_pkr),
            limits=tuple(limits),
            required_sites=np.sort(_positions(sites, sorted(set(map(str, required))))),
        )
        if not instance.served_pairs.any():
            raise InputError(reach_fault(demand, offers, left, reach, cutoff_min))
        if contradictions := instance.contradictions():
            raise InfeasibleError(contradictions)
        return instance

    @property
    def demand_kwh_day(self) -> float:
        """Total demand, in reach or not (kWh/day)."""
        return float(self.demand_kwh.sum())

    @cached_property
    def _position(self) -> dict[str, int]:
        return {name: n for n, name in enumerate(self.offer_ids.tolist())}

    def amounts_of(self, limit: Limit) -> Floats:
        """Return how much of a limit each offer uses, in the limit's unit."""
        out = np.zeros(len(self.offer_ids))
        for name, amount in limit.use.items():
            if name in self._position:
                out[self._position[name]] = amount
        return out

    @cached_property
    def must_sites(self) -> Flags:
        """Whether each site must have a station, because one exists or is required."""
        standing = self.offer_site[self.offer_existing]
        return np.isin(np.arange(len(self.site_ids)), [*standing, *self.required_sites])

    @property
    def site_groups(self) -> Flags:
        """A mask, sites by charger groups: whether an offer at the site has the charger group."""
        out = np.zeros((len(self.site_ids), len(self.group_names)), dtype=bool)
        np.logical_or.at(out, self.offer_site, self.offer_capacity > 0)
        return out

    @property
    def served_pairs(self) -> Flags:
        """Whether each demand row has demand and a site in reach where its vehicles can plug in."""
        usable = (self.uses.astype(int) @ self.site_groups.T.astype(int)) > 0
        cell = np.repeat(np.arange(len(self.cell_ids)), np.diff(self.reach_start))
        by_class = np.zeros((len(self.cell_ids), len(self.class_names)), dtype=bool)
        np.logical_or.at(by_class, cell, usable[:, self.reach_site].T)
        return by_class[self.demand_cell, self.demand_class] & (self.demand_kwh > 0)

    def with_offers(self, kept: Ints) -> Instance:
        """Return the instance with only the offers at positions `kept`; its sites stay the same."""
        names = ("ids", "site", "capacity", "cost", "subsidy", "existing", "bundle", "opens")
        left = {f"offer_{name}": getattr(self, f"offer_{name}")[kept] for name in names}
        if self.offer_upgraded is not None:
            left["offer_upgraded"] = self.offer_upgraded[kept]
        return replace(self, **left)

    def contradictions(self) -> list[Fault]:
        """Return a fault for each limit that existing and required stations already exceed."""
        must, money = np.flatnonzero(self.must_sites), self.offer_subsidy
        faults = []
        rows = [("budget_pkr", "PKR", self.budget_pkr, money)]
        for limit in self.limits:
            amounts = self.amounts_of(limit) * (money if limit.per_rupee else 1.0)
            rows.append((f"limit {limit.name}", limit.unit, limit.at_most, amounts))
        for where, unit, have, amounts in rows:
            least = np.full(len(self.site_ids), np.inf)
            np.minimum.at(least, self.offer_site, amounts)
            need = math.fsum(least[must])
            if need > have + tolerance(have):
                users = must[least[must] > 0]
                what = (
                    f"have {have:,.10g} {unit}, need {need:,.10g} {unit} for existing "
                    "and required stations, each at its minimum use"
                )
                fix = f"raise it to {need:,.10g} {unit} or more"
                if np.isin(users, self.required_sites).any():
                    fix += ", or require fewer stations"
                ids = tuple(self.site_ids[users[np.argsort(-least[users], kind="stable")]])
                faults.append(Fault(where, what, fix, ids))
        return faults

    def positions_of(self, offer_ids: Iterable[str]) -> Ints:
        """Return the positions of offers, in the order of their ids.

        Raises `InputError` if an id is unknown, or two offers are at one site.
        """
        wanted = sorted(set(map(str, listed("offers", offer_ids))))
        unknown = [name for name in wanted if name not in self._position]
        what = "some of the given offers do not exist or cannot be built"
        refuse(naming("offers", what, unknown, "check the ids"))
        positions = np.array([self._position[name] for name in wanted], dtype=np.int64)
        twice = np.bincount(self.offer_site[positions], minlength=len(self.site_ids)) > 1
        what = "some sites have more than one of the given offers"
        refuse(naming("offers", what, self.site_ids[twice], "give at most one offer per site"))
        return positions

    def __repr__(self) -> str:
        """Return the sizes of the instance as one line of text."""
        return (
            f"Instance: {counted(len(self.demand_ids), 'demand row')} "
            f"({self.demand_kwh_day:,.0f} kWh/day), {counted(len(self.offer_ids), 'offer')} at "
            f"{counted(len(self.site_ids), 'site')}, {counted(len(self.reach_site), 'pair')} in "
            f"reach, PKR {self.budget_pkr:,.0f}"
        )


def _optional(offers: pd.DataFrame, column: str, blank: Any) -> pd.Series[Any]:
    given = offers.get(column, pd.Series(blank, index=offers.index))
    return given.astype(object).where(given.notna(), blank)


def _positions(names: npt.ArrayLike, wanted: npt.ArrayLike) -> Ints:
    """Return the position in `names` of each name in `wanted`; -1 for an unknown name."""
    known, sought = (np.asarray(some, dtype=object) for some in (names, wanted))
    positions = pd.Index(known, dtype=object).get_indexer(pd.Index(sought, dtype=object))
    return np.asarray(positions, dtype=np.int64)


def _sparse_reach(
    reach: pd.DataFrame, cells: Names, sites: Names, cutoff_min: float | None
) -> tuple[Ints, Ints, Floats]:
    cell = _positions(cells, reach["cell_id"].astype(str))
    site = _positions(sites, reach["site_id"].astype(str))
    minutes = reach["travel_min"].to_numpy(float)
    keep = (cell >= 0) & (site >= 0)
    if cutoff_min is not None:
        keep &= minutes <= cutoff_min
    cell, site, minutes = cell[keep], site[keep], minutes[keep]
    order = np.lexsort((site, cell))
    start = np.cumsum(np.append(0, np.bincount(cell, minlength=len(cells))))
    return start, site[order], minutes[order]
