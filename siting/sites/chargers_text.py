"""Strings that list chargers, such as ``2 x dc_120 + 8 x lev_3``, and names made from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from siting.shown import Column
from siting.sites.configurations import EXTENDED, UPGRADED
from siting.texts import counted

_PART = re.compile(r"^\s*(?P<number>\d+)\s*[x×*]\s*(?P<what>.+?)\s*$", re.IGNORECASE)
# Layers that earlier versions exported say "stands".
_STANDS = re.compile(r"^(?P<kw>\d+(?:\.\d+)?)\s*kW \((?:existing|stands)\)$", re.IGNORECASE)
# Name of one port of each charger group.
_PORTS = {"lev": "socket", "lev_dc": "12 kW point", "ac": "AC port", "dc": "DC port",
          "swap_2w": "two-wheeler swap slot", "swap_3w": "three-wheeler swap slot"}  # fmt: skip


def ports_in_words(ports: Mapping[str, int]) -> str:
    """Return a text that states the number of ports of each charger group.

    >>> ports_in_words({"lev": 1424, "dc": 1})
    '1,424 sockets, 1 DC port'
    """
    return ", ".join(counted(n, _PORTS.get(group, group)) for group, n in ports.items())


def charger_counts(text: str) -> tuple[dict[str, int], float | None]:
    """Parse a string into the number of chargers of each type, and the existing power (kW).

    Numbers of a repeated type are added. The power is None if no part of the string has the form
    ``1 x 60 kW (existing)``. Raises `ValueError` if a part is not ``number x type``.

    >>> charger_counts("2 x dc_120 + 8 x lev_3")
    ({'dc_120': 2, 'lev_3': 8}, None)
    >>> charger_counts("1 x 22 kW (existing) + 2 x dc_60")
    ({'dc_60': 2}, 22.0)
    """
    counts: dict[str, int] = {}
    standing: float | None = None
    for part in text.split("+"):
        matched = _PART.match(part)
        if matched is None:
            raise ValueError(f"{part.strip()!r} is not 'number x charger type'")
        stands = _STANDS.match(matched["what"])
        number = int(matched["number"])
        if stands is not None:
            standing = (standing or 0.0) + number * float(stands["kw"])
        elif number < 1:
            raise ValueError(f"{part.strip()!r} has no chargers")
        else:
            counts[matched["what"]] = counts.get(matched["what"], 0) + number
    return counts, standing


def readable_counts(text: str) -> tuple[dict[str, int], float | None]:
    """Return the `charger_counts` of a string, or ``({}, None)`` if it cannot be parsed."""
    try:
        return charger_counts(text)
    except ValueError:  # a user's own table may have any description here
        return {}, None


def added_up(texts: Iterable[str]) -> str:
    """Return the added-up chargers of stations; strings that cannot be parsed are only joined.

    >>> added_up(["2 x dc_60 + 8 x lev_3", "4 x lev_3"])
    '2 x dc_60 + 12 x lev_3'
    """
    whole = " + ".join(map(str, texts))
    counts, standing_kw = readable_counts(whole)
    if not counts and standing_kw is None:
        return whole
    stands = [] if standing_kw is None else [f"{standing_kw:g} kW (existing)"]
    return " + ".join([*stands, *(f"{n} x {name}" for name, n in sorted(counts.items()))])


def size_name(counts: Mapping[str, int]) -> str:
    """Return a name for a configuration, built from its charger counts.

    >>> size_name({"lev_3": 24, "dc_60": 2})
    '24_lev_3__2_dc_60'
    """
    return "__".join(f"{number}_{charger}" for charger, number in counts.items())


def chargers_told(row: Mapping[Any, Any]) -> str:
    """Return the chargers of a row, which has ``configuration`` and ``chargers``, as text."""
    return told_as(str(row["configuration"]), str(row["chargers"]))


def told_as(configuration: str, chargers: str) -> str:
    """Return a configuration's name, or its chargers if the name merely lists them.

    >>> told_as("hub", "2 x dc_120 + 8 x lev_3")
    'hub'
    >>> told_as("existing+2_dc_60+upgrade", "1 x 22 kW (existing) + 2 x dc_60")
    '1 x 22 kW (existing) + 2 x dc_60, grid upgraded'
    """
    bare = configuration.removeprefix(EXTENDED).removesuffix(UPGRADED)
    counts, _ = readable_counts(chargers)
    if not counts or bare != size_name(counts):
        return configuration
    return chargers + (", grid upgraded" if configuration.endswith(UPGRADED) else "")


BUILD = Column("Build", chargers_told, overflow="fold", min_width=13)  # chargers built at a site
