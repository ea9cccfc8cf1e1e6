"""Temporary replacement of OSMnx's settings, which are global to the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from siting.roads.drive import WAY_TAGS

_LOCK = threading.RLock()  # without it, two threads could restore each other's settings

# Settings that affect the graph. They override the caller's settings.
_FIXED: dict[str, Any] = {
    "all_oneway": False,
    "bidirectional_network_types": ["walk"],
    "cache_only_mode": False,
    "default_access": '["access"!~"private"]',
    "default_crs": "epsg:4326",
    "useful_tags_way": WAY_TAGS,
}


@contextmanager
def swapped(module: Any, **values: Any) -> Iterator[None]:
    """Replace attributes of a module during a ``with`` block."""
    with _LOCK:
        before = {name: getattr(module, name) for name in values}
        try:
            for name, value in values.items():
                setattr(module, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(module, name, value)


@contextmanager
def osmnx_settings(**values: Any) -> Iterator[None]:
    """Set OSMnx's settings for this package, and restore the caller's settings afterwards."""
    import osmnx as ox

    with swapped(ox.settings, **(_FIXED | values)):
        yield
