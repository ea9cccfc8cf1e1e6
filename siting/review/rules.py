"""The use of each limit by a set of offers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from siting.program.limits import Limit


def limit_uses(
    limits: Iterable[Limit], drawn_pkr: Mapping[str, float]
) -> Iterator[tuple[Limit, list[str], float]]:
    """Yield each limit with its offers and their total use.

    `drawn_pkr` is the public money of each offer that stands, by ``offer_id``.

    >>> bikes = Limit("bikes", "envelope", "PKR", 9.0, {"a": 2.0, "b": 3.0})
    >>> [(users, used) for _, users, used in limit_uses([bikes], {"b": 5.0, "c": 1.0})]
    [(['b'], 3.0)]
    """
    for limit in limits:
        users = [offer for offer in drawn_pkr if limit.use.get(offer, 0.0) > 0]
        each = (limit.use[o] * (drawn_pkr[o] if limit.per_rupee else 1.0) for o in users)
        yield limit, users, sum(each)
