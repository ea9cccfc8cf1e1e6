"""Offers from sizes worth showing: those built, and their neighbours.

Sizes make hundreds of offers a site. A reader wants the standing stations, and the effect of one
step more or fewer.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from siting.sites.chargers_text import charger_counts, size_name
from siting.sites.configurations import EXTENDED, UPGRADED

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


def shown_offers(
    offers: pd.DataFrame, built: Collection[str], bundles: Collection[str] = ()
) -> pd.DataFrame:
    """Return the offers worth showing: a few a site of those from sizes, all others.

    Of sizes: the built one; those with one step more or fewer of one charger type, a step being
    from one of its numbers to the next, and from none to the smallest; without a station, those of
    one type; and of those ruled out one a site and reason.

    `offers`: `siting.tables.OFFERS`; `built`: ids of the offers that a plan takes, at a site
    several if it is extended later; `bundles`: names of configurations, whose offers are all shown.
    Result: rows of `offers`, in their order.
    """
    told = pd.DataFrame(
        {
            "bare": offers["configuration"].astype(str).str.removeprefix(EXTENDED),
            "chargers": offers["chargers"].astype(str),
        }
    )
    told["bare"] = told["bare"].str.removesuffix(UPGRADED)
    of = told.groupby(["bare", "chargers"], sort=False).ngroup().to_numpy()
    distinct = told.drop_duplicates()
    counts = [_added(chargers) for chargers in distinct["chargers"]]
    made = np.array(
        [
            bool(added) and name not in bundles and name == size_name(added)
            for name, added in zip(distinct["bare"], counts, strict=True)
        ],
        dtype=bool,
    )
    sized, steps = made[of], _steps(counts, made)[of]
    site = pd.factorize(offers["site_id"].astype(str))[0]
    reason = offers["reason"].fillna("").astype(str).str.strip()
    open_ = reason.eq("").to_numpy()
    taken = offers["offer_id"].astype(str).isin(list(built)).to_numpy()
    keep = ~sized | taken
    keep[~open_] |= ~pd.DataFrame({"site": site, "reason": reason})[~open_].duplicated()
    # The neighbours of a built size at its site.
    rows = pd.DataFrame({"site": site, "row": np.arange(len(offers))})
    near = rows.merge(rows[taken], on="site", suffixes=("", "_built"))
    apart = np.abs(steps[near["row"]] - steps[near["row_built"]]).sum(axis=1)
    keep[near["row"][apart <= 1]] = True
    # An unchanged existing station has no added chargers, like an empty site.
    has = np.isin(site, site[taken & (steps > 0).any(axis=1)])
    keep |= ~has & open_ & ((steps > 0).sum(axis=1) == 1)
    return offers[keep].reset_index(drop=True)


def step_text(before: str, after: str) -> str:
    """Return the chargers one station has more or fewer than another; blank for users' words.

    >>> step_text("8 x lev_3 + 1 x dc_60", "12 x lev_3 + 1 x dc_60")
    '4 x lev_3 more'
    """
    one, two = _added(before), _added(after)
    if not (one or _stands(before)) or not (two or _stands(after)):
        return ""
    more = {name: two.get(name, 0) - one.get(name, 0) for name in {**one, **two}}
    return ", ".join(
        f"{abs(number)} x {name} {'more' if number > 0 else 'fewer'}"
        for name, number in more.items()
        if number
    )


def _added(chargers: str) -> dict[str, int]:
    """Return the chargers a text adds to an existing station; empty for a user's own words."""
    try:
        return charger_counts(chargers)[0]
    except ValueError:
        return {}


def _stands(chargers: str) -> bool:
    try:
        return charger_counts(chargers)[1] is not None
    except ValueError:
        return False


def _steps(counts: list[dict[str, int]], made: Flags) -> Floats:
    """Return the steps from none to each number: a row each, a column a type.

    `made`: which of them sizes made; a number between two sizes is half a step from each.
    """
    types = list(dict.fromkeys(charger for added in counts for charger in added))
    rows = [[added.get(charger, 0) for charger in types] for added in counts]
    numbers = np.array(rows, dtype=float).reshape(len(counts), len(types))
    out = np.empty_like(numbers)
    for column, every in enumerate(numbers.T):
        steps = np.unique(np.append(every[made], 0.0))
        out[:, column] = np.searchsorted(steps, every) - 0.5 * ~np.isin(every, steps)
    return out
