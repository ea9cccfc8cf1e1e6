"""How much any division of the money could serve, from the cities' proven bounds alone.

Nothing joins two cities but money. A city that was solved for a budget ``B`` is proven to serve
no more than ``U`` for it or less; solved at a price ``p`` a rupee, no more than ``L + p b`` for any
money ``b``. With the least of these as ``U_c(b)``, any prices ``pi_r`` bound the nation::

    sum of U_c(b_c)  <=  sum over c of max over b of (U_c(b) - b sum of pi_r over r at c)
                         + sum over r of pi_r x its side

over all money within the cities' own limits; ``r`` is the budget (its side is what there is), or
the least or the most of a province (a price below 0 goes with the least). Whoever has the table of
bounds and the prices can add it up again. Prices that make it smallest are those of a linear
program over the corners of ``U_c``.

Sources: H. Everett: Generalized Lagrange multiplier method for solving problems of optimum
allocation of resources. Operations Research 11 (1963), 399-417. G. Dantzig, P. Wolfe:
Decomposition principle for linear programs. Operations Research 8 (1960), 101-111.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.linear import STRICT, model_of, run_model
from siting.program.instance import Floats

MILLION = 1e6
# So little a PKR m counts against granting money that nobody draws.
IDLE = 1e-6


@dataclass(frozen=True)
class Pot:
    """Money that some cities share: the nation's budget, or a province's."""

    name: str
    cities: tuple[str, ...]
    at_least: float = 0.0  # granted of it in all (PKR)
    at_most: float = math.inf


@dataclass(frozen=True, eq=False)
class Points:
    """What a city could do: energy (kWh/day) for money (PKR), and the money it may be granted."""

    money: Floats  # PKR of each point
    energy: Floats  # kWh/day of each point
    low: float  # least and most money of the city (PKR)
    high: float
    use: Mapping[str, Floats] | None = None  # what each point uses of further resources, by name


@dataclass(frozen=True, eq=False)
class Divided:
    """Money divided: energy in all, the point of each city, money granted, and prices."""

    energy: float  # in all (kWh/day)
    weights: dict[str, Floats]  # of each city's points, by city
    granted: dict[str, float]  # PKR of each city
    # What a rupee more of each pot is worth (kWh/day); of a linear program only.
    prices: dict[str, float]


def corners(bounds: pd.DataFrame, low: float, high: float) -> Points:
    """Return the corners of what a city is proven not to exceed.

    `bounds` is of one city: ``budget_pkr`` (blank: any), ``price`` (kWh/day a PKR, blank: none),
    ``bound_kwh_day``; `low` and `high` are the money it may be granted (PKR).

    >>> known = pd.DataFrame({"budget_pkr": [np.nan, 4.0], "price": [np.nan, np.nan],
    ...     "bound_kwh_day": [9.0, 6.0]})
    >>> found = corners(known, 0.0, 10.0)
    >>> sorted(zip(found.money.tolist(), found.energy.tolist()))
    [(0.0, 6.0), (4.0, 6.0), (4.0, 9.0), (10.0, 9.0)]
    """
    known = bounds[np.isfinite(bounds["bound_kwh_day"])]
    steps = known[known["price"].isna()]
    sloped = known[known["price"].notna()]
    slope, height = sloped["price"].to_numpy(float), sloped["bound_kwh_day"].to_numpy(float)
    ends = steps["budget_pkr"].fillna(math.inf).to_numpy(float)
    most = steps["bound_kwh_day"].to_numpy(float)
    cuts = np.unique(np.clip([low, high, *ends[np.isfinite(ends)]], low, high))
    money: list[float] = []
    energy: list[float] = []
    for a, b in itertools.pairwise(cuts) if len(cuts) > 1 else [(low, high)]:
        # A bound for a budget holds for all money up to it.
        here = most[ends >= b]
        flat = float(here.min()) if len(here) else math.inf
        lines = [(0.0, flat)] if math.isfinite(flat) else []
        lines += list(zip(slope.tolist(), height.tolist(), strict=True))
        if not lines:
            return Points(np.zeros(0), np.zeros(0), low, high)
        met = [
            (h2 - h1) / (s1 - s2)
            for (s1, h1), (s2, h2) in itertools.combinations(lines, 2)
            if s1 != s2
        ]
        for at in [a, b, *(m for m in met if a < m < b)]:
            money.append(at)
            energy.append(min(s * at + h for s, h in lines))
    return Points(np.array(money), np.array(energy), low, high)


def divide(
    cities: Mapping[str, Points],
    pots: Sequence[Pot],
    envelopes: Mapping[str, float] | None = None,
    *,
    whole: bool = True,
) -> Divided | None:
    """Return the best point of each city within the money, or shares of points; none if none fits.

    `pots` are the nation's budget and what provinces have, `envelopes` the most that the points may
    use of further resources. With `whole` each city takes one point; else shares of several, which
    gives prices.
    """
    names = list(cities)
    counts = [len(cities[name].money) for name in names]
    first = np.concatenate([[0], np.cumsum(counts)])
    n, c = int(first[-1]), len(names)
    rows: list[tuple[dict[int, float], float, float]] = []
    for i, name in enumerate(names):
        mine = range(first[i], first[i + 1])
        rows.append((dict.fromkeys(mine, 1.0), 1.0, 1.0))
        drawn = {j: -m / MILLION for j, m in zip(mine, cities[name].money.tolist(), strict=True)}
        rows.append(({n + i: 1.0, **drawn}, 0.0, math.inf))  # no more is drawn than is granted
    start = len(rows)
    for pot in pots:
        at = {n + names.index(name): 1.0 for name in pot.cities if name in cities}
        rows.append((at, pot.at_least / MILLION, pot.at_most / MILLION))
    for name, most in (envelopes or {}).items():
        use = {
            int(first[i]) + j: float(v) / MILLION
            for i, city in enumerate(names)
            for j, v in enumerate((cities[city].use or {}).get(name, np.zeros(counts[i])))
        }
        rows.append((use, -math.inf, most / MILLION))
    entries = [(r, j, v) for r, (row, _, _) in enumerate(rows) for j, v in row.items() if v]
    r, j, v = (np.array(part) for part in zip(*entries, strict=True))
    a = sparse.csc_array((v, (r, j)), shape=(len(rows), n + c))
    low = [0.0] * n + [cities[name].low / MILLION for name in names]
    high = [1.0] * n + [cities[name].high / MILLION for name in names]
    scale = max((abs(p.energy).max() for p in cities.values() if len(p.energy)), default=1.0) or 1.0
    cost = np.concatenate([*(cities[name].energy / scale for name in names), np.full(c, -IDLE)])
    model = model_of(
        a, cost, np.array(low), np.array(high),
        np.array([x[1] for x in rows]), np.array([x[2] for x in rows]),
        whole=np.arange(n + c) < n if whole else None,
        **(STRICT | {"mip_rel_gap": 0.0, "mip_abs_gap": 0.0} if whole else {}),
    )  # fmt: skip
    found = run_model(model, Clock(60.0, None), whole=whole)
    if not found.found:
        return None
    weights = {name: found.point[first[i] : first[i + 1]] for i, name in enumerate(names)}
    if whole:
        weights = {name: np.round(w) for name, w in weights.items()}
    prices = {}
    if not whole:
        duals = found.price[start : start + len(pots)] * scale / MILLION
        prices = {pot.name: float(p) for pot, p in zip(pots, duals, strict=True)}
    return Divided(
        math.fsum(float(w @ cities[name].energy) for name, w in weights.items()),
        weights,
        {name: float(found.point[n + i]) * MILLION for i, name in enumerate(names)},
        prices,
    )


def added_up(
    cities: Mapping[str, Points], pots: Sequence[Pot], prices: Mapping[str, float]
) -> pd.DataFrame:
    """Return the certificate: one row a city and one a pot; their sum bounds the nation.

    `cities` are `corners` of each. Any `prices` (kWh/day a PKR) will do; a price without a side
    counts as 0. Columns: ``row`` (city or pot), ``name``, ``price`` (kWh/day a PKR), ``money_pkr``
    (where a city is best at the price; a pot's side), ``term_kwh_day``.

    >>> line = Points(np.array([0.0, 4.0]), np.array([0.0, 8.0]), 0.0, 4.0)
    >>> added_up({"a": line}, [Pot("budget", ("a",), at_most=3.0)], {"budget": 2.0})[
    ...     "term_kwh_day"].sum()
    np.float64(6.0)
    """
    used: dict[str, tuple[float, float]] = {}
    for pot in pots:
        price = prices.get(pot.name, 0.0)
        side = pot.at_most if price > 0 else pot.at_least
        used[pot.name] = (price, side) if math.isfinite(side) else (0.0, 0.0)
    rows = []
    for name, points in cities.items():
        price = math.fsum(used[pot.name][0] for pot in pots if name in pot.cities)
        net = points.energy - price * points.money
        best = int(net.argmax())
        rows.append(("city", name, price, float(points.money[best]), float(net[best])))
    rows += [("pot", name, price, side, price * side) for name, (price, side) in used.items()]
    return pd.DataFrame(rows, columns=["row", "name", "price", "money_pkr", "term_kwh_day"])


def certificate(
    bounds: pd.DataFrame, limits: Mapping[str, tuple[float, float]], pots: Sequence[Pot]
) -> pd.DataFrame:
    """Return the smallest certificate that a table of bounds gives.

    `bounds` has ``city`` and the columns of `corners`; `limits` are the least and most money of
    each city (PKR). Cities of whose energy nothing is known are left out.
    """
    found = {name: corners(bounds[bounds["city"] == name], *limits[name]) for name in limits}
    known = {name: points for name, points in found.items() if len(points.money)}
    relaxed = divide(known, pots, whole=False)
    prices = {} if relaxed is None else relaxed.prices
    return added_up(known, pots, prices)
