"""What offers that stand together use of each limit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from siting.program.limits import Limit


def limit_uses(
    limits: Iterable[Limit], offers: Collection[str]
) -> Iterator[tuple[Limit, list[str], float]]:
    """Yield each limit with the offers that use it and how much of it they use together.

    Parameters
    ----------
    limits
        The limits.
    offers
        Ids of the offers that stand.

    Examples
    --------
    >>> [(users, used) for _, users, used in limit_uses(
    ...     [Limit("bikes", "envelope", "PKR", 9.0, {"a": 2.0, "b": 3.0})], ("b", "c"))]
    [(['b'], 3.0)]
    """
    for limit in limits:
        users = [offer for offer in offers if limit.use.get(offer, 0.0) > 0]
        yield limit, users, sum(limit.use[offer] for offer in users)
