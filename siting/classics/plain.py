"""Plain instances for the classic models: weighted demand, sites, and a cost per pair.

As in textbooks, there are no chargers, vehicle classes, budget or geometry. Rows are sorted by id,
so the row order of the tables has no effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from siting.errors import Fault, naming, refuse, require_kind
from siting.program.instance import Flags, Floats, Ints, Names, ReadOnlyArrays
from siting.tables import DEMAND, REACH, Column, Table, find_faults
from siting.texts import counted

CostPer = Literal["unit", "demand"]
# Default names of the optional columns.
OPTIONAL = ("weight", "fixed_cost", "capacity", "existing")


@dataclass(frozen=True, eq=False)
class PlainInstance(ReadOnlyArrays):
    """The input of the classic models: demands, sites, and the cost of each possible pair.

    Create one with `PlainInstance.from_tables`; the arrays are read-only.

    Parameters
    ----------
    demand_ids, weight
        The demand rows in the order of their ids, with their weights (people, kWh/day, …).
    site_ids, fixed_cost, capacity, existing
        The sites in the order of their ids. For each site: the cost of opening it, its capacity in
        weight (infinite without a limit), and whether it must be open.
    start, site, cost
        Demand ``i`` can be served from the sites ``site[start[i]:start[i + 1]]`` at ``cost`` each
        (minutes, metres or money). The sites are sorted by cost, and then by id.
    whole
        For each pair, the cost of serving the whole demand from the site: weight x cost, or `cost`
        itself if `cost_per` is ``demand``.
    cost_per
        Whether `cost` is for one unit of weight or for the whole demand.
    """

    demand_ids: Names
    weight: Floats
    site_ids: Names
    fixed_cost: Floats
    capacity: Floats
    existing: Flags
    start: Ints
    site: Ints
    cost: Floats
    whole: Floats
    cost_per: CostPer = "unit"

    @classmethod
    def from_tables(
        cls,
        demand: pd.DataFrame,
        candidates: pd.DataFrame,
        reach: pd.DataFrame,
        *,
        cost: str = "cost",
        weight: str = "weight",
        fixed_cost: str = "fixed_cost",
        capacity: str = "capacity",
        cost_per: CostPer = "unit",
    ) -> PlainInstance:
        """Return the instance that three plain tables describe; the tables are not changed.

        Parameters
        ----------
        demand
            One row per demand: ``demand_id`` and optionally a weight of 0 or more. Demands of
            weight 0 need not be served.
        candidates
            One row per site: ``site_id`` and optionally the cost of opening it, the weight it can
            serve (blank: no limit), and ``existing`` (true: open in every plan).
        reach
            One row per pair within reach: ``demand_id``, ``site_id`` and a cost of 0 or more.
        cost, weight, fixed_cost, capacity
            Names of the columns. If a column of the default name is missing, weights are 1, fixed
            costs are 0, and capacities are unlimited.
        cost_per
            ``unit``: costs are per unit of weight, as for minutes and metres. ``demand``: costs are
            for the whole demand, as in the OR-Library; weights count only towards capacity, and
            demands of weight 0 are also served.

        Raises
        ------
        InputError
            If the tables have errors, all of which the message lists: missing columns; missing,
            negative or non-numeric values; duplicate ids; ids missing from the other table; no
            demand; or no site in reach of demand.

        Examples
        --------
        >>> demand = pd.DataFrame({"demand_id": ["d1", "d2"], "weight": [3.0, 1.0]})
        >>> candidates = pd.DataFrame({"site_id": ["s1", "s2"]})
        >>> reach = pd.DataFrame({"demand_id": ["d1", "d2", "d2"], "site_id": ["s1", "s1", "s2"],
        ...     "cost": [2.0, 9.0, 1.0]})
        >>> PlainInstance.from_tables(demand, candidates, reach)
        PlainInstance: 2 demands (weight 4), 2 sites, 3 pairs
        """
        _check_tables(demand, candidates, reach, cost, weight, fixed_cost, capacity, cost_per)
        wanted = _by_id(demand, "demand_id")
        sites = _by_id(candidates, "site_id")
        row = pd.Index(wanted["demand_id"]).get_indexer(pd.Index(reach["demand_id"].astype(str)))
        site = pd.Index(sites["site_id"]).get_indexer(pd.Index(reach["site_id"].astype(str)))
        value = reach[cost].to_numpy(float)
        order = np.lexsort((site, value, row))
        row, site, value = row[order], site[order], value[order]
        load = _numbers(wanted, weight, 1.0)
        limit = _numbers(sites, capacity, np.inf)
        standing = sites.get("existing", pd.Series(False, index=sites.index))
        return cls(
            demand_ids=wanted["demand_id"].to_numpy(object).copy(),
            weight=load,
            site_ids=sites["site_id"].to_numpy(object).copy(),
            fixed_cost=_numbers(sites, fixed_cost, 0.0),
            capacity=np.where(np.isnan(limit), np.inf, limit),
            existing=standing.to_numpy(bool, copy=True),
            start=np.cumsum(np.append(0, np.bincount(row, minlength=len(wanted)))),
            site=site.astype(np.int64),
            cost=value.copy(),
            whole=value.copy() if cost_per == "demand" else load[row] * value,
            cost_per=cost_per,
        )

    @classmethod
    def from_siting_tables(
        cls,
        demand: pd.DataFrame,
        candidates: pd.DataFrame,
        reach: pd.DataFrame,
        *,
        cost: str = "travel_min",
        fixed_cost: str = "fixed_cost",
        capacity: str = "capacity",
    ) -> PlainInstance:
        """Return the instance that a study's tables of demand, candidates and reach describe.

        The weight of a demand row is its energy (kWh/day). Plugs are ignored: every site within
        reach of a cell can serve all vehicle classes. Rows of the reach table for cells without
        demand or for sites outside the candidates are left out, as in `siting.Instance`.

        Parameters
        ----------
        demand, reach
            Tables as `siting.tables` specifies them.
        candidates
            A table as `siting.tables` specifies it; only ``site_id`` is required.
        cost
            Column of the reach table used as the cost.
        fixed_cost, capacity
            Columns of the candidates, as in `from_tables`; capacity in kWh/day.

        Raises
        ------
        InputError
            If the tables have errors; the message lists them all.

        Examples
        --------
        >>> demand = pd.DataFrame({"demand_id": ["d1"], "cell_id": ["c1"],
        ...     "vehicle_class": ["car"], "demand_kwh_day": [50.0]})
        >>> reach = pd.DataFrame({"cell_id": ["c1"], "site_id": ["s1"], "travel_min": [4.0]})
        >>> PlainInstance.from_siting_tables(demand, pd.DataFrame({"site_id": ["s1"]}), reach)
        PlainInstance: 1 demand (weight 50), 1 site, 1 pair
        """
        of_reach = find_faults(reach, REACH) if cost == "travel_min" else []
        refuse([*find_faults(demand, DEMAND), *of_reach])
        cells = demand[["demand_id", "cell_id"]].astype(str)
        pairs = reach.assign(cell_id=reach["cell_id"].astype(str))
        if "site_id" in candidates.columns:
            pairs = pairs[pairs["site_id"].astype(str).isin(set(candidates["site_id"].astype(str)))]
        return cls.from_tables(
            demand,
            candidates,
            cells.merge(pairs, on="cell_id"),
            cost=cost,
            weight="demand_kwh_day",
            fixed_cost=fixed_cost,
            capacity=capacity,
        )

    @property
    def row(self) -> Ints:
        """For each pair, the position of its demand."""
        return np.repeat(np.arange(len(self.demand_ids)), np.diff(self.start))

    @property
    def needed(self) -> Flags:
        """Whether each demand must be served in models that serve all demand."""
        every: Flags = np.full(len(self.demand_ids), self.cost_per == "demand")
        return every | (self.weight > 0)

    def restricted(self, pairs: Flags, rows: Flags) -> PlainInstance:
        """Return the instance with only the flagged pairs and demands, but all sites."""
        keep = pairs & rows[self.row]
        count = np.bincount(self.row[keep], minlength=len(rows))[rows]
        left = {name: getattr(self, name)[rows] for name in ("demand_ids", "weight")}
        left |= {name: getattr(self, name)[keep] for name in ("site", "cost", "whole")}
        return replace(self, start=np.cumsum(np.append(0, count)), **left)

    def wanted(self) -> PlainInstance:
        """Return the instance with only the demands that must be served."""
        return self.restricted(np.ones(len(self.site), dtype=bool), self.needed)

    def within(self, radius: float) -> PlainInstance:
        """Return the instance with only the pairs that cost at most `radius`."""
        return self.restricted(self.cost <= radius, np.ones(len(self.demand_ids), dtype=bool))

    def __repr__(self) -> str:
        """Return the sizes on one line."""
        return (
            f"PlainInstance: {counted(len(self.demand_ids), 'demand')} "
            f"(weight {self.weight.sum():,.6g}), {counted(len(self.site_ids), 'site')}, "
            f"{counted(len(self.site), 'pair')}"
        )


def _by_id(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    named = frame.assign(**{key: frame[key].astype(str)})
    return named.sort_values(key, kind="stable", ignore_index=True)


def _numbers(frame: pd.DataFrame, column: str, default: float) -> Floats:
    if column not in frame.columns:
        return np.full(len(frame), default)
    return frame[column].to_numpy(dtype=float, na_value=np.nan, copy=True)


def _check_tables(
    demand: pd.DataFrame, candidates: pd.DataFrame, reach: pd.DataFrame, cost: str, weight: str,
    fixed_cost: str, capacity: str, cost_per: str,
) -> None:  # fmt: skip
    demand_id = Column("demand_id", "id", "", "the demand")
    site_id = Column("site_id", "id", "", "the site")
    counts = Column(weight, "number", "", "weight of the demand")
    opening = Column(fixed_cost, "number", "", "cost of opening the site")
    limit = Column(capacity, "number", "", "weight that the site can serve", nullable=True)
    standing = Column("existing", "flag", "", "open in every plan")
    serving = Column(cost, "number", "", "cost of serving the demand from the site")
    faults = []
    if cost_per not in ("unit", "demand"):
        faults.append(Fault("cost_per", f"is {cost_per!r}", "use 'unit' or 'demand'"))
    of_tables = _table_faults("demand", demand, (demand_id,), counts)
    of_tables += _table_faults("candidates", candidates, (site_id,), opening, limit, standing)
    of_tables += _table_faults("reach", reach, (demand_id, site_id, serving))
    if not of_tables:
        of_tables = _unknown(reach, "demand_id", demand, "demand")
        of_tables += _unknown(reach, "site_id", candidates, "candidates")
        of_tables += _nothing(demand, candidates, reach, weight, cost_per)
    refuse([*faults, *of_tables])


def _table_faults(
    name: str, frame: pd.DataFrame, required: tuple[Column, ...], *optional: Column
) -> list[Fault]:
    """Return the errors in a table whose ids are read as strings."""
    require_kind(name, frame, pd.DataFrame, "give a DataFrame")
    asked = [c for c in optional if c.name in frame.columns or c.name not in OPTIONAL]
    ids = [c.name for c in required if c.kind == "id"]
    text = {k: frame[k].astype(str).mask(frame[k].isna(), "") for k in ids if k in frame.columns}
    return find_faults(frame.assign(**text), Table(name, "", (*required, *asked), tuple(ids)))


def _unknown(reach: pd.DataFrame, key: str, known: pd.DataFrame, name: str) -> list[Fault]:
    ids = sorted(set(reach[key].astype(str)) - set(known[key].astype(str)))
    what, fix = f"not in the table of {name}", f"add them to {name}, or drop their rows from reach"
    return naming(f"reach, column {key}", what, ids, fix, count=True)


def _nothing(
    demand: pd.DataFrame, candidates: pd.DataFrame, reach: pd.DataFrame, weight: str, cost_per: str
) -> list[Fault]:
    faults = []
    if not len(demand):
        faults.append(Fault("demand", "nothing to serve: no rows", "give one row per demand"))
    elif cost_per == "unit" and weight in demand.columns and not (demand[weight] > 0).any():
        what = f"nothing to serve: all {len(demand):,} rows are 0"
        fix = "give each demand to be served a weight above 0"
        faults.append(Fault(f"demand, column {weight}", what, fix))
    if not len(candidates):
        faults.append(Fault("candidates", "no rows", "give one row per site"))
    if not len(reach):
        faults.append(Fault("reach", "no rows: nothing can be served", "give one row per pair"))
    return faults
