"""Sizes: the combinations of charger counts for a site.

In each charger group, a station has either no chargers or an allowed number of chargers of a single
type. The name of a size lists its numbers, in the order of the catalogue: ``24_lev_3__2_dc_60``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from math import prod

import numpy as np
import pandas as pd

from siting.errors import Fault, naming, refuse
from siting.sites.chargers_text import readable_counts, size_name
from siting.sites.configurations import EXTENDED, UPGRADED, Configurations, is_count
from siting.sites.waiting import Floats
from siting.tables import reasons_of

Sizes = Mapping[str, Sequence[int]]

MOST_SIZES = 20_000  # a thousand numbers for each of two types would give a million sizes


def with_sizes(
    bundles: Configurations, sizes: Sizes, chargers: pd.DataFrame
) -> dict[str, dict[str, int]]:
    """Return the user's configurations, followed by the sizes, which are named by their numbers.

    `bundles` are the user's configurations, each with the number of chargers of each type. `sizes`
    maps each charger type to its allowed numbers. `chargers` is the result of `charger_catalogue`.
    A size with the same chargers as a configuration of the user is left out. Raises one
    `InputError` that lists all unknown types and all invalid numbers. Also raises `InputError` for
    more than `MOST_SIZES` sizes, and for configurations named like a size with other chargers.

    >>> from siting.sites.catalogue import charger_catalogue
    >>> list(with_sizes({}, {"dc_60": [1], "lev_3": [4, 8]}, charger_catalogue()))
    ['4_lev_3', '8_lev_3', '1_dc_60', '4_lev_3__1_dc_60', '8_lev_3__1_dc_60']
    """
    named = {name: dict(counts) for name, counts in bundles.items()}
    refuse(_faults(sizes, chargers))
    # `product` varies its last factor fastest; here, the catalogue's first group must.
    combined = product(*([{}, *group] for group in reversed(_by_group(sizes, chargers))))
    stations = ({c: n for part in reversed(of) for c, n in part.items()} for of in combined)
    made = {size_name(of): of for of in stations if of and of not in named.values()}
    taken = [name for name in named if name in made]
    what = "has the name of a size, but different chargers"
    refuse(naming("offers.configurations", what, taken, "rename it"))
    return named | made


def _by_group(sizes: Sizes, chargers: pd.DataFrame) -> list[list[dict[str, int]]]:
    """Return, for each charger group, every type with every allowed number, in catalogue order."""
    groups: dict[str, list[dict[str, int]]] = {}
    for charger, group in chargers[["charger_id", "charger_group"]].astype(str).to_numpy().tolist():
        choices = [{charger: int(n)} for n in sorted(sizes.get(charger, ()))]
        groups.setdefault(group, []).extend(choices)
    return [numbers for numbers in groups.values() if numbers]


def _faults(sizes: Sizes, chargers: pd.DataFrame) -> list[Fault]:
    known = chargers["charger_id"].astype(str)
    unknown = [charger for charger in sizes if charger not in set(known)]
    fix = f"the table has: {', '.join(known)}"
    faults = naming("offers.sizes", "unknown charger type", unknown, fix)
    for charger, numbers in sizes.items():
        where = f"offers.sizes, {charger}"
        odd = (n for n in numbers if not is_count(n))
        twice = (n for n in numbers if list(numbers).count(n) > 1)
        if not len(numbers):
            faults.append(Fault(where, "has no numbers", "list at least one, or leave it out"))
        faults += naming(where, "not a whole number of at least 1", odd)
        faults += naming(where, "given twice", twice, "leave one out")
    if not faults:
        count = prod(1 + len(group) for group in _by_group(sizes, chargers)) - 1
        if count > MOST_SIZES:
            what = f"{count:,} combinations are possible, more than {MOST_SIZES:,}"
            faults.append(Fault("offers.sizes", what, "list fewer numbers or types"))
    return faults


def shown_offers(
    offers: pd.DataFrame, built: Collection[str], bundles: Collection[str] = ()
) -> pd.DataFrame:
    """Return the offers to show: a few sizes per site, and all offers that are not sizes.

    At a site with a new station, the built size and its neighbours are shown. Neighbours differ by
    one step of one charger type (to the next allowed number, or from none to the smallest). At all
    other sites, sizes with a single charger type are shown. Of the sizes that are ruled out at a
    site for the same reason, one is also shown.

    `offers` has the columns of `siting.tables.OFFERS`. `built` has the ids of the plan's offers
    (several at a site that is extended later). All configurations named in `bundles` are shown.
    """
    bare = offers["configuration"].astype(str).str.removeprefix(EXTENDED)
    bare = bare.str.removesuffix(UPGRADED)
    told = pd.DataFrame({"bare": bare, "chargers": offers["chargers"].astype(str)})
    which = told.groupby(["bare", "chargers"], sort=False).ngroup().to_numpy()
    distinct = told.drop_duplicates()
    counts = [readable_counts(chargers)[0] for chargers in distinct["chargers"]]
    names = zip(distinct["bare"], counts, strict=True)
    made = [bool(of) and name not in bundles and name == size_name(of) for name, of in names]
    sized, steps = np.array(made, dtype=bool)[which], _steps(counts, made)[which]
    site = pd.factorize(offers["site_id"].astype(str))[0]
    reason = reasons_of(offers)
    open_ = reason.eq("").to_numpy()
    taken = offers["offer_id"].astype(str).isin(list(built)).to_numpy()
    keep = ~sized | taken
    keep[~open_] |= ~pd.DataFrame({"site": site, "reason": reason})[~open_].duplicated()
    rows = pd.DataFrame({"site": site, "row": np.arange(len(offers))})
    near = rows.merge(rows[taken], on="site", suffixes=("", "_built"))
    apart = np.abs(steps[near["row"]] - steps[near["row_built"]]).sum(axis=1)
    keep[near["row"][apart <= 1]] = True
    # An unchanged existing station does not count as a new station.
    has = np.isin(site, site[taken & (steps > 0).any(axis=1)])
    keep |= ~has & open_ & ((steps > 0).sum(axis=1) == 1)
    return offers[keep].reset_index(drop=True)


def step_text(before: str, after: str) -> str:
    """Return the difference in chargers between two stations; blank if a string is unreadable.

    >>> step_text("8 x lev_3 + 1 x dc_60", "12 x lev_3 + 1 x dc_60")
    '4 x lev_3 added'
    """
    (one, stood), (two, stands) = readable_counts(before), readable_counts(after)
    if not (one or stood) or not (two or stands):
        return ""
    more = {name: two.get(name, 0) - one.get(name, 0) for name in {**one, **two}}
    return ", ".join(
        f"{abs(number)} x {name} {'added' if number > 0 else 'removed'}"
        for name, number in more.items()
        if number
    )


def _steps(counts: list[dict[str, int]], made: list[bool]) -> Floats:
    """Return the step number of each count of chargers, with a half for a count between steps.

    The steps of a charger type are 0 and its counts in the stations that `made` marks as sizes. The
    result has a row for each station and a column for each type.
    """
    types = list(dict.fromkeys(charger for added in counts for charger in added))
    rows = [[added.get(charger, 0) for charger in types] for added in counts]
    numbers = np.array(rows, dtype=float).reshape(len(counts), len(types))
    out = np.empty_like(numbers)
    for column, every in enumerate(numbers.T):
        steps = np.unique(np.append(every[made], 0.0))
        out[:, column] = np.searchsorted(steps, every) - 0.5 * ~np.isin(every, steps)
    return out
