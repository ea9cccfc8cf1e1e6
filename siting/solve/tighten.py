"""Rows that cut off the relaxation where it opens a station in part for the few who count most.

Let the relaxation take offers of site ``j`` for ``Z < 1`` in all. It may yet serve some rows whole
there, up to the capacity it bought. For a set ``S`` of rows, no plan serves more of them at ``j``
than::

    sum of x_ij over i in S  <=  sum of min(q_oS, d_S) z_o  over o in O_j

where ``q_oS`` is the energy offer ``o`` can deliver from the charger groups that rows of ``S`` can
use and ``d_S`` their demand (kWh/day). With ``S`` the rows that take more than their share ``Z``
this is the row that a relaxed solution breaks most, as long as offers are large against ``d_S``.
With decay of the drive and under floors it closes much of the gap; where catchments hold many times
what a station serves it does little and is not found.

Source: K. Aardal, Y. Pochet, L. Wolsey: Capacitated facility location: valid inequalities and
facets. Mathematics of Operations Research 20 (1995), 562-582 (flow cover rows).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from siting.models.capacitated import linked_parts
from siting.models.program import Program
from siting.program.instance import Floats, Ints

# A row counts as broken from this share of its demand on.
BROKEN = 1e-4


class SiteCuts:
    """Finds broken rows of one program.

    Parameters
    ----------
    program
        A program that says which site serves which row.
    """

    def __init__(self, program: Program) -> None:
        demand, instance = program.demand, program.instance
        self._row, self._site = program.row, program.site
        self._kind = demand.kind[program.row]
        self._kwh = demand.kwh[program.row]
        self._offer_site = instance.offer_site[program.offer]
        self._kinds = demand.kinds
        capacity = instance.offer_capacity[program.offer]
        self._able = np.stack(
            [(capacity[:, list(g)] > 0).any(axis=1) for g in demand.kinds], axis=1
        )
        self._capacity = capacity
        parts = [tuple(members) for members, _ in linked_parts(demand.kinds)]
        alone = [(k,) for k in range(len(demand.kinds))]
        self._sets = list(dict.fromkeys([*alone, *parts]))
        order = np.argsort(self._offer_site, kind="stable")
        edge = np.searchsorted(self._offer_site[order], np.arange(len(instance.site_ids) + 1))
        self._offers_of = [order[edge[j] : edge[j + 1]] for j in range(len(instance.site_ids))]

    def broken(self, served: Floats, taken: Floats) -> Iterator[tuple[Ints, Ints, Floats]]:
        """Return the rows a relaxed solution breaks: pairs, offers and their coefficients (kWh).

        Parameters
        ----------
        served
            Energy of each pair (kWh/day).
        taken
            How much of each offer is taken, 0 to 1.
        """
        share = np.zeros((len(self._offers_of), len(self._kinds)))
        for k in range(len(self._kinds)):
            np.add.at(share[:, k], self._offer_site, taken * self._able[:, k])
        over = served > (share[self._site, self._kind] + BROKEN) * self._kwh
        pairs = np.flatnonzero(over)
        if not len(pairs):
            return
        pairs = pairs[np.argsort(self._site[pairs], kind="stable")]
        sites, first = np.unique(self._site[pairs], return_index=True)
        for j, here in zip(sites.tolist(), np.split(pairs, first[1:]), strict=True):
            offers = self._offers_of[j]
            for kinds in self._sets:
                inside = here[np.isin(self._kind[here], kinds)]
                if not len(inside):
                    continue
                kwh = float(self._kwh[inside].sum())
                used = np.unique(self._kind[inside]).tolist()
                groups = sorted({g for k in used for g in self._kinds[k]})
                most = np.minimum(self._capacity[offers][:, groups].sum(axis=1), kwh)
                if served[inside].sum() > float(most @ taken[offers]) + BROKEN * kwh:
                    yield inside, offers[most > 0], most[most > 0]
