"""Bounds on the worth of any choice where the drive counts: prices on demand, knapsacks at sites.

Let ``u_i >= 0`` be prices on the rows of demand (worth a kWh). No choice of offers is worth more
than::

    sum of u_i d_i  +  sum over sites of  K_u(option taken at the site)

where ``K_u(o)`` is the most that option ``o`` could earn, if it alone were there, from energy that
is worth ``a_ij w_i - u_i`` a kWh: a knapsack that fills with the best rows first, for each row of
demand up to ``d_i``, and within the charger groups it fits. So any prices give a cut on the offers
alone, and the prices under which the best choice of the bound is worth least are found by
subgradient steps. They come out below the relaxed program, because a knapsack takes no row for more
than it wants.

Sources: A. Geoffrion: Lagrangean relaxation for integer programming. Mathematical Programming Study
2 (1974), 82-114. M. Held, P. Wolfe, H. Crowder: Validation of subgradient optimization.
Mathematical Programming 6 (1974), 62-88.
"""

from __future__ import annotations

import numpy as np

from siting.models.capacitated import linked_parts
from siting.models.rows import Rows
from siting.program.instance import Floats, Instance, Ints
from siting.solve.valuer import Cut


class Knapsacks:
    """The knapsacks of every site and option of one instance.

    Parameters
    ----------
    instance, rows
        The data of the program.
    option_offer
        The offer of each site (row) and option (column); -1 for none.
    """

    def __init__(self, instance: Instance, rows: Rows, option_offer: Ints) -> None:
        demand = rows.demand
        self.kwh, self.row, self.site = demand.kwh, demand.row, demand.site
        self.worth, self._shape = rows.worth, option_offer.shape
        kind = demand.kind[self.row]
        there = (option_offer >= 0)[:, :, None]
        capacity = np.where(there, instance.offer_capacity[option_offer], 0.0)
        self._parts = []
        for kinds, _ in linked_parts(demand.kinds):
            unions = {frozenset[int]()}
            for k in kinds:
                unions |= {union | set(demand.kinds[k]) for union in unions}
            sets = []
            for union in sorted(unions, key=lambda u: (len(u), sorted(u))):
                outside = [k for k in kinds if not union.issuperset(demand.kinds[k])]
                sets.append((capacity[:, :, sorted(union)].sum(axis=2), outside))
            self._parts.append((np.flatnonzero(np.isin(kind, kinds)), sets))
        self._kind = kind

    def fill(self, prices: Floats, taken: Floats | None = None) -> tuple[Cut, Floats]:
        """Return the bound that prices give, and what options taken in part would serve.

        Parameters
        ----------
        prices
            Price of each row (worth a kWh), 0 or more.
        taken
            How much of each option is taken, 0 to 1.

        Returns
        -------
        cut
            The bound.
        served
            Energy that the knapsacks give each row (kWh/day); above demand where several want it.
        """
        coefficient = np.zeros(self._shape)
        served = np.zeros(len(self.kwh))
        for pairs, sets in self._parts:
            earned = self.worth[pairs] - prices[self.row[pairs]]
            keep = earned > 0
            pairs, earned = pairs[keep], earned[keep]
            if not len(pairs):
                continue
            order = np.lexsort((-earned, self.site[pairs]))
            pairs, earned = pairs[order], earned[order]
            site, row = self.site[pairs], self.row[pairs]
            first = np.flatnonzero(np.diff(site, prepend=-1))
            length = np.diff(np.append(first, len(site)))
            rank: Floats | None = None
            for capacity, outside in sets:
                kwh = np.where(np.isin(self._kind[pairs], outside), self.kwh[row], 0.0)
                total = np.cumsum(kwh)
                within = total - np.repeat(total[first] - kwh[first], length)
                most = capacity[site] + within[:, None]
                rank = most if rank is None else np.minimum(rank, most)
            assert rank is not None
            amount = np.diff(rank, axis=0, prepend=0.0)
            amount[first] = rank[first]
            coefficient[site[first]] += np.add.reduceat(amount * earned[:, None], first, axis=0)
            if taken is not None:
                kwh = (amount * taken[site]).sum(axis=1)
                served += np.bincount(row, kwh, minlength=len(served))
        return Cut(0, float(prices @ self.kwh), coefficient), served
