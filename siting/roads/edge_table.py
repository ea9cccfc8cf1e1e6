"""A network as one Parquet table of directed streets, exact to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio.errors

from siting.errors import Fault, InputError, refuse
from siting.writing import write_whole

EDGE_COLUMNS = (
    "name",
    "highway",
    "length_m",
    "speed_kmh",
    "speed_source",
    "travel_min",
    "geometry",
)
# Position of a street's first node, in the table's own coordinates.
AT = ("u_x_m", "u_y_m")
_REPORT = "report"


Parts = tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, dict[str, Any]]  # nodes, edges, report


def write_edge_table(parts: Parts, path: Path) -> None:
    """Write a network as GeoParquet: a row a directed street, ``u``, ``v``, ``key`` its index.

    The network's report goes with the file.
    """
    nodes, edges, report = parts
    at = nodes.geometry.loc[edges.index.get_level_values("u")]
    table = edges.assign(u_x_m=at.x.to_numpy(), u_y_m=at.y.to_numpy())
    table.attrs = {_REPORT: report}
    write_whole(path, lambda part: table.to_parquet(part, compression="zstd"))


def read_edge_table(path: Path, source: dict[str, Any]) -> Parts:
    """Return the parts of a network that `write_edge_table` wrote, unchanged.

    `source` replaces that of its report, except fields it leaves blank. An `InputError` names each
    missing or wrong column.
    """
    try:
        table = gpd.read_parquet(path)
    except (ValueError, OSError, pyogrio.errors.DataSourceError) as err:
        what = f"cannot be read: {str(err).splitlines()[0]}"
        raise InputError(str(path), what, "save it with Network.to_parquet") from err
    faults = [
        Fault(f"{path}, column {name}", "missing", "save it with Network.to_parquet")
        for name in (*EDGE_COLUMNS, *AT)
        if name not in table.columns
    ]
    if list(table.index.names) != ["u", "v", "key"]:
        faults.append(Fault(str(path), "its index is not u, v, key", "as Network.edges has it"))
    for name in () if faults else ("length_m", "travel_min"):
        bad = ~(np.isfinite(table[name].to_numpy(dtype=float)) & (table[name] >= 0).to_numpy())
        if bad.any():
            ids = tuple("-".join(map(str, uvk)) for uvk in table.index[bad])
            what = f"{bad.sum():,} streets without a number of 0 or more"
            faults.append(Fault(f"{path}, column {name}", what, "", ids))
    refuse(faults)
    first = ~table.index.get_level_values("u").duplicated()
    nodes = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(*(table.loc[first, name] for name in AT)),
        index=pd.Index(table.index.get_level_values("u")[first], dtype="int64", name="node_id"),
        crs=table.crs,
    ).sort_index()
    ends = table.index.get_level_values("v")
    lost = tuple(map(str, dict.fromkeys(ends[~ends.isin(nodes.index)])))
    if lost:
        what = "nodes that no street leads away from"
        raise InputError(str(path), what, "build it with siting.build_network", lost)
    report = table.attrs.get(_REPORT, {})
    told = {key: value for key, value in source.items() if value}
    report |= {"source": {**report.get("source", {}), **told}}
    table.attrs = {}
    return nodes, table[list(EDGE_COLUMNS)], report
