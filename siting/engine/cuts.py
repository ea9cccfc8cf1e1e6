"""Cuts: limits on measures, linear in the options, that hold for every choice of options.

Every cut has the form of the inequality in `siting.engine.parts`, with weights ``l_k`` on measures
``t_k``::

    sum of l_k t_k  <=  constant + sum of coefficient_n y_n

For given values of options and measures, the duals of the subproblem (`siting.engine.shortfall`)
are the weights and prices of the most violated cut. In two cases, no linear program is needed. If
a kWh is worth the same in all pairs of a part, the subproblem is a maximum flow problem, whose
minimum cut gives each demand row a price of either 0 or the worth of a kWh. Without capacities,
each demand row uses its best stations until the row is served in full.

If public money pays viability gaps, the constraint that a site breaks even has a *gap price*
``tau``. In the cut, a station then also earns ``tau`` times its margin, and pays ``tau`` times its
need (the costs to be covered). Public money may cover part of the need, at a price ``mu`` per
rupee. Every value of ``tau`` gives a valid cut, so the best of several values is used.

Source of the cuts without capacities: J.-F. Cordeau, F. Furini, I. Ljubic: Benders decomposition
for very large scale partial set covering and maximal covering location problems. European Journal
of Operational Research 275 (2019), 882-896.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from siting import settings
from siting.engine.coarse import Measure
from siting.engine.frame import Frame
from siting.engine.least_payments import least_payments
from siting.engine.parts import Part, parts_of
from siting.program.instance import Flags, Floats, Ints
from siting.program.money import caps_of


@dataclass(frozen=True, eq=False)
class Cut:
    """The cut "`value` x measures in `column` <= `constant` + `coefficient` x options".

    `prices`: for each part, the prices of its demand rows.
    """

    column: Ints
    value: Floats
    constant: float
    coefficient: Floats
    prices: Mapping[int, Floats]

    def over(self, taken: Floats, measured: Floats) -> float:
        """Return the cut's violation at a point, given as values of options and of all columns."""
        bound = self.constant + float(self.coefficient @ taken)
        return float(self.value @ measured[self.column]) - bound


class Cutter:
    """The search for violated cuts (separation) in one program.

    `parts`: the parts, by default those of `parts_of`; `measures`: the measures that cuts limit.
    """

    def __init__(
        self, frame: Frame, parts: list[Part] | None = None, measures: Sequence[Measure] = ()
    ) -> None:
        self.frame, self.measures = frame, measures
        self.parts = parts = parts_of(frame) if parts is None else parts
        self.count = frame.count
        # For each part, the offer that each option has in the part's slice.
        self.offer = [frame.layout.standing(part.slice) for part in parts]
        service = frame.service
        self.worth_of = {m.index: m for m in measures if m.kind == "worth"}
        self.energies = [m for m in measures if m.kind == "energy"]
        self.money = [m for m in measures if m.kind in ("money", "envelope")]
        # For an energy measure (its column) and a part: the pairs that count towards the measure.
        self.counted: dict[tuple[int, int], Flags] = {}
        for m in self.energies:
            member = service.floor[m.index][service.row]
            for p, part in enumerate(parts):
                if part.slice == m.s and member[part.pairs].any():
                    self.counted[m.column, p] = member[part.pairs]
        # Parts whose cuts on worth need a linear program, and groups of parts linked by measures.
        self.alone = [p for p, one in enumerate(parts) if one.capacitated and not one.uniform]
        self.linked = self._linked()

    def _linked(self) -> list[list[int]]:
        """Return the groups of parts that measures link."""
        sets: list[set[int]] = []
        links = [set(self.counted_in(m)) for m in self.energies]
        if self.money:
            years = [self.year_of(p) for p in range(len(self.parts))]
            links += [{p for p, t in enumerate(years) if t == one} for one in dict.fromkeys(years)]
        for link in links:
            touched = [s for s in sets if s & link]
            sets = [s for s in sets if not s & link] + [link.union(*touched)]
        return [sorted(s) for s in sets if s]

    def counted_in(self, energy: Measure) -> dict[int, Flags]:
        """Return, for each part, which of its pairs count towards an energy measure."""
        return {p: pairs for (c, p), pairs in self.counted.items() if c == energy.column}

    def year_of(self, p: int) -> int:
        """Return the position of a part's year."""
        return self.frame.program.slices[self.parts[p].slice].year

    def envelope_share(self, r: int) -> Floats:
        """Return the share of each offer's public money that counts towards envelope `r`."""
        instance = self.frame.program.instance
        return instance.amounts_of(instance.limits[r])

    def standing(self, p: int, choice: Ints) -> bytes:
        """Return a cache key: the offer at each site, or -1 if no offer there can serve the part.

        `choice`: the option at each site, or -1 for none.
        """
        offer = np.where(choice >= 0, self.offer[p][choice], -1)
        able = (offer >= 0) & (self.parts[p].capacity[offer] > 0).any(axis=1)
        return np.where(able, offer, -1).astype(np.int32).tobytes()

    def option_amounts(self, p: int, by_offer: Floats) -> Floats:
        """Return the value in `by_offer` of the offer that each option has in a part's slice."""
        offer = self.offer[p]
        return np.where(offer >= 0, by_offer[offer], 0.0)

    def priced(self, p: int, value: Floats, price: Floats) -> tuple[float, Floats]:
        """Return what a part adds to a cut's constant and coefficients, at the given prices."""
        part = self.parts[p]
        intake = part.intake(value - price[part.row])
        return float(price @ part.wanted), self.option_amounts(p, intake)

    def single(self, measure: Measure, parts: list[tuple[int, Floats, Floats]]) -> Cut:
        """Return the cut on one measure, from the pair values and the row prices of each part."""
        prices = {p: price for p, _, price in parts}
        return Cut(np.array([measure.column]), np.ones(1), *self.summed(parts), prices)

    def summed(self, parts: list[tuple[int, Floats, Floats]]) -> tuple[float, Floats]:
        """Return the constant and coefficients of a cut, given parts as in `single`."""
        constant, coefficient = 0.0, np.zeros(self.count)
        for p, value, price in parts:
            part_constant, amounts = self.priced(p, value, price)
            constant += part_constant
            coefficient += amounts
        return constant, coefficient

    def in_business(
        self, year: int, parts: Sequence[int], worths: Mapping[int, Floats],
        prices: Mapping[int, Floats], rupee: Floats,
    ) -> Callable[[Floats], Floats]:  # fmt: skip
        """Return a function that turns gap prices (``tau``) by site into coefficients by option.

        `parts`: the parts of the year; `worths`: for each part, value of a kWh in each pair;
        `prices`: for each part, price of each row; `rupee`: price of public money for each offer.
        """
        frame, layout = self.frame, self.frame.layout
        rule = frame.program.gap
        assert rule is not None
        margin = frame.service.margin * layout.energy_unit / layout.money_unit
        cost, caps = layout.instance.offer_cost, caps_of(layout.instance, rule)
        need, cap, paid = (
            frame.options.of_offers(by_offer)[:, year]
            for by_offer in (cost / layout.money_unit, caps / layout.money_unit, rupee)
        )

        def at(gap_price: Floats) -> Floats:
            earned = np.zeros(self.count)
            for p in parts:
                part = self.parts[p]
                chance = frame.program.slices[part.slice].probability
                rate = gap_price[part.site] * margin[part.rows[part.row]] * chance
                earned += self.priced(p, worths[p] + rate, prices[p])[1]
            at_site = gap_price[frame.site]
            earned += np.maximum(at_site - paid, 0.0) * cap - at_site * need
            return earned

        return at

    def plain(self) -> list[Cut]:
        """Return the cuts that follow directly from capacities, reach and least payments."""
        out = []
        none = [np.zeros(len(part.rows)) for part in self.parts]
        for p, m in self.worth_of.items():
            out.append(self.single(m, [(p, self.parts[p].worth, none[p])]))
        for m in self.energies:
            reached = self.counted_in(m).items()
            out.append(self.single(m, [(p, pairs.astype(float), none[p]) for p, pairs in reached]))
        least = least_payments(self.frame) if self.money else []
        years = [m for m in self.money if least and m.kind == "money" and least[m.index].any()]
        minus = -np.ones(1)
        return out + [Cut(np.array([m.column]), minus, 0.0, -least[m.index], {}) for m in years]

    def of_worths(self, taken: Floats) -> list[Cut]:
        """Return cuts on worth at a point, for the parts that need no linear program."""
        return [
            self.single(self.worth_of[p], [(p, part.worth, price)])
            for p, part in enumerate(self.parts)
            if p not in self.alone
            for price in self.prices(p, taken, part.worth, None)
        ]

    def of_energies(self, taken: Floats, energies: Sequence[Measure]) -> list[Cut]:
        """Return cuts at a point for measures of the energy that floors or aims count."""
        out: list[Cut] = []
        for m in energies:
            alternatives = []
            for p, counted in self.counted_in(m).items():
                value = counted.astype(float)
                prices = self.prices(p, taken, value, counted)
                alternatives.append([(p, value, price) for price in (prices[0], prices[-1])])
            out += [self.single(m, list(choice)) for choice in zip(*alternatives, strict=True)]
        return out

    def prices(self, p: int, taken: Floats, worth: Floats, counted: Flags | None) -> list[Floats]:
        """Return one or two lists of row prices for cuts at a point.

        `taken`: value of each option; `worth`: value of a kWh in each pair; `counted`: pairs whose
        `worth` is above 0 (None: all). With capacities, these pairs must have the same `worth`.
        """
        part = self.parts[p]
        offer = self.offer[p]
        option = np.flatnonzero((taken > settings.ARITHMETIC) & (offer >= 0))
        option = option[(part.capacity[offer[option]] > 0).any(axis=1)]
        share = taken[option]
        if not part.capacitated:
            return self._cover_prices(part, offer[option], share, worth)
        rows = np.full(len(part.rows), counted is None)
        if counted is not None:
            rows[part.row[counted]] = True
        capacity = part.capacity[offer[option]] * share[:, None]
        whole = bool((share > 1 - settings.ARITHMETIC).all())
        sides = part.graph.cut_sides(
            self.frame.site[option], capacity, None if whole else share, rows
        )
        level = float(worth.max(initial=0.0))
        # Rows on the unserved side have price 0; the price of other rows is the worth of a kWh.
        both = [np.where(~side & rows, level, 0.0) for side in sides]
        return both[:1] if (both[0] == both[1]).all() else both

    def _cover_prices(self, part: Part, offer: Ints, share: Floats, worth: Floats) -> list[Floats]:
        """Return one or two lists of row prices for cuts at a point, if there are no capacities.

        A row's price is the worth of a kWh at the last station needed to serve the row in full. If
        the stations up to this one serve the row exactly in full, the second list instead uses the
        worth at the next station.
        """
        open_ = np.zeros((part.sites, len(part.kinds)))
        np.add.at(open_, part.offer_site[offer], share[:, None] * part.able[offer])
        part_of = np.minimum(open_[part.site, part.kind[part.row]], 1.0)
        there = np.flatnonzero((part_of > settings.ARITHMETIC) & (worth > 0))
        order = there[np.lexsort((-worth[there], part.row[there]))]
        row = part.row[order]
        total = np.cumsum(part_of[order])
        first = np.searchsorted(row, np.arange(len(part.rows)))
        before = np.r_[0.0, total][first]
        filled = total - before[row]
        out = []
        for enough in (1 - settings.EXACT, 1 + settings.EXACT):
            # The last station needed to serve a row in full. Without one, the row has price 0.
            last = np.flatnonzero(filled >= enough)[::-1]
            price = np.zeros(len(part.rows))
            price[row[last]] = worth[order[last]]
            out.append(price)
        return out[:1] if (out[0] == out[1]).all() else out
