"""Stations moved to free sites where their own customers are nearer.

With whom each station serves at hand, what a move saves is a sum: the drives of its customers from
the free site less those from where it stands. Where an option that is alike can be had there, and
all its customers are in reach of it, energy, money and capacity stay as they are, so that nothing
has to be solved. Of stations that serve as much, none is left at the rim of a city because nobody
looked at the site amid its customers.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting.engine.frame import Frame
from siting.program.instance import Floats, Ints
from siting.program.money import caps_of, cases_of, is_shared


def relocated(frame: Frame, choice: Ints, point: Floats) -> Ints:
    """Return a choice with stations moved where that makes drives shorter; itself if nowhere.

    `frame` is of the shortest drives, `point` the values of its columns under the choice.
    """
    kinds = _kinds(frame)
    gain = _gains(frame, choice, point)
    taken = np.zeros(frame.sites, dtype=bool)
    taken[frame.site[choice]] = True
    at = {(kind, site): o for o, (kind, site) in enumerate(zip(kinds, frame.site, strict=True))}
    instance = frame.program.instance
    out = choice.copy()
    moved = np.zeros(len(choice), dtype=bool)
    order = np.argsort(-gain.data, kind="stable")
    for n in order[gain.data[order] > 0].tolist():
        station, site = int(gain.row[n]), int(gain.col[n])
        option = choice[station]
        other = at.get((kinds[option], site))
        stays = (
            frame.must[frame.site[option]] or instance.offer_existing[frame.options.last[option]]
        )
        if moved[station] or taken[site] or other is None or stays:
            continue
        before = out[station]
        out[station] = other
        if frame.fits(np.sort(out)):
            moved[station] = taken[site] = True
        else:
            out[station] = before
    return np.sort(out)


def _kinds(frame: Frame) -> Ints:
    """Return a number for each option: those alike in all but the site have the same."""
    instance, offer = frame.program.instance, frame.options.offer
    told = [instance.offer_cost, instance.offer_subsidy, *instance.offer_capacity.T]
    if frame.program.gap is not None:
        told.append(caps_of(instance, frame.program.gap))
        case = cases_of(instance, frame.program.gap)
        told.append(np.where(is_shared(case), case, -1)[instance.offer_site])
    each = np.stack(told, axis=1)[offer]
    each[offer < 0] = -1.0
    kinds: Ints = np.unique(each.reshape(len(offer), -1), axis=0, return_inverse=True)[1].ravel()
    return kinds


def _gains(frame: Frame, choice: Ints, point: Floats) -> sparse.coo_array:
    """Return what moving a station (row) to a site (column) that all its customers reach saves."""
    energies = slice(frame.count, frame.layout.columns.energies)
    sold, worth = point[energies], frame.matrix.cost[energies]
    site = frame.service.site[frame.energy_pair]
    slices = len(frame.program.slices)
    customer = frame.service.row[frame.energy_pair] * slices + frame.energy_slice
    station = np.full(frame.sites, -1, dtype=np.int64)
    station[frame.site[choice]] = np.arange(len(choice))
    used = np.flatnonzero((sold > 0) & (station[site] >= 0))
    shape = (int(customer.max(initial=-1)) + 1, frame.sites)
    there = sparse.csr_array((np.ones(len(site)), (customer, site)), shape=shape)
    value = sparse.csr_array((worth, (customer, site)), shape=shape)
    mine = (station[site[used]], customer[used])
    by = (len(choice), shape[0])
    count = sparse.csr_array((np.ones(len(used)), mine), shape=by)
    reach = sparse.coo_array(count @ there)
    after = sparse.csr_array(sparse.csr_array((sold[used], mine), shape=by) @ value)
    now = np.zeros(len(choice))
    np.add.at(now, mine[0], sold[used] * worth[used])
    customers = np.bincount(mine[0], minlength=len(choice))
    all_there = reach.data == customers[reach.row]
    row, column = reach.row[all_there], reach.col[all_there]
    there_costs = after[row, column] if len(row) else np.zeros(0)  # scipy looks up no nothing
    saves = np.asarray(there_costs).ravel() - now[row]
    return sparse.coo_array((saves, (row, column)), shape=(len(choice), frame.sites))
