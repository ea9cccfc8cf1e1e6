"""Earmarks: money reserved for some chargers.

Of the budget ``B`` the money ``E_k`` is reserved for the chargers ``k``. They may draw on the rest
too; no other chargers may draw on reserved money. With ``D_k`` the money they draw and ``D`` the
sum of all draws, the rule holds if and only if the excess over the envelopes fits into the rest::

    D - sum of D_k  +  sum of max(0, D_k - E_k)  <=  B - sum of E_k

which is one row for each non-empty set ``T`` of envelopes::

    D - sum of D_k over k in T      <=  B - sum of E_k over k in T

Where an envelope is a ceiling too (``D_k <= E_k``), rows without it are implied. As ``D_k`` is a
share of each rupee, every row is a limit like an envelope. A split of the whole budget by charger
group is a set of envelopes, each a ceiling and an earmark.

Source: D. Gale: The Theory of Linear Economic Models, McGraw-Hill 1960, chapter 5 (a flow from
supplies to demands exists if each set of demands fits into the supplies open to it).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence

from siting import settings
from siting.program.limits import Limit


def earmarks(
    shares: Mapping[str, Mapping[str, float]],
    kept_pkr: Mapping[str, float],
    offer_ids: Sequence[str],
    *,
    ceilings: Collection[str] = (),
    of_budget: Mapping[str, float] | None = None,
) -> tuple[Limit, ...]:
    """Return the limits that reserve money for envelopes (PKR).

    `shares`: by envelope, the share of each rupee of an offer that goes to its chargers, 0 to 1;
    the shares of one offer sum to at most 1; `kept_pkr`: money reserved for each envelope beside a
    share of the budget (PKR); `offer_ids`: all offers; `ceilings`: envelopes that are ceilings too;
    `of_budget`: envelopes that are shares of the budget, with their share, 0 to 1.

    >>> from siting.program.limits import with_more_money
    >>> bikes = {"a": 1.0, "b": 0.25}
    >>> with_more_money(earmarks({"bikes": bikes}, {"bikes": 3.0}, ["a", "b", "c"]), 10.0)[0]
    Limit all but bikes (envelope): at most 7 PKR over 2 offers
    """
    names, follows = sorted(kept_pkr), dict(of_budget or {})
    always = [name for name in names if name in ceilings]
    free = [name for name in names if name not in ceilings]
    limits = []
    for size in range(len(free) + 1):
        for some in itertools.combinations(free, size):
            among = sorted([*always, *some])
            if not among:
                continue
            others = {o: 1 - sum(shares[k].get(o, 0.0) for k in among) for o in offer_ids}
            limits.append(
                Limit(
                    f"all but {' and '.join(among)}",
                    "envelope",
                    "PKR",
                    -sum(kept_pkr[k] for k in among),
                    {o: share for o, share in others.items() if share > settings.EXACT},
                    per_rupee=True,
                    of_budget=1 - sum(follows.get(k, 0.0) for k in among),
                )
            )
    # A row that no offer uses limits nothing.
    return tuple(limit for limit in limits if limit.use)
