"""What a set of offers serves, worked out from scratch for the answer."""

from __future__ import annotations

import numpy as np

from siting.models.merge import merge_equal_reach
from siting.program.instance import Instance, Ints
from siting.solve.service import served_kwh_day


def served_by(instance: Instance, offers: Ints, model: str) -> float:
    """Return the energy that some offers serve (kWh/day).

    Parameters
    ----------
    instance
        The data of the program.
    offers
        Positions of the offers, one a site.
    model
        ``capacitated`` or ``coverage``.
    """
    if not len(offers):
        return 0.0
    if model == "capacitated":
        return served_kwh_day(instance, merge_equal_reach(instance), np.sort(offers))
    chargers = np.zeros((len(instance.site_ids), len(instance.group_names)), dtype=bool)
    chargers[instance.offer_site[offers]] = instance.offer_capacity[offers] > 0
    able = (chargers.astype(int) @ instance.uses.T.astype(int)) > 0
    covered = np.zeros((len(instance.cell_ids), len(instance.class_names)), dtype=bool)
    cell = np.repeat(np.arange(len(instance.cell_ids)), np.diff(instance.reach_start))
    np.logical_or.at(covered, cell, able[instance.reach_site])
    there = covered[instance.demand_cell, instance.demand_class]
    return float(instance.demand_kwh[there].sum())
