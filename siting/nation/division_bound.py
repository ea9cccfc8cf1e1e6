"""A bound on any division of the budget, derived only from the proven bounds of single cities.

The cities share nothing but the budget. Solving a city for a budget ``B`` gives a proven bound on
the energy of every plan that draws ``B`` or less. Solving a city at a price ``p`` per rupee gives
the bound ``L + p b`` for every grant ``b`` (amount of money). Let ``U_c(b)`` be the lowest of these
bounds for city ``c`` with the grant ``b``. Any prices ``pi_r`` then give a bound on the nation's
energy::

    sum of U_c(b_c)  <=  sum over c of max over b of (U_c(b) - b sum of pi_r over r of c)
                         + sum over r of pi_r x limit_r

Here ``b`` is within the limits on the city's grant. Each row ``r`` limits the sum of the grants of
some cities: it stands for the budget, or for the minimum and maximum of a province. ``r of c`` are
the rows that include city ``c``. ``limit_r`` is the maximum if ``pi_r`` is above 0, and otherwise
the minimum. The best prices are the duals of a linear program over the corners of ``U_c``.

If money is granted yearly, ``b_c``, ``p`` and ``pi`` have a value per year. The budget has one row
per year, which limits the money granted in that year or, with carry-over, up to that year. Further
rows stand for the minimum and maximum grant of a city. Only bounds ``L_k + p_k b`` that hold for
any division are used. They come from relaxations for a budget or at prices
(`siting.engine.prices.bound_by_money`), or from solves with the maximum money that a city may get,
at prices ``p_k`` or without prices (``p_k`` is 0). ``U_c`` is then concave. For any weights
``w_ck`` that are at least 0 and sum to 1, the term of city ``c`` is at most ::

    sum of w_ck L_ck
        + sum over years of h_ct x max(0, sum of w_ck p_ckt - sum of pi_r over r of c, t)

Here ``h_ct`` is the maximum grant of city ``c`` in year ``t``. The best prices and weights are the
duals of a linear program. Other prices and weights give a weaker bound, never an invalid one.

Sources: H. Everett: Generalized Lagrange multiplier method for solving problems of optimum
allocation of resources. Operations Research 11 (1963), 399-417. G. Dantzig, P. Wolfe:
Decomposition principle for linear programs. Operations Research 8 (1960), 101-111.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.linear import STRICT, model_of, run_model
from siting.program.instance import Floats

MILLION = 1e6
# Small cost per PKR m granted, which prevents grants that the plan of a city does not use.
IDLE = 1e-6


@dataclass(frozen=True)
class Pot:
    """A limit on the sum of the grants of some cities, such as the budget or a province's limit."""

    name: str
    cities: tuple[str, ...]
    at_least: float = 0.0  # `at_least`, `at_most`: limits on the sum of the grants (PKR)
    at_most: float = math.inf
    years: tuple[int, ...] = (0,)  # indices of the years to which the limits apply


@dataclass(frozen=True, eq=False)
class Points:
    """Points (money, energy): the plans of a city, or the corners of its bound."""

    money: Floats  # public money at each point (PKR); in a multi-year plan, one column per year
    energy: Floats  # energy of each point (kWh/day)
    # Limits on the city's grant (PKR). In a multi-year plan, `high` is the maximum in each year.
    low: float
    high: float | Floats
    # Amount (PKR) that each point takes from each envelope (key).
    use: Mapping[str, Floats] | None = None

    @property
    def drawn(self) -> Floats:
        """Public money (PKR), with one row per point and one column per year."""
        return self.money.reshape(len(self.energy), -1)


@dataclass(frozen=True, eq=False)
class Divided:
    """A division of the budget among the cities, with the energy served and the prices."""

    energy: float  # energy of all cities (kWh/day)
    weights: dict[str, Floats]  # for each city, the weights of its points; they sum to 1
    granted: dict[str, Floats]  # grant to each city in each year (PKR)
    # Energy (kWh/day) that one more rupee would add, for each `Pot`; empty if each city must take
    # exactly one point.
    prices: dict[str, float]


def corners(bounds: pd.DataFrame, low: float, high: float) -> Points:
    """Return the points at which a city's bound, as a function of its grant, jumps or bends.

    `bounds` has the bounds of one city: ``budget_pkr`` (blank: any budget), ``price`` (kWh/day per
    PKR; blank: no price) and ``bound_kwh_day``. `low` and `high` limit the city's grant (PKR).

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
        # A bound for a budget also holds for every smaller grant.
        flat = float(most[ends >= b].min(initial=math.inf))
        lines = [(0.0, flat)] if math.isfinite(flat) else []
        lines += zip(slope.tolist(), height.tolist(), strict=True)
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
    cities: Mapping[str, Points], pots: Sequence[Pot], envelopes: Mapping[str, float] | None = None,
    *, whole: bool = True,
) -> Divided | None:  # fmt: skip
    """Return the division of the budget that serves the most energy, or None if there is none.

    `envelopes` maps the name of each envelope to its maximum (PKR); see `Points.use`. If `whole` is
    true, each city takes exactly one point. Otherwise a city may mix several points, and the result
    has prices.
    """
    names, points, envelopes = list(cities), list(cities.values()), envelopes or {}
    energy = np.concatenate([p.energy for p in points])
    years = max(p.drawn.shape[1] for p in points)
    n, c = len(energy), len(names) * years
    # The weights of a city's points sum to 1, and the city draws at most its grant in each year.
    taken = [np.vstack([np.ones(len(p.energy)), -p.drawn.T / MILLION]) for p in points]
    granted_rows = [sparse.csr_array(np.vstack([np.zeros(years), np.eye(years)]))] * len(names)
    use = [
        np.concatenate([(p.use or {}).get(name, np.zeros(len(p.energy))) for p in points])
        for name in envelopes
    ]
    blocks: list[list[Any]] = [
        [sparse.block_diag([*map(sparse.csr_array, taken)]), sparse.block_diag(granted_rows)],
        [None, _limited(pots, names, years)],
        [sparse.csr_array(np.reshape(use, (-1, n)) / MILLION), None],
    ]
    a = sparse.csc_array(sparse.block_array(blocks, format="csc"))
    start = len(names) * (1 + years)  # the first row that stands for a `Pot`
    row_low = [1.0, *[0.0] * years] * len(names) + [p.at_least / MILLION for p in pots]
    row_high = [1.0, *[math.inf] * years] * len(names) + [p.at_most / MILLION for p in pots]
    # In a multi-year plan, a `Pot` sets a city's minimum grant, so the lower limit here is 0.
    low = [0.0] * n + [p.low / MILLION if years == 1 else 0.0 for p in points for _ in range(years)]
    high = np.concatenate([np.ones(n), *(np.full(years, p.high) / MILLION for p in points)])
    scale = abs(energy).max() or 1.0
    model = model_of(
        a, np.concatenate([energy / scale, np.full(c, -IDLE)]), np.array(low), high,
        np.array(row_low + [-math.inf] * len(envelopes)),
        np.array(row_high + [most / MILLION for most in envelopes.values()]),
        whole=np.arange(n + c) < n if whole else None,
        **(STRICT | {"mip_rel_gap": 0.0, "mip_abs_gap": 0.0} if whole else {}),
    )  # fmt: skip
    answer = run_model(model, Clock(60.0, None), whole=whole)
    if not answer.found:
        return None
    shares = np.round(answer.point[:n]) if whole else answer.point[:n]
    ends = np.cumsum([len(p.energy) for p in points])
    weights = dict(zip(names, np.split(shares, ends[:-1]), strict=True))
    granted = dict(zip(names, answer.point[n:].reshape(-1, years) * MILLION, strict=True))
    served = math.fsum(float(w @ cities[name].energy) for name, w in weights.items())
    prices = {}
    if not whole:
        duals = answer.price[start : start + len(pots)] * scale / MILLION
        prices = {pot.name: float(p) for pot, p in zip(pots, duals, strict=True)}
    return Divided(served, weights, granted, prices)


def _limited(pots: Sequence[Pot], names: Sequence[str], years: int) -> sparse.csr_array:
    """Return a matrix that is 1 where a limit (row) covers a city's grant in a year (column)."""
    limited = np.zeros((len(pots), len(names) * years))
    for r, pot in enumerate(pots):
        for name in set(pot.cities) & set(names):
            limited[r, names.index(name) * years + np.array(pot.years)] = 1.0
    return sparse.csr_array(limited)


def added_up(
    cities: Mapping[str, Points], pots: Sequence[Pot], prices: Mapping[str, float]
) -> pd.DataFrame:
    """Return the certificate: one row per city and per `Pot`, with terms that sum to a bound.

    `cities` has the `corners` of each city; any `prices` (kWh/day per PKR) are valid. Columns:
    ``row`` (``city`` or ``pot``), ``name``, ``price`` (0 for an infinite limit), ``money_pkr`` (the
    amount that is best for the city at the price, or the limit of the `Pot`) and ``term_kwh_day``.

    >>> line = Points(np.array([0.0, 4.0]), np.array([0.0, 8.0]), 0.0, 4.0)
    >>> added_up({"a": line}, [Pot("budget", ("a",), at_most=3.0)], {"budget": 2.0})[
    ...     "term_kwh_day"].sum()
    np.float64(6.0)
    """
    used = _sides(pots, prices)
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
    """Return the certificate of the lowest total bound that the bounds on single cities imply.

    `bounds` has ``city`` and the columns that `corners` needs; `limits` are the minimum and maximum
    grant to each city (PKR). Cities without a bound are left out.
    """
    by_city = {name: corners(bounds[bounds["city"] == name], *limits[name]) for name in limits}
    known = {name: points for name, points in by_city.items() if len(points.money)}
    relaxed = divide(known, pots, whole=False)
    return added_up(known, pots, {} if relaxed is None else relaxed.prices)


def _sides(pots: Sequence[Pot], prices: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Return a (price, limit) pair for each `Pot`; both are 0 if the limit is infinite."""
    used: dict[str, tuple[float, float]] = {}
    for pot in pots:
        price = prices.get(pot.name, 0.0)
        side = pot.at_most if price > 0 else pot.at_least
        used[pot.name] = (price, side) if math.isfinite(side) else (0.0, 0.0)
    return used


# --- yearly money --------------------------------------------------------------------------------


def price_columns(years: Sequence[int]) -> list[str]:
    """Return the names of the price columns: one for each year, or just ``price``."""
    return [f"price_{year}" for year in years] or ["price"]


def prices_of(city: str, pots: Sequence[Pot], prices: Mapping[str, float], years: int) -> Floats:
    """Return a city's price of public money in each year: the sum over the city's limits."""
    of_city = np.zeros(years)
    for pot in pots:
        if city in pot.cities:
            of_city[list(pot.years)] += prices[pot.name]
    return of_city


def sloped(bounds: pd.DataFrame, years: Sequence[int]) -> pd.DataFrame:
    """Return the bounds that hold for any division: bounds with prices, or for any budget.

    `bounds` has ``city``, ``budget_pkr`` (blank: any), ``bound_kwh_day`` and the `price_columns`.
    """
    known = np.isfinite(bounds["bound_kwh_day"])
    priced = bounds[price_columns(years)].notna().all(axis=1)
    usable: pd.DataFrame = bounds[known & (priced | bounds["budget_pkr"].isna())]
    return usable


def best_prices(
    bounds: pd.DataFrame, most: Mapping[str, Floats], pots: Sequence[Pot], years: Sequence[int]
) -> tuple[dict[str, float], pd.Series[float]]:
    """Return the prices of `pots` and the weights of `bounds` that give the lowest certificate.

    They are the dual prices of the best division if each city served as much as its bounds allow.
    `bounds` is as for `sloped`; `most` is the maximum grant to each city in each year (PKR). Prices
    are in kWh/day per PKR. Weights are at least 0, with a sum of 1 for each city.
    """
    table = sloped(bounds, years)
    names = [name for name in most if (table["city"] == name).any()]
    rows = table[table["city"].isin(names)]
    weights = pd.Series(0.0, index=bounds.index)
    if not names:
        return {}, weights
    at = rows["city"].map({name: i for i, name in enumerate(names)}).to_numpy(int)
    count, span = len(names), len(years)
    slope = rows[price_columns(years)].fillna(0.0).to_numpy(float) * MILLION
    height = rows["bound_kwh_day"].to_numpy(float)
    scale = float(np.abs(height).max(initial=0.0)) or 1.0
    k = np.arange(len(rows))
    planes = sparse.csr_array((np.ones(len(rows)), (k, at)), shape=(len(rows), count))
    where = (np.repeat(k, span), (at[:, None] * span + np.arange(span)).ravel())
    shape = (len(rows), count * span)
    fall = sparse.csr_array((-(slope / scale).ravel(), where), shape=shape)
    high = np.concatenate([most[name] / MILLION for name in names])
    model = model_of(
        sparse.block_array([[planes, fall], [None, _limited(pots, names, span)]], format="csc"),
        np.concatenate([np.ones(count), np.zeros(count * span)]),
        np.concatenate([np.full(count, -math.inf), np.zeros(count * span)]),
        np.concatenate([np.full(count, math.inf), high]),
        np.concatenate([np.full(len(rows), -math.inf), [p.at_least / MILLION for p in pots]]),
        np.concatenate([height / scale, [p.at_most / MILLION for p in pots]]),
    )
    answer = run_model(model, Clock(60.0, None))
    if not len(answer.price):  # no division is possible, so each city takes its smallest bound
        weights[rows.groupby("city")["bound_kwh_day"].idxmin().to_numpy()] = 1.0
        return {}, weights
    duals_of_bounds = np.maximum(answer.price[: len(rows)], 0.0)
    weights[rows.index] = duals_of_bounds / np.bincount(at, duals_of_bounds, count)[at]
    duals = answer.price[len(rows) :] * scale / MILLION
    return {pot.name: float(p) for pot, p in zip(pots, duals, strict=True)}, weights


def added_up_by_year(
    bounds: pd.DataFrame, most: Mapping[str, Floats], pots: Sequence[Pot],
    prices: Mapping[str, float], years: Sequence[int],
) -> pd.DataFrame:  # fmt: skip
    """Return the certificate for yearly budgets; `bounds` must have a ``weight`` column.

    Rows and columns are as in `added_up`, with a city's prices in the `price_columns`. Any weights
    that are at least 0 and sum to 1 for each city give a valid bound.

    >>> line = pd.DataFrame({"city": ["a", "a"], "budget_pkr": [np.nan, 9.0],
    ...     "bound_kwh_day": [8.0, 0.0], "price_2027": [np.nan, 2.0], "price_2028": [np.nan, 1.0],
    ...     "weight": [0.0, 1.0]})
    >>> pots = [Pot("2027", ("a",), at_most=3.0), Pot("2028", ("a",), at_most=1.0, years=(1,))]
    >>> added_up_by_year(line, {"a": np.array([3.0, 1.0])}, pots, {"2027": 2.0, "2028": 1.0},
    ...     [2027, 2028])["term_kwh_day"].sum()
    np.float64(7.0)
    """
    used = _sides(pots, prices)
    by_pot = {name: price for name, (price, _) in used.items()}
    table = sloped(bounds, years)
    table = table[table["weight"] > 0]
    columns = price_columns(years)
    rows = []
    for name, high in most.items():
        counted = table[table["city"] == name]
        if counted.empty:
            continue
        weight = counted["weight"].to_numpy(float)
        height = math.fsum(weight * counted["bound_kwh_day"].to_numpy(float))
        net = weight @ counted[columns].fillna(0.0).to_numpy(float)
        price = prices_of(name, pots, by_pot, len(years))
        term = height + math.fsum(np.maximum(net - price, 0.0) * high)
        rows.append(("city", name, math.nan, math.nan, term, *price.tolist()))
    none = (math.nan,) * len(years)
    rows += [
        ("pot", name, price, side, price * side, *none) for name, (price, side) in used.items()
    ]
    named = ["row", "name", "price", "money_pkr", "term_kwh_day", *columns]
    return pd.DataFrame(rows, columns=named)
