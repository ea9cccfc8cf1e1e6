"""Networks stored on disk, so that later runs do not rebuild them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd

from siting import __version__
from siting.files import sha256
from siting.folder_cache import kept
from siting.roads.network import EDGE_COLUMNS, Network

# Increase this number when the stored content, or the way a network is built, changes.
FORMAT = 2
_MANIFEST = "network.json"
_TABLES = ("nodes.parquet", "edges.parquet")


def cached_network(folder: Path, key: dict[str, Any], build: Callable[[], Network]) -> Network:
    """Return the network stored under a key, or build and store it.

    Each network has its own folder with file hashes in `folder`. A damaged network is rebuilt, and
    a network that cannot be written is still returned, both with a warning. `key` holds everything
    on which the network depends, in JSON types (the source's hash, the speeds, the settings); the
    versions of this package and of OSMnx are added.
    """
    full = {**key, "format": FORMAT, "siting": __version__, "osmnx": version("osmnx")}
    text = json.dumps(full, sort_keys=True, ensure_ascii=False)
    entry = folder / hashlib.sha256(text.encode()).hexdigest()[:32]
    return kept(entry, read=_load, build=build, write=lambda at, made: _save(full, at, made))


def _save(key: dict[str, Any], folder: Path, network: Network) -> None:
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
