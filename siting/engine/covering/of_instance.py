"""The coverage program of an instance as a covering."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting.engine.covering.covering import Covering
from siting.program.instance import Flags, Floats, Instance, Ints
from siting.program.obligations import tolerance


def covering_of(
    instance: Instance,
    offers: Ints,
    able: Flags,
    *,
    kwh: Floats,
    kind: Ints,
    start: Ints,
    site: Ints,
) -> Covering:
    """Return the coverage program of an instance, with an option for each of some offers.

    Weights are kWh/day, costs are subsidies (PKR). A station that stands costs nothing and is an
    option like any other: any plan can be given it, unless it is given an extension. Limits beside
    the budget have no place in a covering.

    Parameters
    ----------
    instance
        Sites, offers, budget; at each required site where nothing stands there is one offer.
    offers
        Positions of the offers that are options.
    able
        Whether each of them (row) can serve each kind of demand (column).
    kwh, kind
        Energy of each demand row (kWh/day), and its kind.
    start, site
        Row ``i`` reaches the sites ``site[start[i]:start[i + 1]]``.
    """
    offer_site = instance.offer_site[offers]
    sites = len(instance.site_ids)
    at_site = sparse.csr_array(
        (np.ones(len(offers)), (offer_site, np.arange(len(offers)))), shape=(sites, len(offers))
    )
    reach = sparse.csr_array((np.ones(len(site)), site, start), shape=(len(kwh), sites))
    pairs = (reach @ at_site).tocoo()
    there = able[pairs.col, kind[pairs.row]]
    covers = sparse.csr_array(
        (np.ones(int(there.sum())), (pairs.row[there], pairs.col[there])),
        shape=(len(kwh), len(offers)),
    )
    required = np.zeros(sites, dtype=bool)
    required[instance.required_sites] = True
    required[instance.offer_site[instance.offer_existing]] = False
    return Covering.of_matrix(
        covers,
        kwh,
        instance.offer_subsidy[offers],
        instance.budget_pkr + tolerance(instance.budget_pkr),
        group=offer_site,
        forced=np.flatnonzero(required[offer_site]).tolist(),
    )
