"""Tables kept between studies by the content of all that they are made from.

A key is the SHA-256 of every argument of the stage, tables and networks included, with the version
of this package: what has the same key is the same table, whichever configuration asks for it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.testing import assert_frame_equal

from siting import __version__
from siting.errors import InputError
from siting.files import clear_parts, sha256, whole_folder
from siting.locks import hold
from siting.roads import Network

logger = logging.getLogger(__name__)

# Raise it when a stage that is kept computes anything else from the same arguments.
FORMAT = 1
# What is computed faster than this is computed again rather than kept, s.
LEAST_S = 0.5
# How long to wait for another process that computes the same, s; after that both compute it.
WAIT_S = 900.0
_ABOUT, _TABLE = "about.json", "table.parquet"


def content_sha256(*parts: Any) -> str:
    """Return the SHA-256 of tables, networks and plain values: the same content, the same digits.

    Parameters
    ----------
    parts
        Each a table (columns, types, index, rows in their order, geometry to the last bit), a
        `siting.Network`, or what JSON knows.

    Examples
    --------
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
    """Return the table kept for these arguments, or build it and keep it if that took long.

    Each is a folder of its own, written whole or not at all and read only if its hash is right.
    Of several processes that want the same table one builds it and the others wait. A table that
    would not come back from disk exactly as it is, is not kept.

    Parameters
    ----------
    folder
        Where tables are kept; made where it is missing. It may be deleted at any time.
    name
        The stage.
    parts
        All that `build` computes from; see `content_sha256`.
    build
        Called without arguments where nothing is kept.
    """
    key = content_sha256(FORMAT, __version__, name, *parts)
    entry = folder / f"{name}-{key[:32]}"
    found = _read(entry)
    if found is not None:
        return found
    try:
        lock = hold(folder / f".{entry.name}.lock", WAIT_S)
    except OSError as err:
        logger.warning("tables cannot be kept in %s: %s", folder, err)
        return build()
    try:
        found = _read(entry)
        if found is not None:
            return found
        if lock is not None and lock.sure:
            clear_parts(entry)
        start = time.perf_counter()
        table = build()
        if time.perf_counter() - start >= LEAST_S:
            _write(entry, table)
        return table
    finally:
        if lock is not None:
            lock.release()


def _write(entry: Path, table: pd.DataFrame) -> None:
    try:
        with whole_folder(entry) as part:
            table.to_parquet(part / _TABLE, compression="zstd")
            again = _load(part / _TABLE)
            assert_frame_equal(again, table, check_exact=True, check_freq=False)
            if again.attrs != table.attrs:
                raise ValueError("its notes would be lost")  # noqa: TRY301
            about = {"sha256": sha256(part / _TABLE), "siting": __version__}
            (part / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
    except (OSError, InputError, ValueError, TypeError, AssertionError, pa.ArrowException) as err:
        # Another process may have been quicker, which is as good.
        if not (entry / _ABOUT).is_file():
            logger.info("%s is not kept: %s", entry.name, err)


def _read(entry: Path) -> pd.DataFrame | None:
    if not entry.is_dir():
        return None
    try:
        about = json.loads((entry / _ABOUT).read_text(encoding="utf-8"))
        if sha256(entry / _TABLE) != about["sha256"]:
            raise ValueError(f"{_TABLE} has changed")  # noqa: TRY301
        return _load(entry / _TABLE)
    # Whatever is wrong with it, the answer is the same: build it again.
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as err:
        if entry.is_dir():
            logger.warning("kept table %s is damaged (%s); building it again", entry, err)
            _discard(entry)
        return None


def _load(path: Path) -> pd.DataFrame:
    columns = pq.read_schema(path).metadata or {}
    return gpd.read_parquet(path) if b"geo" in columns else pd.read_parquet(path)


def _discard(entry: Path) -> None:
    """Move a damaged entry out of the way at a stroke, then delete it."""
    aside = Path(tempfile.mkdtemp(prefix=".damaged-", dir=entry.parent))
    try:
        entry.replace(aside / "entry")
    except OSError as err:
        logger.warning("the damaged table %s could not be moved: %s", entry, err)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _pieces(part: Any) -> Iterator[bytes]:
    """Give the bytes of a part, its kind first, so that no two different parts give the same."""
    if isinstance(part, Network):
        yield b"network"
        yield from _pieces(part.nodes)
        yield from _pieces(part.edges)
    elif isinstance(part, pd.DataFrame):
        yield b"table"
        if isinstance(part, gpd.GeoDataFrame):
            # Written as a file keeps it, the same system comes back in other words.
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
