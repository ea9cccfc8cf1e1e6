"""Networks kept on disk, so that a second run neither parses nor builds."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyarrow as pa

from siting.errors import InputError
from siting.files import clear_parts, sha256, whole_folder
from siting.locks import hold
from siting.roads.network import EDGE_COLUMNS, Network

logger = logging.getLogger(__name__)

# Raise it when what is stored, or how a network is built, changes.
FORMAT = 1
# How long to wait for another process that builds the same; after that both build it, s.
WAIT_S = 900.0
_MANIFEST = "network.json"
_TABLES = ("nodes.parquet", "edges.parquet")


def cached_network(folder: Path, key: dict[str, Any], build: Callable[[], Network]) -> Network:
    """Return the network kept under a key, or build it and keep it.

    Each network is a folder of its own, written whole or not at all, with the hashes of its files:
    two runs at once, or one killed at any moment, leave no half network to be read. One that is
    damaged nevertheless is built anew, with a warning.

    Parameters
    ----------
    folder
        Where networks are kept; made where it is missing.
    key
        All that the network depends on: the source's hash, the speeds, the settings. JSON types
        only. The versions of this package and of OSMnx are added.
    build
        Called without arguments where nothing is kept under the key.

    Returns
    -------
    Network
        As built; a network that could not be written is returned all the same, with a warning.
    """
    full = {
        **key,
        "format": FORMAT,
        "siting": _version("siting"),
        "osmnx": _version("osmnx"),
    }
    text = json.dumps(full, sort_keys=True, ensure_ascii=False)
    entry = folder / hashlib.sha256(text.encode()).hexdigest()[:32]
    network = _kept(entry)
    if network is not None:
        return network
    # Of several processes that want the same network one builds it and the others wait.
    try:
        lock = hold(folder / f".{entry.name}.lock", WAIT_S)
    except OSError:  # as without a cache
        lock = None
    try:
        network = _kept(entry)
        if network is None:
            if lock is not None and lock.sure:
                clear_parts(entry)
            network = _built(entry, full, build)
        return network
    finally:
        if lock is not None:
            lock.release()


def _kept(entry: Path) -> Network | None:
    if not entry.is_dir():
        return None
    try:
        network = _load(entry)
    # Whatever is wrong with it, the answer is the same: build it again.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as err:
        logger.warning("kept network %s is damaged (%s); building it again", entry, err)
        _discard(entry)
        return None
    logger.info("kept network %s: %s", entry, network)
    return network


def _built(entry: Path, full: dict[str, Any], build: Callable[[], Network]) -> Network:
    network = build()
    try:
        with whole_folder(entry) as part:
            _save(network, part, full)
    except (OSError, InputError) as err:
        # Another process may have been quicker, which is as good.
        if not (entry / _MANIFEST).is_file():
            logger.warning("the network could not be kept in %s: %s", entry, err)
    return network


def _save(network: Network, folder: Path, key: dict[str, Any]) -> None:
    for name, table in zip(_TABLES, (network.nodes, network.edges), strict=True):
        table.to_parquet(folder / name, compression="zstd")
    manifest = {
        "key": key,
        "sha256": {name: sha256(folder / name) for name in _TABLES},
        "report": network.report,
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (folder / _MANIFEST).write_text(text, encoding="utf-8")


def _load(folder: Path) -> Network:
    manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    for name in _TABLES:
        if sha256(folder / name) != manifest["sha256"][name]:
            raise ValueError(f"{name} has changed")
    nodes, edges = (gpd.read_parquet(folder / name) for name in _TABLES)
    return Network(nodes, edges[list(EDGE_COLUMNS)], manifest["report"])


def _discard(entry: Path) -> None:
    """Move a damaged entry out of the way at a stroke, then delete it."""
    aside = Path(tempfile.mkdtemp(prefix=".damaged-", dir=entry.parent))
    try:
        entry.replace(aside / "entry")
    except OSError as err:
        logger.warning("the damaged network %s could not be moved: %s", entry, err)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unpackaged"
