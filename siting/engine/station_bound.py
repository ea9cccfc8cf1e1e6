"""A bound on all plans, computed site by site from prices of demand, public money and limits.

Once the constraint rows for demand, public money and limits have prices, no other row links the
sites. So each site uses the option that earns the most on its own (Lagrangian relaxation)::

    L(p)        =  sum of p_i d_i  +  sum of mu_r b_r  +  sum over sites of max(0, v_o)
    at_most(o)  =  L(p)  -  max(0, v of the best option at its site)  +  v_o

where ``v_o`` is the `intake` of option ``o`` (each kWh valued at its worth minus its price), minus
the price of the resources that the option uses. If public money pays viability gaps, the station
must also break even; the best of several prices for its gap is used. At an optimum of the master
problem, the prices are the mean of its cuts' prices, weighted by the cuts' duals. Because ``L`` is
convex, these prices give nearly the bound of the master problem. This bound also holds for offers
that pricing left out.

Source: A. Geoffrion: Lagrangean relaxation for integer programming. Mathematical Programming Study
2 (1974), 82-114.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.cuts import Cutter
from siting.engine.frame import Frame, best_of_each
from siting.program.instance import Flags, Floats, Ints
from siting.program.matrix import Matrix

# Families of rows that concern a single site: none of these rows is priced.
OF_A_SITE = ("one", "demand", "capacity", "cover", "gap", "cap", "paid")


@dataclass(frozen=True, eq=False)
class Prices:
    """Prices in the unit of the aim, 0 or more."""

    demand: Floats  # price of a kWh/day by demand row and slice; nan if unknown
    money: Floats  # price of public money paid in each year
    limits: Floats  # price of a unit of each resource
    gaps: Floats | None = None  # price of a rupee of gap by site and year; None if not computed

    @classmethod
    def of(
        cls, frame: Frame, m: Matrix, dual: Floats, of_row: Floats, thrift: Floats | float = 0.0
    ) -> Prices:
        """Return the prices that follow from the duals of matrix rows.

        `m`: the matrix whose rows have the duals; `of_row`: scaled prices of the merged demand
        rows; `thrift`: scaled extra price of a unit of each resource.
        """
        size, layout = abs(m.size), frame.layout
        demand = frame.service.of_each(of_row, missing=np.nan) * size / layout.energy_unit
        first = m.family.get("subsidies", slice(0, 0)).start
        years = layout.subsidy_column.shape[1] if np.isfinite(layout.budget_pkr) else 0
        money = np.maximum(dual[first : first + years], 0.0) * size / layout.money_unit
        dear = np.maximum(dual[m.family.get("resource", slice(0, 0))], 0.0)
        return cls(demand, money, thrift * size + dear * size / resource_units(frame, m))


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds at given prices, negated if less is better."""

    bound: float  # bound on all plans
    at_most: Floats  # bound on plans with each option
    prices: Prices


def bound_at(frame: Frame, prices: Prices, clock: Clock) -> Bounds:
    """Return the bounds on plans at the given prices (weaker bounds if time runs out)."""
    m, layout = frame.matrix, frame.layout
    price, of_row, known = _scaled(frame, prices)
    found = bound_by(frame, Cutter(frame), price, clock, of_row=of_row)
    priced = replace(prices, demand=known, gaps=found.gaps * abs(m.size) / layout.money_unit)
    return Bounds(found.bound, found.at_most, priced)


def row_prices(frame: Frame, prices: Prices) -> Floats:
    """Return the scaled price of each matrix row for demand, public money and limits."""
    return _scaled(frame, prices)[0]


def _scaled(frame: Frame, prices: Prices) -> tuple[Floats, Floats, Floats]:
    """Return the prices of matrix rows (scaled), merged demand rows (scaled), and demand rows."""
    m, layout, service = frame.matrix, frame.layout, frame.service
    size = abs(m.size)
    price = np.zeros(m.a.shape[0])
    money = m.family.get("subsidies", slice(0, 0)).start
    price[money : money + len(prices.money)] = prices.money * layout.money_unit / size
    if len(prices.limits) == len(frame.resources):
        price[frame.rows_of("resource")] = prices.limits * resource_units(frame, m) / size
    # A merged row has the price of any of its demand rows or, if none is known, the worth of a kWh.
    of_row, of = np.zeros_like(service.kwh), service.row_of_demand
    known, reached = np.zeros_like(prices.demand), of >= 0
    known[reached] = np.where(
        np.isnan(prices.demand[reached]), service.worth[of[reached]], prices.demand[reached]
    )
    of_row[of[reached]] = known[reached] * layout.energy_unit / size
    rows = frame.rows_of("demand")
    price[rows] = of_row[frame.demand_of(rows)]
    return price, of_row, known


@dataclass(frozen=True, eq=False)
class BySites:
    """The bounds at given prices of the rows that link sites, and the scaled data behind them."""

    bound: float
    at_most: Floats
    gaps: Floats  # best price of each site's viability gap (row) in each year
    reduced: Floats  # reduced cost of each column
    pairs: list[tuple[Ints, Ints, Floats]]  # by part: site, column and worth of each pair
    most: Floats  # the most that each option can earn from these pairs and payments
    price: Floats  # price of each row; 0 for rows that concern one site, except demand rows
    earned: Floats  # what the best option of each site earns


def site_rows(frame: Frame, by: BySites) -> sparse.csr_array | None:
    """Return, for each site, the row (``<= 0``) that its business case implies, or None.

    The result is None without viability gaps, and with concessions. At the values per kWh in `by`,
    the earnings of a site's pairs minus its payments are at most what one of its options could earn
    as the only station. A relaxation in which one fractional option covers the shortfall of another
    violates this row.
    """
    layout = frame.layout
    if frame.program.gap is None or frame.pooled.any():
        return None
    entries = [*by.pairs, (frame.site, np.arange(frame.count), -by.most)]
    for t in range(layout.subsidy_column.shape[1]):
        offer = np.flatnonzero(layout.subsidy_column[:, t] >= 0)
        column = layout.subsidy_column[offer, t]
        entries.append((layout.instance.offer_site[offer], column, by.reduced[column]))
    site, column, value = (np.concatenate(part) for part in zip(*entries, strict=True))
    shape = (frame.sites, frame.matrix.a.shape[1])
    return sparse.csr_array(sparse.coo_array((value, (site, column)), shape))


def bound_by(
    frame: Frame, cutter: Cutter, price: Floats, clock: Clock, live: Flags | None = None,
    of_row: Floats | None = None,
) -> BySites:  # fmt: skip
    """Return the bounds at prices equal to the row duals of the frame's relaxation.

    `cutter`: a cutter for the frame's parts, with any measures; `live`: options of the plans that
    the bound must cover, by default all; `of_row`: prices of demand by merged row and slice, by
    default those of the matrix rows.
    """
    m, layout, program = frame.matrix, frame.layout, frame.program
    of_row = np.maximum(frame.of_demand(price), 0.0) if of_row is None else of_row
    price = allowed(m, price)
    price[frame.rows_of(*OF_A_SITE)] = 0.0
    total = sum_at_limits(price, m.row_lower, m.row_upper)
    reduced = m.cost - frame.by_column.T @ price
    worths, of_part = {}, {}
    for p, part in enumerate(cutter.parts):
        worths[p] = reduced[layout.pair_column[part.pairs, part.slice]]
        of_part[p] = of_row[part.rows, part.slice]
        total += float(of_part[p] @ part.wanted)
    years = layout.subsidy_column.shape[1] if program.gap is not None else 0
    gaps, most = np.zeros((frame.sites, years)), np.zeros(frame.count)
    for t in range(years):
        column = layout.subsidy_column[:, t]
        # If unspent money lapses, the price of public money may be negative: a rupee paid early
        # saves a rupee in a later year in which money is scarcer.
        rupee = np.where(column >= 0, -reduced[column], 0.0)
        mine = [p for p in worths if cutter.year_of(p) == t]
        at = cutter.in_business(t, mine, worths, of_part, rupee)
        lowest, gaps[:, t] = _lowest(frame, at, float(rupee.max(initial=0.0)), clock)
        most += lowest
    if program.gap is None:
        for p in worths:
            most += cutter.priced(p, worths[p], of_part[p])[1]
    value = reduced[: frame.count] + most
    rest = frame.other_columns
    total += sum_at_limits(reduced[rest], m.lower[rest], m.upper[rest])
    best = best_of_sites(frame, value, np.ones(frame.count, dtype=bool) if live is None else live)
    total += float(best.sum())
    at_most = abs(m.size) * (total - best[frame.site] + value)
    pairs = [
        (part.site, layout.pair_column[part.pairs, part.slice], worths[p] - of_part[p][part.row])
        for p, part in enumerate(cutter.parts)
    ]
    rows = frame.rows_of("demand")
    price[rows] = of_row[frame.demand_of(rows)]
    return BySites(frame.signed(total), at_most, gaps, reduced, pairs, most, price, best)


def allowed(m: Matrix, price: Floats) -> Floats:
    """Return prices of rows, set to 0 where the row lacks the limit that the price's sign needs.

    A positive dual needs a row with a finite upper limit; a negative dual, a finite lower limit.
    """
    side = np.where(price > 0, m.row_upper, m.row_lower)
    return np.where(np.isfinite(side), price, 0.0)


def sum_at_limits(value: Floats, lower: Floats, upper: Floats) -> float:
    """Return the sum of values times limits: upper limits for values above 0, else lower ones."""
    limit, some = np.where(value > 0, upper, lower), value != 0
    return float(value[some] @ limit[some])


def best_of_sites(frame: Frame, value: Floats, live: Flags) -> Floats:
    """Return the value of the best live option at each site, at least 0 if the site may be empty.

    The value is 0 if a required site has no live option. Upgrades that are not options also count.
    """
    best = np.where(frame.must, -np.inf, 0.0)
    np.maximum.at(best, frame.site[live], value[live])
    if frame.program.lacks_courses:
        best = np.maximum(best, frame.courses.best(value))
    return np.where(np.isfinite(best), best, 0.0)


def _lowest(
    frame: Frame, at: Callable[[Floats], Floats], top: float, clock: Clock
) -> tuple[Floats, Floats]:
    """Return each option's lowest coefficient at any gap price, and each site's best gap price.

    A coefficient is convex in the gap price. The best price at a site is the one that is best for
    the option whose lowest coefficient is highest. With concessions, no search takes place.
    """
    site, sites = frame.site, frame.sites
    best = np.full(sites, top)
    tried, found = [best.copy()], [at(best)]
    lowest = found[0]
    if frame.pooled[site].any() or not top:
        return lowest, best
    for n in range(len(settings.GAP_PRICES) + 2 * settings.HALVINGS):
        if clock.over:
            break
        if n < len(settings.GAP_PRICES):
            tried.append(np.full(sites, settings.GAP_PRICES[n] * top))
        else:
            counts, low, high = _around(lowest, site, tried, found, best)
            after = best.copy()
            mid = best[site[counts]]
            after[site[counts]] = (mid + np.where(high - mid > mid - low, high, low)) / 2
            tried.append(after)
        found.append(at(tried[-1]))
        lowest = np.minimum(lowest, found[-1])
    _around(lowest, site, tried, found, best)
    return lowest, best


def _around(
    lowest: Floats, site: Ints, tried: list[Floats], found: list[Floats], best: Floats
) -> tuple[Ints, Floats, Floats]:
    """Return each site's option with the highest coefficient, and the prices beside its best price.

    The best prices of viability gaps are written to `best`.
    """
    counts = best_of_each(site, lowest, 1)
    price = np.stack([one[site[counts]] for one in tried])
    value = np.stack([one[counts] for one in found])
    by_price = np.argsort(price, axis=0, kind="stable")
    price = np.take_along_axis(price, by_price, axis=0)
    least = np.take_along_axis(value, by_price, axis=0).argmin(axis=0)
    beside = (np.clip(least + by, 0, len(price) - 1) for by in (-1, 0, 1))
    low, mid, high = (price[place, np.arange(len(counts))] for place in beside)
    best[site[counts]] = mid
    return counts, low, high


def resource_units(frame: Frame, m: Matrix) -> Floats:
    """Return, for each resource, the number of its units in one unit of its matrix row."""
    use, out = frame.resources.use, np.ones(len(frame.resources))
    of = m.family.get("resource", slice(0, 0))
    for r, row in enumerate(range(of.start, of.stop)):
        first = m.a.indptr[row]
        if first < m.a.indptr[row + 1] and m.a.data[first]:
            out[r] = abs(use.data[use.indptr[r]] / m.a.data[first])
    return out
