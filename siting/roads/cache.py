"""Networks stored on disk, so that later runs do not rebuild them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from siting import __version__
from siting.files import sha256
from siting.folder_cache import kept
from siting.roads.network import Network

FORMAT = 3  # increase it when the stored content, or the way a network is built, changes
_TABLE, _HASH = "network.parquet", "network.sha256"


def cached_network(folder: Path, key: dict[str, Any], build: Callable[[], Network]) -> Network:
    """Return the network stored under a key, or build and store it.

    Each network has its own folder in `folder`, with the hash of its file. A damaged network is
    rebuilt, and a network that cannot be written is still returned, both with a warning. `key`
    holds everything on which the network depends, in JSON types (the source's hash, the speeds, the
    settings); the versions of this package and of OSMnx are added.
    """
    full = {**key, "format": FORMAT, "siting": __version__, "osmnx": version("osmnx")}
    text = json.dumps(full, sort_keys=True, ensure_ascii=False)
    entry = folder / hashlib.sha256(text.encode()).hexdigest()[:32]
    return kept(entry, read=_load, build=build, write=_save)


def _save(folder: Path, network: Network) -> None:
    network.to_parquet(folder / _TABLE)
    (folder / _HASH).write_text(sha256(folder / _TABLE), encoding="utf-8")


def _load(folder: Path) -> Network:
    if sha256(folder / _TABLE) != (folder / _HASH).read_text(encoding="utf-8"):
        raise ValueError(f"{_TABLE} has changed")
    return Network.from_parquet(folder / _TABLE)
