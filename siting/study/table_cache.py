"""A cache of tables that studies share, keyed by the content of all inputs.

A key is the SHA-256 of this package's version and of every argument of the stage.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pandas.testing import assert_frame_equal

from siting import __version__
from siting.files import sha256
from siting.folder_cache import kept
from siting.roads import Network

FORMAT = 2  # increase this number if a stored stage returns different results for equal arguments
LEAST_S = 0.5  # a table that takes less time (s) to compute is not stored
_ABOUT, _TABLE = "about.json", "table.parquet"


def content_sha256(*parts: Any) -> str:
    """Return the SHA-256 of the content of tables, networks and plain values.

    A part is a table (columns, types, index, rows in their order, geometry to the last bit), a
    `siting.Network`, or a JSON value.

    >>> one = pd.DataFrame({"a": [1.0, 2.0]})
    >>> content_sha256(one, 5) == content_sha256(one.copy(), 5)
    True
    >>> content_sha256(one, 5) == content_sha256(one, 6)
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        for piece in _pieces(part):
            digest.update(len(piece).to_bytes(8, "little"))
            digest.update(piece)
    return digest.hexdigest()


def kept_table(
    folder: Path, name: str, parts: tuple[Any, ...], build: Callable[[], pd.DataFrame]
) -> pd.DataFrame:
    """Return the stored table for these arguments, or the table that `build` makes.

    See `siting.folder_cache.kept`. A table that is slow to build is stored, unless Parquet would
    change it. `parts` must contain all inputs of `build`. `folder` may be deleted at any time.
    """
    entry = folder / f"{name}-{content_sha256(FORMAT, __version__, name, *parts)[:32]}"
    return kept(entry, read=_read, build=build, write=_write, least_s=LEAST_S)


def _write(folder: Path, table: pd.DataFrame) -> None:
    table.to_parquet(folder / _TABLE, compression="zstd")
    again = load_table(folder / _TABLE)
    assert_frame_equal(again, table, check_exact=True, check_freq=False)
    if again.attrs != table.attrs:
        raise ValueError("its notes would be lost")
    about = {"sha256": sha256(folder / _TABLE), "siting": __version__}
    (folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _read(folder: Path) -> pd.DataFrame:
    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    if sha256(folder / _TABLE) != about["sha256"]:
        raise ValueError(f"{_TABLE} has changed")
    return load_table(folder / _TABLE)


def load_table(path: Path) -> pd.DataFrame:
    """Return a table from a Parquet file, as a layer if it has geometry."""
    columns = pq.read_schema(path).metadata or {}
    return gpd.read_parquet(path) if b"geo" in columns else pd.read_parquet(path)


def _pieces(part: Any) -> Iterator[bytes]:
    """Yield the kind of a part, then its bytes, so that parts of different kinds differ."""
    if isinstance(part, Network):
        yield b"network"
        yield from _pieces(part.nodes)
        yield from _pieces(part.edges)
    elif isinstance(part, pd.DataFrame):
        yield b"table"
        if isinstance(part, gpd.GeoDataFrame):
            # Files describe one coordinate system in different words, but with one authority code.
            yield _text(part.crs and (part.crs.to_authority() or part.crs.to_wkt()))
        yield from _column(part.index.to_frame(index=False), "index")
        yield from _column(part, "column")
        yield _text(part.attrs)
    else:
        yield b"value"
        yield _text(part)


def _column(frame: pd.DataFrame, kind: str) -> Iterator[bytes]:
    for i, name in enumerate(frame.columns):
        values = frame.iloc[:, i]
        yield f"{kind} {name} {values.dtype} {len(values)}".encode()
        if isinstance(values.dtype, gpd.array.GeometryDtype):
            shapes = gpd.GeoSeries(values).to_wkb().to_list()
            yield b"".join(s if s is not None else b"-" for s in shapes)
        elif isinstance(values.dtype, np.dtype) and values.dtype.kind in "biufmM":
            yield values.to_numpy().tobytes()
        else:
            yield _text(values.astype(object).where(values.notna(), None).to_list())


def _text(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=repr).encode()
