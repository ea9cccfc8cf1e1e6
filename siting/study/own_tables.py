"""Finished tables of the user's own in place of what a stage works out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from siting.errors import Fault, InputError
from siting.files import read_csv
from siting.tables import REACH, Table, find_faults

# What the cost of an offer is the sum of.
PARTS = tuple(f"{part}_cost_pkr" for part in ("charger", "grid", "fee", "civil", "land"))


def own_reach(
    path: Path, cells: pd.DataFrame, sites: pd.DataFrame, most_min: float
) -> pd.DataFrame:
    """Return drives of the user's own (`siting.tables.REACH`), those within the cutoff.

    `path` is a CSV with ``cell_id``, ``site_id`` and ``travel_min`` (access included), `most_min`
    the longest drive that counts. An `InputError` names every fault: columns, numbers, pairs given
    twice, cells or sites that are not there.
    """
    known = {"cell_id": cells["cell_id"], "site_id": sites["site_id"]}
    found = _read(path, REACH, known)[["cell_id", "site_id", "travel_min"]]
    near = found[found["travel_min"] <= most_min].astype({"travel_min": float})
    return near.sort_values(["cell_id", "site_id"], ignore_index=True)


def own_offers(path: Path, made: pd.DataFrame, spec: Table, sites: pd.DataFrame) -> pd.DataFrame:
    """Return offers of the user's own, with the columns that the study's have.

    `path` is a CSV with the columns of ``Study.offers``, where rows of `made` may be changed, left
    out or added. An `InputError` names every fault: columns, numbers, offers given twice, sites
    that are not there.
    """
    own = _read(path, spec, {"site_id": sites["site_id"]}, tuple(map(str, made.columns)))
    apart = (own[list(PARTS)].sum(axis=1) - own["cost_pkr"]).abs() > 1.0
    if apart.any():
        what = f"{apart.sum():,} are not the sum of {', '.join(PARTS)}"
        ids = tuple(own.loc[apart, "offer_id"].astype(str))
        raise InputError(Fault(f"{path}, column cost_pkr", what, "change a part with it", ids))
    # A CSV has one word for a blank text and for none.
    for name in made.select_dtypes(["object", "str"]).columns:
        if not made[name].isna().any():
            own[name] = own[name].astype(object).where(own[name].notna(), "")
    return own[made.columns].astype(made.dtypes.to_dict()).reset_index(drop=True)


def _read(
    path: Path, spec: Table, known: Mapping[str, pd.Series], columns: tuple[str, ...] = ()
) -> pd.DataFrame:
    texts = dict.fromkeys((column.name for column in spec.columns if column.kind == "id"), "str")
    own = read_csv(path, dtype=texts)
    faults = find_faults(own, spec, str(path))
    named = {column.name for column in spec.columns}
    lost = tuple(name for name in columns if name not in own.columns and name not in named)
    if lost:
        fix = "begin with the study's own table, Study.offers"
        faults.append(Fault(str(path), "columns are missing", fix, lost))
    for name, ids in known.items():
        if name in own.columns:
            there = own[name].isin(set(ids.astype(str)))
            stray = tuple(dict.fromkeys(own.loc[~there, name].astype(str)))
            if stray:
                what = f"{len(stray):,} that the study does not have"
                faults.append(Fault(f"{path}, column {name}", what, "", stray))
    if faults:
        raise InputError(faults)
    return own
