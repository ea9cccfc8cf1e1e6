"""Plans that differ: rows that keep the next plan away from those there are already.

A site stands in a plan if any of its offers is taken, ``y_j = sum of z_o over o in O_j``. Two plans
differ by the sites that stand in one of them only. For each plan ``P`` already found, with the
sites ``S_P`` it builds::

    sum of (1 - y_j) over j in S_P  +  sum of y_j over other j  >=  d

where ``d`` is the number of sites by which plans must differ (Hamming distance). Stations that
stand already stand in every plan and are not counted.

Source: E. Balas, R. Jeroslow: Canonical cuts on the unit hypercube. SIAM Journal on Applied
Mathematics 23 (1972), 61-69.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from siting.models.program import Program, add_row
from siting.program.instance import Instance, Ints


def built_sites(instance: Instance, offers: Ints) -> frozenset[int]:
    """Return the positions of the sites that some offers build, without what stands already."""
    new = offers[~instance.offer_existing[offers]]
    return frozenset(instance.offer_site[new].tolist())


def add_distances(program: Program, plans: Iterable[frozenset[int]], sites: int) -> None:
    """Add a row for each plan from which the next must differ by a number of sites.

    Parameters
    ----------
    program
        The program.
    plans
        The sites each plan builds, as positions.
    sites
        Number of sites by which to differ.
    """
    instance = program.instance
    new = ~instance.offer_existing[program.offer]
    site = instance.offer_site[program.offer]
    for n, plan in enumerate(plans):
        signs = np.where(np.isin(site, sorted(plan)), 1.0, -1.0)
        terms = [(program.z[k], float(signs[k])) for k in np.flatnonzero(new).tolist()]
        add_row(program.prob, terms, float(len(plan) - sites), f"differs_{n}")
