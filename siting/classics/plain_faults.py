"""What must hold between the tables of a plain instance, and the words for when it does not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError
from siting.tables import Column, Table, find_faults

OPTIONAL = {"weight": "weight", "fixed_cost": "fixed_cost", "capacity": "capacity"}


def check_plain_tables(
    demand: pd.DataFrame,
    candidates: pd.DataFrame,
    reach: pd.DataFrame,
    cost: str,
    weight: str,
    fixed_cost: str,
    capacity: str,
    cost_per: str,
) -> None:
    """Raise `InputError` with every fault of the three tables and between them.

    Parameters
    ----------
    demand, candidates, reach, cost, weight, fixed_cost, capacity, cost_per
        As for `siting.classics.plain.PlainInstance.from_tables`.

    Raises
    ------
    InputError
        If there is any fault.
    """
    faults = []
    if cost_per not in ("unit", "demand"):
        faults.append(Fault("cost_per", f"is {cost_per!r}", "use 'unit' or 'demand'"))
    tables = (
        (demand, _demand_table(demand, weight)),
        (candidates, _candidates_table(candidates, fixed_cost, capacity)),
        (reach, _reach_table(cost)),
    )
    table_faults = [fault for frame, table in tables for fault in _faults_of(frame, table)]
    faults += table_faults
    if not table_faults:
        faults += _between(demand, candidates, reach)
        faults += _nothing(demand, candidates, reach, weight, cost_per)
    if faults:
        raise InputError(faults)


def _demand_table(frame: pd.DataFrame, weight: str) -> Table:
    columns = [Column("demand_id", "id", "", "name of the demand")]
    if weight in frame.columns or weight != OPTIONAL["weight"]:
        columns.append(Column(weight, "number", "", "how much the demand counts", low=0))
    return Table("demand", "one row a demand", tuple(columns), key=("demand_id",))


def _candidates_table(frame: pd.DataFrame, fixed_cost: str, capacity: str) -> Table:
    columns = [Column("site_id", "id", "", "name of the site")]
    if fixed_cost in frame.columns or fixed_cost != OPTIONAL["fixed_cost"]:
        columns.append(Column(fixed_cost, "number", "", "cost of opening the site", low=0))
    if capacity in frame.columns or capacity != OPTIONAL["capacity"]:
        columns.append(
            Column(capacity, "number", "", "weight the site can serve", low=0, nullable=True)
        )
    if "existing" in frame.columns:
        columns.append(Column("existing", "flag", "", "open in every plan"))
    return Table("candidates", "one row a site", tuple(columns), key=("site_id",))


def _reach_table(cost: str) -> Table:
    return Table(
        "reach",
        "one row a demand and a site that can serve it",
        (
            Column("demand_id", "id", "", "the demand"),
            Column("site_id", "id", "", "the site"),
            Column(cost, "number", "", "cost of serving the demand from the site", low=0),
        ),
        key=("demand_id", "site_id"),
    )


def _faults_of(frame: pd.DataFrame, table: Table) -> list[Fault]:
    """Return the faults of a table; a table without any is seen to be so at once, however long."""
    if _is_clean(frame, table):
        return []
    texts = {k: frame[k].astype(str) for k in table.key if k in frame.columns}
    missing = {k: frame[k].isna() for k in texts}
    named = frame.assign(**{k: text.mask(missing[k], other="") for k, text in texts.items()})
    return find_faults(named, table)


def _is_clean(frame: pd.DataFrame, table: Table) -> bool:
    for column in table.columns:
        if column.name not in frame.columns:
            return False
        values = frame[column.name]
        if values.isna().any() and not column.nullable:
            return False
        if column.kind == "flag" and not pd.api.types.is_bool_dtype(values):
            return False
        if column.kind == "number":
            if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
                return False
            plain = values.to_numpy(dtype=float, na_value=np.nan)
            if np.isinf(plain).any() or (column.low is not None and (plain < column.low).any()):
                return False
        if column.kind == "id" and (values.astype(str).str.strip() == "").any():
            return False
    names = pd.DataFrame({k: frame[k].astype(str) for k in table.key})
    return not names.duplicated().any()


def _between(demand: pd.DataFrame, candidates: pd.DataFrame, reach: pd.DataFrame) -> list[Fault]:
    faults = []
    for key, known, name in (
        ("demand_id", demand, "demand"),
        ("site_id", candidates, "candidates"),
    ):
        there = set(known[key].astype(str))
        unknown = tuple(sorted(set(reach[key].astype(str)) - there))
        if unknown:
            faults.append(
                Fault(
                    f"reach, column {key}",
                    f"{len(unknown):,} not in the table of {name}",
                    f"add them to {name}, or drop their rows from reach",
                    unknown,
                )
            )
    return faults


def _nothing(
    demand: pd.DataFrame,
    candidates: pd.DataFrame,
    reach: pd.DataFrame,
    weight: str,
    cost_per: str,
) -> list[Fault]:
    faults = []
    if not len(demand):
        faults.append(Fault("demand", "nothing to serve: no rows", "give one row a demand"))
    elif cost_per == "unit" and weight in demand.columns and not (demand[weight] > 0).any():
        faults.append(
            Fault(
                f"demand, column {weight}",
                f"nothing to serve: all {len(demand):,} rows are 0",
                "give a weight above 0 to what is to be served",
            )
        )
    if not len(candidates):
        faults.append(Fault("candidates", "no rows", "give one row a site"))
    if not len(reach):
        faults.append(Fault("reach", "no rows: nothing can be served", "give one row a pair"))
    return faults
