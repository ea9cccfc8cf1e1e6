"""Who is served from where, once it is settled what stands.

Without capacities every demand goes to the nearest station it can use. With capacities the most
energy that can be served is served, and of all the ways to do that one with the fewest
kilowatt-hours x minutes is taken. One linear program does both: a kilowatt-hour served for ``t``
minutes counts ``W - t``. A flow that does not serve the most can be augmented along a path that
enters each charger group of each site at most once, and so adds at most ``(groups open + 1) x
longest drive`` minutes a kilowatt-hour; with ``W`` above that, energy always comes first.

Rows of the same cell whose vehicles use the same chargers are one in the programs; what the row is
served is shared between them in proportion to what they want.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import highspy
import numpy as np
import pandas as pd
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.highs import new_model, run_native
from siting.errors import Fault, InputError, SolveError
from siting.models.capacitated import linked_parts, site_capacity_sets
from siting.models.merge import MergedDemand
from siting.program.instance import Floats, Instance, Ints

# Energy too small to tell from the solver's arithmetic (kWh/day).
TINY_KWH = 1e-6
# Primal simplex starts from "nobody is served", which is feasible, and is ten times as fast here.
PRIMAL = 4
MODELS = ("capacitated", "coverage")


def assign(
    instance: Instance, offer_ids: Iterable[str], model: str = "capacitated"
) -> pd.DataFrame:
    """Return who is served by which site, in kWh/day and minutes (`siting.tables.SERVICE`).

    Parameters
    ----------
    instance
        The data the offers were chosen for.
    offer_ids
        The offers that stand, existing ones included; at most one a site.
    model
        ``capacitated``: as much as the chargers can deliver, then the shortest drives.
        ``coverage``: all demand in reach of a station it can use, each by the nearest.

    Returns
    -------
    DataFrame
        One row a demand and site, by demand and then site; what is not served has no row.

    Raises
    ------
    InputError
        If an offer is unknown, two are at one site, or there is no such model.
    """
    check_model(model)
    capacity = standing_capacity(instance, instance.positions_of(offer_ids))
    row, site, minutes = _open_pairs(instance, capacity)
    if model == "coverage":
        order = np.lexsort((site, minutes, row))
        row, site, minutes = row[order], site[order], minutes[order]
        first = np.flatnonzero(np.diff(row, prepend=-1))
        row, site, minutes = row[first], site[first], minutes[first]
        kwh = instance.demand_kwh[row]
    else:
        kwh = _capacitated(instance, capacity, row, site, minutes)
    keep = kwh > TINY_KWH if model == "capacitated" else kwh > 0
    row, site, minutes, kwh = row[keep], site[keep], minutes[keep], kwh[keep]
    classes = np.array(instance.class_names, dtype=object)
    return pd.DataFrame(
        {
            "demand_id": pd.Series(instance.demand_ids[row], dtype="str"),
            "cell_id": pd.Series(instance.cell_ids[instance.demand_cell[row]], dtype="str"),
            "vehicle_class": pd.Series(classes[instance.demand_class[row]], dtype="str"),
            "site_id": pd.Series(instance.site_ids[site], dtype="str"),
            "served_kwh_day": kwh,
            "travel_min": minutes,
        }
    )


def check_model(model: str) -> None:
    """Raise `InputError` unless there is a model of that name."""
    if model not in MODELS:
        raise InputError(Fault("model", f"no model {model!r}", f"use {' or '.join(MODELS)}"))


def standing_capacity(instance: Instance, offers: Ints) -> Floats:
    """Return what each site (row) delivers from each charger group under some offers (kWh/day)."""
    capacity = np.zeros((len(instance.site_ids), len(instance.group_names)))
    capacity[instance.offer_site[offers]] = instance.offer_capacity[offers]
    return capacity


def served_kwh_day(instance: Instance, demand: MergedDemand, offers: Ints) -> float:
    """Return the most energy that some offers can serve (kWh/day), by a linear program.

    Parameters
    ----------
    instance, demand
        The data of the program.
    offers
        Positions of the offers that stand.
    """
    capacity = standing_capacity(instance, offers)
    able = np.stack([(capacity[:, list(g)] > 0).any(axis=1) for g in demand.kinds], axis=1)
    row, site = demand.row, demand.site
    keep = able[site, demand.kind[row]]
    flow = Flow(demand.kwh, demand.kind, demand.kinds, row[keep], site[keep], capacity)
    ones, clock = np.ones(len(flow.row)), Clock(math.inf)
    return float(sum(part.best(clock, ones[part.pairs]).sum() for part in flow.parts()))


@dataclass(frozen=True, eq=False)
class Flow:
    """A transport problem: rows of some kinds, the pairs that can serve them, and capacities."""

    kwh: Floats
    kind: Ints
    kinds: tuple[tuple[int, ...], ...]
    row: Ints
    site: Ints
    capacity: Floats

    def parts(self) -> list[FlowPart]:
        """Return the parts that share no charger group; each can be solved alone."""
        out = []
        for kinds, _ in linked_parts(self.kinds):
            mine = np.flatnonzero(np.isin(self.kind[self.row], kinds))
            if len(mine):
                out.append(FlowPart(self, mine))
        return out


class FlowPart:
    """The linear program of one part of a transport problem, in HiGHS."""

    def __init__(self, flow: Flow, pairs: Ints) -> None:
        self.pairs = pairs
        rows, row = np.unique(flow.row[pairs], return_inverse=True)
        site, kind = flow.site[pairs], flow.kind[flow.row[pairs]]
        self.rows = rows
        limits = [flow.kwh[rows]]
        at, of = [row], [np.arange(len(pairs))]
        count = len(rows)
        by_site = np.argsort(site, kind="stable")
        sites, first = np.unique(site[by_site], return_index=True)
        for j, here in zip(sites.tolist(), np.split(by_site, first[1:]), strict=True):
            kwh = np.bincount(kind[here], flow.kwh[rows[row[here]]], minlength=len(flow.kinds))
            for kinds, groups in site_capacity_sets(flow.capacity[[j]], kwh, flow.kinds):
                inside = here[np.isin(kind[here], kinds)]
                at.append(np.full(len(inside), count))
                of.append(inside)
                limits.append(np.array([flow.capacity[j, list(groups)].sum()]))
                count += 1
        self.limit = np.concatenate(limits)
        where, column = np.concatenate(at), np.concatenate(of)
        matrix = sparse.csr_array((np.ones(len(where)), (where, column)), shape=(count, len(pairs)))
        self.model = new_model(simplex_strategy=PRIMAL)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(pairs), count
        lp.col_cost_ = np.ones(len(pairs))
        lp.col_lower_ = np.zeros(len(pairs))
        lp.col_upper_ = np.full(len(pairs), highspy.kHighsInf)
        lp.row_lower_ = np.full(count, -highspy.kHighsInf)
        lp.row_upper_ = self.limit
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = matrix.indptr.astype(np.int32)
        lp.a_matrix_.index_ = matrix.indices.astype(np.int32)
        lp.a_matrix_.value_ = matrix.data
        lp.sense_ = highspy.ObjSense.kMaximize
        self.model.passModel(lp)
        self.matrix = matrix

    def best(self, clock: Clock, worth: Floats) -> Floats:
        """Return the flows (kWh/day) that are worth the most in all, given the worth of a kWh."""
        columns = np.arange(len(worth), dtype=np.int32)
        self.model.changeColsCost(len(columns), columns, worth)
        run_native(self.model, clock)
        if clock.interrupted:
            raise KeyboardInterrupt
        status = self.model.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            word = self.model.modelStatusToString(status)
            raise SolveError(Fault("HiGHS", f"the assignment ended with: {word}"))
        flow = np.maximum(np.array(self.model.getSolution().col_value), 0.0)
        used = self.matrix @ flow
        # The solver's arithmetic may overdo a row by a millionth; the table must not.
        ratio = np.where(used > self.limit, self.limit / np.where(used > 0, used, 1.0), 1.0)
        shrink = np.ones(len(flow))
        entry = self.matrix.tocoo()
        np.minimum.at(shrink, entry.col, ratio[entry.row])
        out: Floats = flow * shrink
        return out

    def prices(self) -> tuple[Ints, Floats]:
        """Return the rows, and what another kilowatt-hour of each would be worth in the last run.

        Beyond the solver's arithmetic they are never below 0, and any prices of 0 or more do for a
        bound.
        """
        dual = np.array(self.model.getSolution().row_dual)[: len(self.rows)]
        return self.rows, np.maximum(dual, 0.0)


def _open_pairs(instance: Instance, capacity: Floats) -> tuple[Ints, Ints, Floats]:
    """Return the pairs of a demand row and an open site it can reach and use, with minutes."""
    usable = (instance.uses.astype(float) @ (capacity > 0).T.astype(float)) > 0
    rows = np.flatnonzero(instance.demand_kwh > 0)
    cell = instance.demand_cell[rows]
    start, length = instance.reach_start[cell], np.diff(instance.reach_start)[cell]
    row = np.repeat(rows, length)
    at = np.repeat(start - np.cumsum(length) + length, length) + np.arange(length.sum())
    site = instance.reach_site[at]
    keep = usable[instance.demand_class[row], site]
    return row[keep], site[keep], instance.reach_min[at][keep]


def _capacitated(
    instance: Instance, capacity: Floats, row: Ints, site: Ints, minutes: Floats
) -> Floats:
    """Return the energy served of each pair (kWh/day): the most, then the shortest drives."""
    sets = [tuple(np.flatnonzero(uses).tolist()) for uses in instance.uses]
    kinds = tuple(sorted(set(sets)))
    kind_of_class = np.array([kinds.index(s) for s in sets])
    key = instance.demand_cell * len(kinds) + kind_of_class[instance.demand_class]
    keys, merged = np.unique(key, return_inverse=True)
    kwh = np.bincount(merged, instance.demand_kwh)
    pair_key = merged[row] * len(instance.site_ids) + site
    pairs, first, pair = np.unique(pair_key, return_index=True, return_inverse=True)
    flow = Flow(kwh, keys % len(kinds), kinds, merged[row[first]], site[first], capacity)
    served = np.zeros(len(pairs))
    clock = Clock(math.inf)
    drive = minutes[first]
    energy_first = (2 + np.count_nonzero(capacity)) * max(float(drive.max(initial=0.0)), 1.0)
    for part in flow.parts():
        served[part.pairs] = part.best(clock, energy_first - drive[part.pairs])
    share: Floats = instance.demand_kwh[row] / kwh[merged[row]]
    return served[pair] * share
