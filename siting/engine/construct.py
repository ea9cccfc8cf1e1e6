"""Greedy construction of a first plan, guided by the unserved demand in reach of each station.

Partial plans are not evaluated exactly. Instead, for each kind of demand, a chosen station takes
the same share of every row in its reach, and the demand still unserved determines the gains of
other stations. Options that help to meet an unmet lower limit, such as a station in every square,
are chosen first. Demand weighs more if it counts towards an unmet floor or belongs to the
worst-served group. The plan is only a starting point for `siting.engine.windows`, and may miss a
floor.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.cuts import Cutter
from siting.engine.slack import Room
from siting.program.instance import Flags, Floats, Ints
from siting.program.money import caps_of


class Constructor:
    """Greedy choice of stations: one at a time, or several at once if they share no demand.

    `most`: limit on public money if money is the aim; `scarce`: cost of the scarce resources that
    each option uses, at the prices of a relaxation.
    """

    def __init__(
        self, cutter: Cutter, room: Room, most: float = np.inf, scarce: Floats | None = None
    ) -> None:
        self.cutter, self.room, self.frame = cutter, room, cutter.frame
        program, unit = self.frame.program, self.frame.layout.energy_unit
        self.left = [part.wanted.copy() for part in cutter.parts]
        slices = [program.slices[part.slice] for part in cutter.parts]
        self.weight = [one.weight * one.probability * unit for one in slices]
        minutes = self.frame.service.minutes
        far = minutes / max(float(minutes.max(initial=0.0)), 1e-300)
        if len(far) * len(program.slices) > settings.MANY_PAIRS:
            far = np.ceil(settings.NEARER_STEPS * far) / settings.NEARER_STEPS
        near = 1 - settings.NEARER * far
        # Near pairs weigh more, so that the nearer of two stations with equal sales is chosen.
        self.worth = [part.worth * near[part.pairs] for part in cutter.parts]
        self.choice = self.frame.nothing
        self.first = -1  # first chosen option at a site without an existing station
        resources = self.frame.resources
        self.use = sparse.csc_array(resources.use)
        self.used = np.zeros(len(resources))
        self.least = np.maximum(resources.at_least, 0.0)
        self.counts = resources.use.maximum(0.0)  # amounts towards lower limits
        self.money = most
        self.scarce = room.price if scarce is None else scarce
        self.gap = program.gap
        # For each year: the money that each option's offer needs, and the cap on its public money.
        instance, of_offers = program.instance, self.frame.options.of_offers
        self.need = self.cap = of_offers(instance.offer_cost).T
        if self.gap is not None:
            self.cap = of_offers(caps_of(instance, self.gap)).T
        years = program.year_plan
        # Public money for viability gaps: the limit in each year, and the total paid by its end.
        self.own_money = settings.OWN_MONEY[0]
        self.granted = np.array([program.money_pkr]) if years is None else years.limit_pkr
        self.by_year = years is not None and not years.carry_over
        self.paid = np.zeros(len(self.need))

    def run(self, clock: Clock) -> Ints:
        """Choose options in rounds until no useful option fits, and return the choice.

        Once time is up, each round chooses all useful options that fit and share no demand, and
        rounds continue only while a floor or a lower limit is unmet.
        """
        self._keep()
        late = False
        while not late or self._lacks():
            late = clock.over
            if not self._take_best(0.0 if late else settings.TOGETHER):
                break
        self._keep()
        return np.sort(self.choice[self.choice >= 0])

    def _take_best(self, together: float) -> bool:
        """Choose the best options that share no demand; return whether any was chosen.

        `together`: lowest rate (gain per rupee) of a chosen option, as a share of the best rate.
        """
        gain, sold = self._gain()
        by_year = self._paid(sold)
        paid = by_year[-1]
        price = paid if self.gap is None else paid + self.own_money * self.need[-1] + 1e-9
        empty = self.choice[self.frame.site] < 0
        fits = empty & self.room.fits(self.choice, begun=True)[: self.frame.count]
        towards = self._towards() * fits
        if towards.any():
            gain = towards * (1.0 + np.maximum(gain, 0.0) / max(float(gain.max()), 1e-300))
        open_ = fits & (gain > 0) & np.isfinite(paid)
        with np.errstate(over="ignore"):  # the rate of an option that costs nothing is infinite
            rate = np.where(open_, gain / price, 0.0)
        if not open_.any():
            return False
        touched = [np.zeros(len(part.rows), dtype=bool) for part in self.cutter.parts]
        least, taken = together * float(rate.max()), False
        for option in np.argsort(-rate, kind="stable").tolist():
            if rate[option] < least or not open_[option]:
                break
            if self._fits(option, by_year) and self._take(option, touched):
                taken = True
                self.first = option if self.first < 0 else self.first
                self.money -= float(paid[option])
                self.paid += by_year[:, option]
        return taken

    def _keep(self) -> None:
        """Keep the existing station at each site for which no new option was chosen."""
        for option in self.frame.kept.tolist():
            if self.choice[self.frame.site[option]] < 0:
                self._take(option, None)

    def _towards(self) -> Floats:
        """Return what each option adds to unmet lower limits, summed as shares of these limits."""
        lack = np.maximum(self.least - self.frame.resources.slack - self.used, 0.0)
        rows = np.flatnonzero((lack > 0) & (self.least > 0))
        share = self.counts[rows].tocoo()
        part = np.minimum(share.data, lack[rows][share.row]) / self.least[rows][share.row]
        return np.asarray(np.bincount(share.col, part, self.frame.count))

    def _gain(self) -> tuple[Floats, Floats]:
        """Return each option's gain in the aim, and the margin it earns on its sales each year."""
        gain, sold = np.zeros(self.frame.count), np.zeros_like(self.need)
        service, slices = self.frame.service, self.frame.program.slices
        lacking = self._lacking()
        for p, part in enumerate(self.cutter.parts):
            worth = self.worth[p]
            if lacking is not None:  # worth counts in full unless the aim is money or a share
                aim = self.frame.aim
                worth = lacking[p] + worth * (1e-3 if aim.of_money or aim.groups else 1.0)
            amount = part.intake(worth, self.left[p])
            gain += self.weight[p] * self.cutter.option_amounts(p, amount)
            if self.gap is not None:
                margin = service.margin[part.rows[part.row]]
                earned = part.intake(margin, self.left[p]) * self.frame.layout.energy_unit
                one = slices[part.slice]
                sold[one.year] += self.cutter.option_amounts(p, earned) * one.probability
        if lacking is None:
            gain -= self.frame.charge
        return gain, sold

    def _lacks(self) -> bool:
        return bool(self._towards().any()) or any(one.any() for one in self._lacking() or ())

    def _lacking(self) -> list[Floats] | None:
        """Return the weights of each part's pairs: 1 for pairs that an unmet floor counts, else 0.

        The result is None if every floor is met and the aim is not money.
        """
        program, service, aim = self.frame.program, self.frame.service, self.frame.aim
        out = [np.zeros(len(part.pairs)) for part in self.cutter.parts]
        shares: list[tuple[float, int, int, float]] = []
        for f, floor in enumerate(program.groups):
            aimed = floor in aim.groups
            for s in floor.holds_in(program.slices) if aimed or floor.share > 0 else ():
                wanted = float(floor.wanted(program.demand_kwh)[s])
                if wanted <= 0:
                    continue
                served = sum(
                    float((part.wanted - left)[service.floor[f][part.rows]].sum())
                    for part, left in zip(self.cutter.parts, self.left, strict=True)
                    if part.slice == s
                )
                share = served * self.frame.layout.energy_unit / wanted
                shares.append((share, f, s, 1.0 if aimed else floor.share))
        worst = min((share for share, *_ in shares), default=1.0) + settings.WORST
        unmet = [
            (f, s)
            for share, f, s, least in shares
            if share < least and (share <= worst or program.groups[f] not in aim.groups)
        ]
        for f, s in unmet:
            for p, part in enumerate(self.cutter.parts):
                if part.slice == s:
                    out[p][service.floor[f][part.rows[part.row]]] = 1.0
        return out if unmet or aim.of_money else None

    def _paid(self, sold: Floats) -> Floats:
        """Return each option's price by year; infinite if its viability gap exceeds its cap."""
        if self.gap is None:
            price = self.frame.money if self.frame.aim.of_money else self.scarce
            return np.maximum(price, 1e-9 * max(float(price.max(initial=0.0)), 1e-300))[None]
        lacks = np.maximum(self.need - sold, 0.0)
        fails = (lacks > self.cap).any(axis=0)
        # A surplus in a later year does not repay money paid earlier.
        return np.where(fails, np.inf, np.maximum.accumulate(lacks, axis=0))

    def _fits(self, option: int, paid: Floats) -> bool:
        if self.choice[self.frame.site[option]] >= 0:
            return False
        if self.gap is None:
            if paid[-1, option] > self.money:
                return False
        else:
            after = self.paid + paid[:, option]
            drawn = np.diff(after, prepend=0.0) if self.by_year else after
            if (drawn > self.granted).any():
                return False
        entries = slice(self.use.indptr[option], self.use.indptr[option + 1])
        rows = self.use.indices[entries]
        return not (self.used[rows] + self.use.data[entries] > self.room.most[rows]).any()

    def _take(self, option: int, touched: list[Flags] | None) -> bool:
        """Choose an option; return False instead if this round already took part of its demand."""
        j, offers = self.frame.site[option], [int(offer[option]) for offer in self.cutter.offer]
        reach = [part.row[part.edge[j] : part.edge[j + 1]] for part in self.cutter.parts]
        if touched is not None:
            if any(touched[p][reach[p]].any() for p, offer in enumerate(offers) if offer >= 0):
                return False
            for mine, rows in zip(touched, reach, strict=True):
                mine[rows] = True
        for p, part in enumerate(self.cutter.parts):
            if offers[p] < 0:
                continue
            wanted, room, rows = self.left[p], part.capacity[offers[p]].copy(), reach[p]
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
        self.choice[j] = option
        entries = slice(self.use.indptr[option], self.use.indptr[option + 1])
        self.used[self.use.indices[entries]] += self.use.data[entries]
        return True
