"""A bound on all plans from prices of demand, money and limits: every site at its best option.

With the rows of demand, money and limits priced, nothing links the sites, and each takes the option
that earns most if it stands alone (Lagrangian relaxation)::

    L(p)        =  sum of p_i d_i  +  sum of mu_r b_r  +  sum over sites of max(0, v_o)
    at_most(o)  =  L(p)  -  max(0, v of the best option at its site)  +  v_o

where ``v_o`` is the `intake` of option ``o`` at worths less prices, less the price of what it uses;
under the viability gap its business case closes, at the best of several prices of the gap. The
prices of the cuts at an optimum of the master problem, weighted by their duals, give nearly its
bound, for all offers and not only for those priced in: ``L`` is convex.

Source: A. Geoffrion: Lagrangean relaxation for integer programming. Mathematical Programming
Study 2 (1974), 82-114.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from siting.engine.cuts import Cutter
from siting.engine.frame import Frame
from siting.engine.parts import parts_of
from siting.program.instance import Floats
from siting.program.matrix import Matrix

# Prices of a site's gap that are tried, as shares of the highest price of public money.
GAP_PRICES = (1.0, 0.75, 0.5, 0.25, 0.0, 1.5, 2.0)


@dataclass(frozen=True, eq=False)
class Prices:
    """Prices in the unit of the aim, 0 or more."""

    demand: Floats  # of a kWh/day of each demand row (in each slice); nan: of no known price
    money: Floats  # of a rupee paid, by year
    limits: Floats  # of a unit of each resource

    @classmethod
    def of(cls, frame: Frame, m: Matrix, dual: Floats, of_row: Floats, thrift: Floats) -> Prices:
        """Return prices from duals.

        `m`: the matrix whose rows the duals are of; `of_row`: prices of the merged rows, scaled;
        `thrift`: what is charged for a unit of each resource besides, scaled.
        """
        size, layout, resources = abs(m.size), frame.layout, frame.resources
        of = frame.service.row_of_demand
        demand = np.where(of[:, None] >= 0, of_row[of], np.nan) * size / layout.energy_unit
        first = m.family.get("subsidies", slice(0, 0)).start
        years = layout.subsidy_column.shape[1] if np.isfinite(layout.budget_pkr) else 0
        money = np.maximum(dual[first : first + years], 0.0) * size / layout.money_unit
        limits = thrift * size
        for r in range(len(resources)):
            row = m.family["resource"].start + r
            limits[r] += max(float(dual[row]), 0.0) * size / _unit(frame, m, r)
        return cls(demand, money, limits)


def bound_at(frame: Frame, prices: Prices) -> tuple[float, Floats]:
    """Return a bound on all plans at some prices, and one on those that take each option.

    Values are signed so that more is better. Without capacities there is no such bound.
    """
    m, layout, service, program = frame.matrix, frame.layout, frame.service, frame.program
    size = abs(m.size)
    price = np.zeros(m.a.shape[0])
    money = m.family.get("subsidies", slice(0, 0)).start
    price[money : money + len(prices.money)] = prices.money * layout.money_unit / size
    if len(prices.limits) == len(frame.resources):
        for r in range(len(prices.limits)):
            row = m.family["resource"].start + r
            price[row] = prices.limits[r] * _unit(frame, m, r) / size
    price[~np.isfinite(m.row_upper)] = 0.0
    reduced = m.cost - frame.by_column.T @ price
    total = float(price[price > 0] @ m.row_upper[price > 0])
    # Of merged rows the price of any of their demand rows; of no known price the most a kWh counts.
    of_row = np.zeros_like(service.kwh)
    of = service.row_of_demand
    unknown = service.worth if service.worth.shape == of_row.shape else np.ones_like(of_row)
    known = np.where(np.isnan(prices.demand), unknown[of], prices.demand)
    of_row[of[of >= 0]] = known[of >= 0] * layout.energy_unit / size
    cutter = Cutter(frame, parts_of(frame), [])
    worths, of_part, value = {}, {}, reduced[: frame.count].copy()
    for p, part in enumerate(cutter.parts):
        worths[p] = reduced[layout.pair_column[part.pairs, part.slice]]
        of_part[p] = of_row[part.rows, part.slice]
        total += float(of_part[p] @ part.wanted)
    years = range(layout.subsidy_column.shape[1] if program.gap is not None else 0)
    for t in years:
        column = layout.subsidy_column[:, t]
        rupee = np.where(column >= 0, np.maximum(-reduced[column], 0.0), 0.0)
        mine = [p for p in worths if cutter.year_of(p) == t]
        tried = [
            np.full(frame.sites, by * float(rupee.max(initial=0.0))) for by in GAP_PRICES[::-1]
        ]
        value += cutter.in_business(t, mine, worths, of_part, rupee, tried)
    if program.gap is None:
        for p in worths:
            value += cutter.priced(p, worths[p], of_part[p])[1]
    # Columns of no option, pair or payment.
    rest = np.arange(layout.columns.energies, m.a.shape[1])
    rest = rest[~np.isin(rest, layout.subsidy_column)]
    earned = reduced[rest]
    end = np.where(earned > 0, m.upper[rest], m.lower[rest])
    total += float(earned[earned != 0] @ end[earned != 0])
    best = np.where(frame.must, -np.inf, 0.0)
    np.maximum.at(best, frame.site, value)
    best[~np.isfinite(best)] = 0.0
    total += float(best.sum())
    return frame.signed(total), frame.signed(0.0) + size * (total - best[frame.site] + value)


def _unit(frame: Frame, m: Matrix, r: int) -> float:
    """Return how many units of a resource its row in a matrix counts as 1."""
    use, row = frame.resources.use, m.family["resource"].start + r
    first, of_use = m.a.indptr[row], use.indptr[r]
    if first == m.a.indptr[row + 1] or not m.a.data[first]:
        return 1.0
    return abs(float(use.data[of_use] / m.a.data[first]))
