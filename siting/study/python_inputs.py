"""Store inputs given in Python (tables and graphs) in files that all later stages read.

Each input is stored in the cache's ``given`` folder, and each run that uses it has a copy.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa

from siting.config import Config, input_files, with_files
from siting.errors import Fault, InputError, SitingError, naming, refuse
from siting.files import read_layer, sha256
from siting.roads import Network, require_osmnx_form
from siting.study.own_tables import PLACE
from siting.writing import NO_PLACE, PART_FILE, write_whole

GIVEN = "given"
# Matches the path of a file in the ``given`` folder. Messages show the input's key instead.
_LAID = re.compile(rf"\S*[/\\]{GIVEN}[/\\](?:[0-9a-f]{{16}}[/\\])?([a-z0-9_.]+)\.[a-z]+\b")


def lay_down(key: tuple[str | int, ...], value: Any, cache_dir: Path) -> Path:
    """Check a table or graph given in Python, store it in a file, and return the path of the file.

    `value` is a GeoDataFrame, a DataFrame, an array of minutes, an OSMnx graph or a
    `siting.Network`. An `InputError` lists every problem, such as a missing coordinate reference
    system, repeated ids, a graph without lengths, or points outside Pakistan.
    """
    name = ".".join(str(part) for part in key if part != "path")
    suffix, write = _writer(name, value)
    folder = cache_dir / GIVEN
    # The name of the final folder is the hash of the file, so the file is written elsewhere first.
    scratch = folder / f"{PART_FILE}{secrets.token_hex(4)}{suffix}"
    try:
        write_whole(scratch, write)
        if not (path := folder / sha256(scratch)[:16] / f"{name}{suffix}").is_file():
            write_whole(path, lambda part: shutil.copyfile(scratch, part), replace=True)
    finally:
        with suppress(*NO_PLACE):  # `write_whole` reports a failure
            scratch.unlink(missing_ok=True)
    if isinstance(value, gpd.GeoDataFrame):
        try:
            read_layer(path)
        except SitingError as err:
            raise in_words(err) from None
    return path


def in_words(err: SitingError) -> SitingError:
    """Return an error that names a Python input by its key instead of its file."""
    said = partial(_LAID.sub, r"\1 (given in Python)")
    faults = [Fault(said(f.where), said(f.what), said(f.fix), f.ids) for f in err.faults]
    return type(err)(faults) if faults != list(err.faults) else err


def copied(config: Config, folder: Path) -> Config:
    """Return a configuration that points to the run folder's copies of the Python inputs.

    Paths are relative to `folder`, so that the folder can be moved.
    """
    copies: dict[Path, Path] = {}
    for path in dict.fromkeys(input_files(config).values()):
        if GIVEN not in (path.parent.name, path.parent.parent.name):
            continue
        copy = Path(GIVEN, path.name)
        if copy in copies.values():  # another input with the same key already has this name
            copy = Path(GIVEN, f"{sha256(path)[:8]}.{path.name}")
        (folder / GIVEN).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / copy)
        copies[path] = copy
    return with_files(config, copies) if copies else config


def _writer(name: str, value: Any) -> tuple[str, Callable[[Path], Any]]:
    import networkx as nx

    where, faults = f"{name} (given in Python)", list[Fault]()
    if isinstance(value, pd.DataFrame):
        twice = value.index[value.index.duplicated(keep=False)]
        what = "has several rows with the same index label"
        faults += naming(where, what, twice, "call reset_index(drop=True)")
        if value.empty and not isinstance(value, gpd.GeoDataFrame):  # `read_layer` checks layers
            faults.append(Fault(where, "has no rows"))
    if isinstance(value, gpd.GeoDataFrame):
        if value.active_geometry_name is None:
            faults.append(Fault(where, "has no geometry"))
        elif value.crs is None:
            fix = "call set_crs, for example set_crs(4326) if the coordinates are in degrees"
            faults.append(Fault(where, "has no coordinate reference system", fix))
    refuse(faults)
    match value:
        case gpd.GeoDataFrame():
            layer = _with_labels(value, name)
            return ".parquet", lambda part: _to_parquet(layer, part, name)
        case pd.DataFrame() if "cell_id" not in value.columns and name == "reach.table_csv":
            # The value is a matrix whose index names cells and whose columns name sites.
            matrix = value.rename_axis("cell_id").reset_index()
            return ".csv", lambda part: matrix.to_csv(part, index=False)
        case np.ndarray() if value.ndim == 2:
            rows, columns = ([PLACE.format(n + 1) for n in range(size)] for size in value.shape)
            return _writer(name, pd.DataFrame(value, index=rows, columns=columns))
        case pd.DataFrame():
            return ".csv", lambda part: value.to_csv(part, index=False)
        case nx.MultiDiGraph():
            require_osmnx_form(value, where)
            import osmnx

            return ".graphml", lambda part: osmnx.save_graphml(value, part)
        case Network():
            return ".parquet", value.to_parquet
    what = f"a study cannot read a {type(value).__name__}"
    fix = "pass a path, a GeoDataFrame, a DataFrame, a matrix, an OSMnx graph or a Network"
    raise InputError(name, what, fix)


def _with_labels(layer: gpd.GeoDataFrame, name: str) -> gpd.GeoDataFrame:
    """Return a layer with the index labels as a column, named ``id`` if the layer has no ids."""
    numbered = isinstance(layer.index, pd.RangeIndex) and layer.index.name is None
    labelled = ("candidates.sources",) if numbered else ("candidates.sources", "demand.people")
    if not name.startswith(labelled):
        return layer
    several = isinstance(layer.index, pd.MultiIndex)
    labels = ["/".join(map(str, one)) for one in layer.index] if several else layer.index.to_numpy()
    if {"site_id", "zone_id", "id"}.isdisjoint(layer.columns):
        return layer.assign(id=labels)
    column = str(layer.index.name or "index")
    return layer if numbered or column in layer.columns else layer.assign(**{column: labels})


def _to_parquet(layer: gpd.GeoDataFrame, part: Path, name: str) -> None:
    try:
        layer.to_parquet(part, index=False)
    except (pa.ArrowException, ValueError, TypeError) as err:
        what = f"cannot be stored as a table: {str(err).splitlines()[0]}"
        fix = "keep only columns of numbers and text"
        raise InputError(f"{name} (given in Python)", what, fix) from err
