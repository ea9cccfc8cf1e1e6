"""Sizes: combinations of charger numbers for a site.

A station takes from each charger group nothing, or one type with one of its numbers: types of one
group do not mix. A size is an ordinary configuration named by its numbers: ``24_lev_3__2_dc_60``,
types in the order of the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError, refuse
from siting.sites.chargers_text import size_name

Sizes = Mapping[str, Sequence[int]]
Configurations = Mapping[str, Mapping[str, int]]

# Most sizes allowed: a thousand numbers of two types already make a million.
MOST_SIZES = 20_000


def with_sizes(
    bundles: Configurations, sizes: Sizes, chargers: pd.DataFrame
) -> dict[str, dict[str, int]]:
    """Return the configurations: the bundles as they are named, then every size by its numbers.

    A size with the numbers of a bundle is left out as a duplicate.

    `bundles`: name, then charger type and number; `sizes`: charger type, then the numbers of it
    that may stand at a site; `chargers`: as `charger_catalogue` returns it. Raises `InputError`
    with every unknown type, number that cannot be, and bundle that bears a size's name; or where
    the sizes are more than `MOST_SIZES`.

    >>> from siting.sites.catalogue import charger_catalogue
    >>> list(with_sizes({}, {"dc_60": [1], "lev_3": [4, 8]}, charger_catalogue()))
    ['4_lev_3', '8_lev_3', '1_dc_60', '4_lev_3__1_dc_60', '8_lev_3__1_dc_60']
    """
    named = {name: dict(counts) for name, counts in bundles.items()}
    refuse(_faults(sizes, chargers))
    there = {frozenset(counts.items()) for counts in named.values()}
    made = {
        size_name(counts): counts
        for counts in _stations(sizes, chargers)
        if frozenset(counts.items()) not in there
    }
    taken = tuple(name for name in named if name in made)
    if taken:
        what = "bears the name of a size with other numbers"
        raise InputError("offers.configurations", what, "rename it", taken)
    return named | made


def _stations(sizes: Sizes, chargers: pd.DataFrame) -> list[dict[str, int]]:
    """Return each station that the sizes allow, smaller groups of the catalogue varying first."""
    choices = _by_group(sizes, chargers)
    # The last factor of a product varies first.
    put_together = product(*([{}, *group] for group in reversed(choices)))
    stations = (
        {c: n for part in reversed(parts) for c, n in part.items()} for parts in put_together
    )
    return [station for station in stations if station]


def _by_group(sizes: Sizes, chargers: pd.DataFrame) -> list[list[dict[str, int]]]:
    """Return for each charger group its types with each of their numbers, as in the catalogue."""
    groups: dict[str, list[dict[str, int]]] = {}
    for charger, group in chargers[["charger_id", "charger_group"]].astype(str).to_numpy().tolist():
        groups.setdefault(group, []).extend(
            {charger: int(n)} for n in sorted(sizes.get(charger, ()))
        )
    return [numbers for numbers in groups.values() if numbers]


def _faults(sizes: Sizes, chargers: pd.DataFrame) -> list[Fault]:
    known = chargers["charger_id"].astype(str)
    faults = []
    unknown = tuple(str(charger) for charger in sizes if charger not in set(known))
    if unknown:
        fix = f"the table has: {', '.join(known)}"
        faults.append(Fault("offers.sizes", "unknown charger type", fix, unknown))
    for charger, numbers in sizes.items():
        where = f"offers.sizes, {charger}"
        odd = tuple(
            str(n) for n in numbers
            if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1
        )  # fmt: skip
        twice = tuple(dict.fromkeys(str(n) for n in numbers if list(numbers).count(n) > 1))
        if not len(numbers):
            faults.append(Fault(where, "has no numbers", "give at least one, or leave it out"))
        if odd:
            faults.append(Fault(where, "not a whole number of at least 1", "", odd))
        if twice:
            faults.append(Fault(where, "given twice", "leave one out", twice))
    if not faults:
        count = prod(1 + len(group) for group in _by_group(sizes, chargers)) - 1
        if count > MOST_SIZES:
            what = f"{count:,} combinations, more than {MOST_SIZES:,}"
            faults.append(Fault("offers.sizes", what, "list fewer numbers or types"))
    return faults
