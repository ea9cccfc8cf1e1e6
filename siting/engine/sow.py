"""A plan for a large program in seconds: stations by what they could sell of demand still free.

Nothing is valued exactly on the way. A station that is taken uses up demand in its reach, of each
row the same share, and the others are reckoned anew on what is left; stations that share no demand
are taken together. The plan is a start for windows (`siting.engine.windows`), no more.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.parts import Part
from siting.engine.valuer import Valuer
from siting.program.instance import Flags, Floats, Ints

# Of a round those are taken together that earn at least this share of the best rate.
TOGETHER = 0.95


def sow(valuer: Valuer, clock: Clock) -> Ints:
    """Return a choice (option by site, -1 for none) that fills the resources.

    Parameters
    ----------
    valuer
        The program's parts, weights and resources.
    clock
        Stops it early.
    """
    cutter = valuer.cutter
    left = [part.wanted.copy() for part in cutter.parts]
    choice = valuer.base()
    for option in choice[choice >= 0].tolist():
        _take(valuer, option, left, None)
    resources = valuer.frame.resources
    use = sparse.csc_array(resources.use)
    most = resources.at_most + resources.slack
    chance = np.array(valuer.frame.layout.probabilities)
    weight = [w * chance[k] for w, k in zip(valuer.weight, valuer.scenario, strict=True)]
    price = np.maximum(valuer.room.price, 1e-12 * max(float(valuer.room.price.max()), 1e-300))
    taken = np.zeros(valuer.count)
    taken[choice[choice >= 0]] = 1.0
    used = use @ taken
    while not clock.over:
        gain = np.zeros(valuer.count)
        for p, part in enumerate(cutter.parts):
            amount = part.intake(part.worth, left[p])
            gain += weight[p] * cutter.option_amounts(p, amount)
        open_ = (choice[valuer.site] < 0) & (gain > valuer.noise)
        open_ &= valuer.room.fits(choice)[: valuer.count]
        rate = np.where(open_, gain / price, 0.0)
        if not open_.any():
            return choice
        touched = [np.zeros(len(part.rows), dtype=bool) for part in cutter.parts]
        best = float(rate.max())
        for option in np.argsort(-rate, kind="stable").tolist():
            if rate[option] < TOGETHER * best:
                break
            own = slice(use.indptr[option], use.indptr[option + 1])
            rows = use.indices[own]
            after = used[rows] + use.data[own]
            if choice[valuer.site[option]] >= 0 or (after > most[rows]).any():
                continue
            if _take(valuer, option, left, touched):
                choice[valuer.site[option]] = option
                used[rows] = after
    return choice


def _take(valuer: Valuer, option: int, left: list[Floats], touched: list[Flags] | None) -> bool:
    """Use up what a station sells, unless it shares demand with another of the round."""
    near: list[tuple[Part, Floats, Floats, Ints]] = []
    for p, part in enumerate(valuer.cutter.parts):
        offer = int(valuer.cutter.offer[p][option])
        if offer < 0:
            continue
        j = part.offer_site[offer]
        rows = part.row[part.edge[j] : part.edge[j + 1]]
        if touched is not None and touched[p][rows].any():
            return False
        near.append((part, left[p], part.capacity[offer].copy(), rows))
        if touched is not None:
            touched[p][rows] = True
    for part, wanted, room, rows in near:
        kinds = part.kind[rows]
        for k in sorted(range(len(part.kinds)), key=lambda k: len(part.columns[k])):
            mine = rows[kinds == k]
            there = float(wanted[mine].sum())
            groups = part.columns[k]
            able = float(room[groups].sum())
            if there <= 0 or able <= 0:
                continue
            sold = min(there, able)
            wanted[mine] *= 1.0 - sold / there
            if np.isfinite(able):
                room[groups] *= 1.0 - sold / able
    return True
