"""Envelopes: parts of the budget that are reserved for particular chargers.

Envelope ``k`` reserves ``E_k`` of the budget ``B`` for its chargers. The part of the budget that no
envelope reserves is open to all chargers. The chargers of envelope ``k`` draw ``D_k``, and all
chargers together draw ``D``. The money drawn beyond the envelopes must fit into the open part::

    D - sum of D_k  +  sum of max(0, D_k - E_k)  <=  B - sum of E_k

This is equivalent to one constraint row for each non-empty set ``T`` of envelopes::

    D - sum of D_k over k in T      <=  B - sum of E_k over k in T

If an envelope is also a ceiling (``D_k <= E_k``), the rows of sets ``T`` that lack this envelope
are redundant. A fixed share of an offer's subsidy counts towards ``D_k``, so every row is a limit
per rupee. To split the whole budget by charger group, make each group's envelope both a reserve and
a ceiling.

Source: D. Gale: The Theory of Linear Economic Models, McGraw-Hill 1960, chapter 5 (a flow from
supplies to demands exists if each set of demands fits into the supplies open to it).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence

from siting import settings
from siting.program.limits import Limit


def earmarks(
    shares: Mapping[str, Mapping[str, float]], kept_pkr: Mapping[str, float],
    offer_ids: Sequence[str], *, ceilings: Collection[str] = (),
    of_budget: Mapping[str, float] | None = None,
) -> tuple[Limit, ...]:  # fmt: skip
    """Return the limits that reserve money for envelopes (PKR).

    For each envelope, `shares` has the share (0 to 1) of each offer's subsidy that pays for the
    envelope's chargers. The shares of one offer sum to at most 1. Each envelope has `kept_pkr`
    (PKR) plus the share `of_budget` (0 to 1) of the budget. `offer_ids` are the ids of all offers.
    `ceilings` names the envelopes that are also ceilings.

    >>> from siting.program.limits import with_more_money
    >>> bikes = {"a": 1.0, "b": 0.25}
    >>> with_more_money(earmarks({"bikes": bikes}, {"bikes": 3.0}, ["a", "b", "c"]), 10.0)[0]
    Limit all but bikes (envelope): at most 7 PKR over 2 offers
    """
    names, follows = sorted(kept_pkr), of_budget or {}
    always = [name for name in names if name in ceilings]
    free = [name for name in names if name not in ceilings]
    limits, sizes = [], range(len(free) + 1)
    for some in itertools.chain.from_iterable(itertools.combinations(free, n) for n in sizes):
        among = sorted([*always, *some])
        others = {o: 1 - sum(shares[k].get(o, 0.0) for k in among) for o in offer_ids}
        use = {o: share for o, share in others.items() if share > settings.EXACT}
        if among and use:  # a limit without offers has no effect
            name, kept = f"all but {' and '.join(among)}", -sum(kept_pkr[k] for k in among)
            rest = 1 - sum(follows.get(k, 0.0) for k in among)
            limits.append(Limit(name, "envelope", "PKR", kept, use, per_rupee=True, of_budget=rest))
    return tuple(limits)
