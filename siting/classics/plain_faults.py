"""Relations between the tables of a plain instance, and messages where they fail."""

from __future__ import annotations

import pandas as pd

from siting.errors import Fault, InputError
from siting.tables import Column, Table, find_faults


def check_plain_tables(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    cost: str,
    weight: str,
    fixed_cost: str,
    capacity: str,
    cost_per: str,
) -> None:
    """Raise `InputError` with every fault of demand, candidates and reach and between them."""
    demand, candidates, reach = tables
    demand_id = Column("demand_id", "id", "", "the demand")
    site_id = Column("site_id", "id", "", "the site")
    counts = Column(weight, "number", "", "how much the demand counts", low=0)
    opening = Column(fixed_cost, "number", "", "cost of opening the site", low=0)
    limit = Column(capacity, "number", "", "weight the site can serve", low=0, nullable=True)
    standing = Column("existing", "flag", "", "open in every plan")
    serving = Column(cost, "number", "", "cost of serving the demand from the site", low=0)
    faults = []
    if cost_per not in ("unit", "demand"):
        faults.append(Fault("cost_per", f"is {cost_per!r}", "use 'unit' or 'demand'"))
    of_tables = _table_faults("demand", demand, (demand_id,), (counts,))
    of_tables += _table_faults("candidates", candidates, (site_id,), (opening, limit, standing))
    of_tables += _table_faults("reach", reach, (demand_id, site_id), (), (serving,))
    if not of_tables:
        of_tables = _unknown(reach, "demand_id", demand, "demand")
        of_tables += _unknown(reach, "site_id", candidates, "candidates")
        of_tables += _nothing(demand, candidates, reach, weight, cost_per)
    if faults or of_tables:
        raise InputError([*faults, *of_tables])


# Optional columns, and their names here.
OPTIONAL = ("weight", "fixed_cost", "capacity", "existing")


def _table_faults(
    name: str,
    frame: pd.DataFrame,
    key: tuple[Column, ...],
    optional: tuple[Column, ...],
    others: tuple[Column, ...] = (),
) -> list[Fault]:
    """Return the faults of a table whose ids are taken as text."""
    asked = [c for c in optional if c.name in frame.columns or c.name not in OPTIONAL]
    ids = [c.name for c in key]
    text = {k: frame[k].astype(str).mask(frame[k].isna(), "") for k in ids if k in frame.columns}
    table = Table(name, "", (*key, *asked, *others), key=tuple(ids))
    return find_faults(frame.assign(**text), table)


def _unknown(reach: pd.DataFrame, key: str, known: pd.DataFrame, name: str) -> list[Fault]:
    ids = tuple(sorted(set(reach[key].astype(str)) - set(known[key].astype(str))))
    what = f"{len(ids):,} not in the table of {name}"
    fix = f"add them to {name}, or drop their rows from reach"
    return [Fault(f"reach, column {key}", what, fix, ids)] if ids else []


def _nothing(
    demand: pd.DataFrame, candidates: pd.DataFrame, reach: pd.DataFrame, weight: str, cost_per: str
) -> list[Fault]:
    faults = []
    if not len(demand):
        faults.append(Fault("demand", "nothing to serve: no rows", "give one row a demand"))
    elif cost_per == "unit" and weight in demand.columns and not (demand[weight] > 0).any():
        what = f"nothing to serve: all {len(demand):,} rows are 0"
        fix = "give a weight above 0 to what is to be served"
        faults.append(Fault(f"demand, column {weight}", what, fix))
    if not len(candidates):
        faults.append(Fault("candidates", "no rows", "give one row a site"))
    if not len(reach):
        faults.append(Fault("reach", "no rows: nothing can be served", "give one row a pair"))
    return faults
