"""Limits on sums over offers: public money, power, number of stations, spacing.

Every limit is one constraint row of the program, a sum over the open offers::

    L_r  <=  sum of u_ro z_o over all o  <=  U_r                 for each limit r

where offer ``o`` uses the amount ``u_ro`` of limit ``r``, ``U_r`` is the amount available and
``L_r`` is the minimum use. All three are 0 or more, in the limit's own unit. Either bound may be
missing. Upper bounds give knapsack rows: a plan that meets these rows still meets them if one of
its offers is removed.

Source: H. Kellerer, U. Pferschy, D. Pisinger: Knapsack Problems, Springer 2004, chapter 9
(several knapsack rows at once).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from siting.errors import naming, refuse
from siting.texts import counted


@dataclass(frozen=True)
class Limit:
    """A bound on the total use of a resource by the given offers.

    Parameters
    ----------
    name
        Name for messages, e.g. ``"Sindh"``; unique in an instance.
    kind
        ``envelope``, ``feeder``, ``spacing``, ``number`` or any other word.
    unit
        Unit of the amounts, e.g. ``PKR``, ``kW``, ``stations``.
    at_most
        Amount available, at least 0; infinite if the limit has only a lower bound.
    use
        Amount that each offer uses, at least 0, keyed by ``offer_id``; offers without an entry use
        0.
    at_least
        Minimum total use in the last year; 0 or more.
    per_rupee
        Whether `use` is an amount per rupee of public money that the offer draws, as in an
        envelope.
    of_budget
        Change of `at_most` per rupee of budget; 0: no change. Until `with_more_money` adds the
        budget, `at_most` is the amount at a budget of 0, and may be negative.

    Examples
    --------
    >>> Limit("line 7", "feeder", "kW", 100.0, {"s1:fast": 60.0, "s2:fast": 60.0})
    Limit line 7 (feeder): at most 100 kW over 2 offers
    """

    name: str
    kind: str
    unit: str
    at_most: float
    use: Mapping[str, float]
    at_least: float = 0.0
    per_rupee: bool = False
    of_budget: float = 0.0

    def __post_init__(self) -> None:
        """Copy the amounts, with offer ids as strings."""
        use = [(str(name), float(amount)) for name, amount in self.use.items()]
        twice = sorted(name for name, times in Counter(o for o, _ in use).items() if times > 1)
        refuse(naming(f"limit {self.name}", "an offer has two amounts", twice))
        object.__setattr__(self, "use", dict(use))
        object.__setattr__(self, "at_most", float(self.at_most))

    def used(self, drawn_pkr: Mapping[str, float]) -> float:
        """Return the total use by open offers, given the money (PKR) that each of them draws.

        >>> Limit("bikes", "envelope", "PKR", 9.0, {"a": 2.0, "b": 3.0}).used({"b": 5.0, "c": 1.0})
        3.0
        """
        users = [(use, drawn_pkr[o]) for o, use in self.use.items() if o in drawn_pkr]
        return math.fsum(use * (pkr if self.per_rupee else 1.0) for use, pkr in users)

    def __repr__(self) -> str:
        """Return the limit as one line of text."""
        sides = []
        if self.at_least > 0:
            sides.append(f"at least {self.at_least:,.10g}")
        if self.at_most < math.inf:
            sides.append(f"at most {self.at_most:,.10g}")
        last = self.at_most if self.at_most < math.inf else self.at_least
        unit = "station" if self.unit == "stations" and last == 1 else self.unit
        return (
            f"Limit {self.name} ({self.kind}): {' and '.join(sides)} {unit} "
            f"over {counted(len(self.use), 'offer')}"
        )


def feeders(
    offers: pd.DataFrame, feeder_of_site: Mapping[str, str], headroom_kw: Mapping[str, float]
) -> tuple[Limit, ...]:
    """Return one limit for each 11 kV feeder, on the total power of its new chargers (kW).

    For an extension, only the added power counts. `feeder_of_site` maps each ``site_id`` to its
    feeder, and `headroom_kw` maps each feeder to its spare power (kW). Sites without a feeder are
    not limited.

    >>> offers = pd.DataFrame({"offer_id": ["a", "b"], "site_id": ["s1", "s2"],
    ...     "power_kw": [60.0, 30.0], "existing": [False, True]})
    >>> feeders(offers, {"s1": "F7", "s2": "F7"}, {"F7": 50.0})
    (Limit feeder F7 (feeder): at most 50 kW over 1 offer,)
    """
    feeder = {str(s): str(f) for s, f in feeder_of_site.items() if not pd.isna(f)}
    room = {str(name): float(kw) for name, kw in headroom_kw.items()}
    site, ids = offers["site_id"].astype(str), offers["offer_id"].astype(str)
    unknown = sorted(set(feeder) - set(site))
    unlimited = sorted(set(feeder.values()) - set(room))
    unused = sorted(set(room) - set(site.map(feeder)))
    where, fix = "feeders, column site_id", "check the names, or leave these sites out"
    faults = naming(where, "some sites have no offer", unknown, fix)
    fix = "state the headroom of each feeder (kW)"
    faults += naming("feeders", "some feeders have no headroom", unlimited, fix)
    fix = "check the names, or leave these feeders out"
    refuse(faults + naming("feeders", "some feeders have no site", unused, fix))
    there = offers["existing"].to_numpy(bool)
    power = offers["power_kw"].astype(float)
    standing = dict(zip(site[there], power[there], strict=True))
    added = (power - site.map(standing).fillna(0.0)).clip(lower=0.0).set_axis(ids)[~there]
    of = site.map(feeder).to_numpy()[~there]
    return tuple(
        Limit(f"feeder {name}", "feeder", "kW", room[name], added[of == name].to_dict())
        for name in sorted(room)
    )


def number(offers: pd.DataFrame, at_most: int, name: str = "new stations") -> Limit:
    """Return the limit on the number of new stations; an extension is not a new station.

    >>> offers = pd.DataFrame({"offer_id": ["a", "b"], "site_id": ["s1", "s2"],
    ...     "existing": [False, True]})
    >>> number(offers, 3)
    Limit new stations (number): at most 3 stations over 1 offer
    """
    return Limit(name, "number", "stations", at_most, dict.fromkeys(new_offers(offers), 1.0))


def new_offers(offers: pd.DataFrame) -> list[str]:
    """Return the ids of the offers at sites without an existing station."""
    site = offers["site_id"].astype(str)
    standing = set(site[offers["existing"].to_numpy(bool)])
    return offers.loc[~site.isin(standing).to_numpy(), "offer_id"].astype(str).tolist()


def with_more_money(limits: Iterable[Limit], more_pkr: float) -> tuple[Limit, ...]:
    """Return the limits that apply if the budget rises by `more_pkr` (PKR).

    >>> with_more_money([Limit("bikes", "envelope", "PKR", 3.0, {"a": 1.0}, of_budget=0.3)], 10.0)
    (Limit bikes (envelope): at most 6 PKR over 1 offer,)
    """

    def raised(limit: Limit) -> Limit:
        at_most = max(limit.at_most + limit.of_budget * more_pkr, 0.0)
        return replace(limit, at_most=at_most) if limit.of_budget else limit

    return tuple(map(raised, limits))


def limit_tables(limits: Iterable[Limit]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return limits as two plain tables, for `siting.verify` and for files.

    The first table has one row per limit and offer: ``limit``, ``offer_id``, ``use``. The second
    has one row per limit: ``limit``, ``kind``, ``unit``, ``at_least``, ``at_most``, ``per_rupee``,
    ``of_budget``.
    """
    limits = sorted(limits, key=lambda limit: limit.name)
    uses = [(limit.name, *one) for limit in limits for one in limit.use.items()]
    use = pd.DataFrame(uses, columns=["limit", "offer_id", "use"]).astype({"use": float})
    sides = {"at_least": float, "at_most": float, "per_rupee": bool, "of_budget": float}
    columns = ["name", "kind", "unit", *sides]
    rows = [[getattr(limit, c) for c in columns] for limit in limits]
    there = pd.DataFrame(rows, columns=columns).rename(columns={"name": "limit"})
    return use, there.astype(sides)
