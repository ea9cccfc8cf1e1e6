"""Resources: constraint rows that limit sums over the options.

::

    lo_r  <=  sum of u_rn y_n over all n  <=  up_r                  for each resource r

where option ``n`` uses the amount ``u_rn`` of resource ``r``. A plan without years has one row for
public money: the budget. A plan with years has one row per year, which limits the payments of that
year or, if money carries over, all payments up to that year. Other limits hold in every year; one
row for the last year is usually enough, because no station closes. A row that no choice of options
can violate is left out.

Of the offers of a bundle, either all or none are open in the last year. For a bundle of the offers
``a, b, c`` the rows are ``z_b >= z_a``, ``z_c >= z_b`` and ``z_a >= z_c``.

The distance to another plan is the number of sites with a station in only one of the two plans. A
minimum distance adds one row. Source: J.-F. Tsai, M.-H. Lin, Y.-C. Hu: Finding multiple solutions
to general integer linear programs. European Journal of Operational Research 184 (2008), 802-809.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from siting import settings
from siting.program.instance import Floats, Instance, Ints, Names
from siting.program.obligations import tolerance
from siting.program.options import Options
from siting.program.slices import Years

BUDGET = "budget"


def budget_rows(years: Years) -> list[str]:
    """Return the names of the rows for public money, one per year."""
    word = "to " if years.carry_over else ""
    return [f"{BUDGET} {word if t else ''}{year}" for t, year in enumerate(years.years)]


@dataclass(frozen=True, eq=False)
class Resources:
    """The rows of a program that involve only its options."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    units: tuple[str, ...]
    use: sparse.csr_array  # one row per resource, one column per option
    at_least: Floats  # minus infinity: no bound
    at_most: Floats  # infinity: no bound

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.names)

    @property
    def slack(self) -> Floats:
        """The tolerance of each row, which allows for rounding errors in sums."""
        sides = np.abs([self.at_least, self.at_most])
        sides = np.where(np.isfinite(sides), sides, 0.0).max(axis=0)
        # Amounts far below 1 need a finer tolerance than a millionth of a unit.
        some = self.use.nnz > 0
        largest = abs(self.use).max(axis=1).toarray().ravel() if some else np.zeros(len(self))
        fine = np.minimum(tolerance(0.0), settings.SIGNIFICANT * largest)
        return fine + settings.ROUNDING * sides

    def used(self, chosen: Ints) -> Floats:
        """Return the total use of each resource by the given options."""
        part = self.use[:, chosen]
        return np.array([math.fsum(part.data[a:b]) for a, b in pairwise(part.indptr.tolist())])

    def within(self, chosen: Ints) -> bool:
        """Return whether the given options together meet every row."""
        used, slack = self.used(chosen), self.slack
        return bool(((used <= self.at_most + slack) & (used >= self.at_least - slack)).all())


class ResourceRows:
    """The constraint rows over the options that are collected so far.

    If `every` is false, a row that cannot bind is left out.
    """

    def __init__(self, options: Options, *, every: bool = False) -> None:
        self.options, self.every = options, every
        self._rows: list[tuple[str, str, str, Ints, Floats, float, float]] = []

    def add(
        self, name: str, kind: str, unit: str, use: Floats, *, at_most: float = math.inf,
        at_least: float = -math.inf,
    ) -> None:  # fmt: skip
        """Add a row if it can bind or if `every` is true."""
        if not self.every and at_most < math.inf and np.maximum(use, 0.0).sum() <= at_most:
            at_most = math.inf
        if not self.every and at_least > -math.inf and np.minimum(use, 0.0).sum() >= at_least:
            at_least = -math.inf
        if at_most < math.inf or at_least > -math.inf:
            at = np.flatnonzero(use)
            self._rows.append((name, kind, unit, at, use[at], at_least, at_most))

    def add_money(self, subsidy: Floats, budget_pkr: float, years: Years | None) -> None:
        """Add the row for public money, or a row per year.

        `subsidy` is the subsidy of each offer (PKR).
        """
        drawn = self.options.of_offers(subsidy)
        if years is None:
            self.add(BUDGET, BUDGET, "PKR", drawn[:, -1], at_most=budget_pkr)
            return
        paid = drawn if years.carry_over else np.diff(drawn, axis=1, prepend=0.0)
        for t, name in enumerate(budget_rows(years)):
            self.add(name, BUDGET, "PKR", paid[:, t], at_most=float(years.limit_pkr[t]))

    def add_limits(self, instance: Instance, subsidy: Floats | None) -> None:
        """Add the constraint rows for the instance's limits.

        `subsidy` is the money that each offer draws (PKR). If subsidies fill the viability gap,
        `subsidy` is None, and `Layout` adds the rows of limits that count use per rupee of subsidy.
        """
        for limit in instance.limits:
            amount = instance.amounts_of(limit)
            if limit.per_rupee:
                if subsidy is None:
                    continue
                amount = amount * subsidy
            *earlier, end = self.options.of_offers(amount).T
            for t, use in enumerate(earlier, 1):
                if (use > end).any():  # otherwise the row of the last year implies this one
                    label = f"{limit.name}, year {t}"
                    self.add(label, limit.kind, limit.unit, use, at_most=limit.at_most)
            least = limit.at_least if limit.at_least > 0 else -math.inf
            self.add(limit.name, limit.kind, limit.unit, end, at_most=limit.at_most, at_least=least)

    def add_distance(self, name: str, standing: Ints, sites: int) -> None:
        """Require that at least `sites` sites differ from a plan with stations at `standing`."""
        use = np.where(np.isin(self.options.site, standing), -1.0, 1.0)
        self.add(name, "distance", "sites", use, at_least=float(sites - len(standing)))

    def add_bundles(self, bundle: Names) -> None:
        """Require that either all or none of each bundle's offers are open in the last year."""
        last = self.options.last
        for name in sorted(set(bundle) - {""}):
            members = np.flatnonzero(bundle == name).tolist()
            for n, (one, other) in enumerate(pairwise([*members, members[0]]), 1):
                if one != other:
                    use = (last == other).astype(float) - (last == one)
                    self.add(f"bundle {name}, {n}", "bundle", "offers", use, at_least=0.0)

    def made(self) -> Resources:
        """Return the rows."""
        columns: Iterable[Any] = zip(*self._rows, strict=True) if self._rows else ((),) * 7
        names, kinds, units, options, amounts, *sides = columns
        at = np.concatenate([np.zeros(0, dtype=np.int64), *options])
        start, amount = np.cumsum([0, *map(len, options)]), np.concatenate([np.zeros(0), *amounts])
        use = sparse.csr_array((amount, at, start), shape=(len(names), len(self.options)))
        return Resources(names, kinds, units, use, *(np.array(side, float) for side in sides))
