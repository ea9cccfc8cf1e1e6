"""What each key of a configuration feeds, and so what a change of it makes of no more use.

``FEEDS`` names for each key, by its longest known beginning, the stages that read it; ``RESTS_ON``
names the stages that read a stage. A change goes all the way down. A key that nothing here knows
feeds every stage, so that one added later cannot leave something stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from siting.config import Config

# In the order in which a study works them out.
STAGES = (
    "network",
    "people",
    "cells",
    "surfaces",
    "demand",
    "candidates",
    "offers",
    "reach",
    "cell_zones",
    "limits",
    "outcome",
)
RESTS_ON: Mapping[str, tuple[str, ...]] = {
    "network": (),
    "people": ("network",),
    "cells": ("network", "people"),
    "surfaces": ("cells", "network"),
    "demand": ("people", "cells", "surfaces"),
    "candidates": ("network",),
    # Offers are sized by the energy of the area, which is counted by the people in its cells.
    "offers": ("candidates", "cells"),
    "reach": ("network", "cells", "candidates"),
    "cell_zones": ("cells",),
    "limits": ("candidates", "offers"),
    "outcome": ("demand", "offers", "reach", "cell_zones", "limits"),
}
FEEDS: Mapping[str, tuple[str, ...]] = {
    "name": (),
    "title": (),
    "note": (),
    "output": (),
    "sweep": (),
    "download": (),
    "year": ("demand", "offers"),
    "roads": ("network",),
    # The city gives the speeds and how often there is power, beside its people.
    "demand.city": ("network", "people", "demand", "offers"),
    "demand.people": ("people",),
    "demand.cells": ("cells",),
    # Places and main roads make cells of their own.
    "demand.surfaces": ("cells",),
    "demand.surfaces.weights": ("demand",),
    "demand.case": ("demand",),
    "demand.housing": ("demand",),
    "demand": ("demand", "offers"),
    "candidates": ("candidates",),
    "offers": ("offers",),
    "offers.feeders": ("candidates",),
    "offers.feeder_within_m": ("candidates",),
    "offers.lines": ("candidates",),
    "offers.costs": ("candidates",),
    "money": ("outcome",),
    "reach": ("reach",),
    "reach.max_snap_m": ("cells",),
    "program": ("outcome",),
    "program.zones": ("cell_zones",),
    "program.limits": ("limits",),
    "solver": ("outcome",),
}


def feeds(key: str) -> tuple[str, ...]:
    """Return the stages that read a key, by its longest known beginning.

    Examples
    --------
    >>> feeds("reach.cutoff_min")
    ('reach',)
    >>> feeds("offers.subsidy.charger_share")
    ('offers',)
    """
    words = key.split(".")
    for n in range(len(words), 0, -1):
        found = FEEDS.get(".".join(words[:n]))
        if found is not None:
            return found
    return STAGES


def stale(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the stages that are of no more use once some keys have changed, in their order.

    Examples
    --------
    >>> stale(["reach.cutoff_min"])
    ('reach', 'outcome')
    >>> stale(["year", "title"])
    ('demand', 'offers', 'limits', 'outcome')
    """
    gone = {stage for key in keys for stage in feeds(key)}
    for stage in STAGES:
        if gone.intersection(RESTS_ON[stage]):
            gone.add(stage)
    return tuple(stage for stage in STAGES if stage in gone)


def changed_keys(before: Config, after: Config) -> tuple[str, ...]:
    """Return the keys whose values differ between two configurations, by their full paths."""
    old, new = dict(_leaves(before.model_dump())), dict(_leaves(after.model_dump()))
    keys = [*old, *(key for key in new if key not in old)]
    gone = object()
    return tuple(key for key in keys if old.get(key, gone) != new.get(key, gone))


def _leaves(value: Any, key: str = "") -> Iterable[tuple[str, Any]]:
    items: Iterable[tuple[Any, Any]]
    if isinstance(value, Mapping) and value:
        items = value.items()
    elif isinstance(value, list | tuple) and value:
        items = enumerate(value)
    else:
        yield key, str(value) if isinstance(value, Path) else value
        return
    for name, inner in items:
        yield from _leaves(inner, f"{key}.{name}" if key else str(name))
