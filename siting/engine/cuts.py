"""Cuts: what no choice can serve, as a bound on measures by the options taken.

Every cut is the inequality of `siting.engine.parts`, for weights ``l_k`` on measures ``t_k``::

    sum of l_k t_k  <=  constant + sum of coefficient_n y_n

Weights and prices come from the program of a point: given options taken in part and what the coarse
program thinks they serve, the linear program of who is served (where a station taken in part serves
no more of a row than that part of it) says by how much they fall short, and its duals are the
weights and prices of the cut that the point breaks most. Two cases need no linear program: where
all pairs of a part are worth the same it is a maximum flow, and its minimum cut gives prices of 0
and 1; without capacities each row takes its best stations until it is served.

Under the viability gap a station's case is priced too: with a price ``tau`` on the gap of a site
the station earns ``tau`` times its margin besides, and owes ``tau`` times its need less what public
money, at its own price ``mu``, is worth paying. Any ``tau`` bounds; the best of several is taken
offer by offer.

Source of the cuts without capacities: J.-F. Cordeau, F. Furini, I. Ljubic: Benders decomposition
for very large scale partial set covering and maximal covering location problems. European Journal
of Operational Research 275 (2019), 882-896.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.coarse import Measure
from siting.engine.frame import Frame
from siting.engine.linear import model_of, run_model
from siting.engine.parts import Part
from siting.program.instance import Flags, Floats, Ints
from siting.program.service import capacity_sets

# Options taken less than this are not taken.
LEAST_TAKEN = 1e-7
# A point breaks a cut from this share of what is at stake on.
BROKEN = 1e-6
# Prices of a site's gap that are tried, as shares of the price of public money.
GAP_PRICES = (0.0, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class Cut:
    """``value`` times the measures in ``column`` is at most ``constant + coefficient`` of y."""

    column: Ints
    value: Floats
    constant: float
    coefficient: Floats

    def at(self, choice: Ints) -> float:
        """Return the bound at a choice."""
        return self.constant + float(self.coefficient[choice].sum())

    def over(self, taken: Floats, measured: Floats) -> float:
        """Return by how much a point is above it, given options taken and all coarse columns."""
        bound = self.constant + float(self.coefficient @ taken)
        return float(self.value @ measured[self.column]) - bound


class Cutter:
    """Makes cuts for one program.

    Parameters
    ----------
    frame
        The program and its aim.
    parts
        Its parts.
    measures
        The measures of its coarse program.
    """

    def __init__(self, frame: Frame, parts: list[Part], measures: list[Measure]) -> None:
        self.frame, self.parts, self.measures = frame, parts, measures
        self.count = frame.count
        # Which offer an option has standing in a part's slice.
        self.offer = [frame.layout.standing(part.slice) for part in parts]
        service = frame.service
        self.worth_of = {m.index: m for m in measures if m.kind == "worth"}
        self.energies = [m for m in measures if m.kind == "energy"]
        self.money = [m for m in measures if m.kind in ("money", "envelope")]
        # Which pairs of a part count towards each energy measure.
        self.counted: dict[tuple[int, int], Flags] = {}
        for m in self.energies:
            member = service.floor[m.index][service.row]
            for p, part in enumerate(parts):
                if part.slice == m.s and member[part.pairs].any():
                    self.counted[m.column, p] = member[part.pairs]
        self.groups = self._linked()

    def _linked(self) -> list[list[int]]:
        """Return the parts that measures link, group by group; those alone are left out."""
        sets: list[set[int]] = []
        links = [{p for (c, p) in self.counted if c == m.column} for m in self.energies]
        if self.money:
            years: dict[int, set[int]] = {}
            for p, part in enumerate(self.parts):
                years.setdefault(self.frame.program.slices[part.slice].year, set()).add(p)
            links += list(years.values())
            links.append(set().union(*(years[t] for t in years)))
        for link in links:
            touched = [s for s in sets if s & link]
            sets = [s for s in sets if not s & link] + [link.union(*touched)]
        return [sorted(s) for s in sets if s]

    # --- coefficients ------------------------------------------------------------------------

    def option_amounts(self, p: int, by_offer: Floats) -> Floats:
        """Return an amount by option, given one by offer, for the slice of a part."""
        offer = self.offer[p]
        return np.where(offer >= 0, by_offer[offer], 0.0)

    def priced(self, p: int, value: Floats, price: Floats) -> tuple[float, Floats]:
        """Return constant and coefficients that worths of pairs and prices of rows give a part."""
        part = self.parts[p]
        intake = part.intake(value - price[part.row])
        return float(price @ part.wanted), self.option_amounts(p, intake)

    def single(self, measure: Measure, parts: list[tuple[int, Floats, Floats]]) -> Cut:
        """Return the cut on one measure, given worths and prices part by part."""
        constant, coefficient = 0.0, np.zeros(self.count)
        for p, value, price in parts:
            own, amounts = self.priced(p, value, price)
            constant += own
            coefficient += amounts
        return Cut(np.array([measure.column]), np.ones(1), constant, coefficient)

    def plain(self) -> list[Cut]:
        """Return the cuts that need no search: all capacity is used (all in reach is a bound)."""
        out = []
        for p, part in enumerate(self.parts):
            none = np.zeros(len(part.rows))
            if p in self.worth_of:
                out.append(self.single(self.worth_of[p], [(p, part.worth, none)]))
        for m in self.energies:
            named = [p for (c, p) in self.counted if c == m.column]
            out.append(
                self.single(
                    m,
                    [
                        (
                            p,
                            self.counted[m.column, p].astype(float),
                            np.zeros(len(self.parts[p].rows)),
                        )
                        for p in named
                    ],
                )
            )
        return out

    # --- cuts at a point ---------------------------------------------------------------------

    def quick(self, taken: Floats) -> list[Cut]:
        """Return the cuts of single measures that need no linear program, lowest at a point.

        Parameters
        ----------
        taken
            How much of each option is taken, 0 to 1.
        """
        out: list[Cut] = []
        for p, part in enumerate(self.parts):
            if not part.capacitated or part.uniform is not None:
                out += [
                    self.single(self.worth_of[p], [(p, part.worth, price)])
                    for price in self.prices(p, taken, part.worth, None)
                ]
        for m in self.energies:
            named = [p for (c, p) in self.counted if c == m.column]
            found = []
            for p in named:
                counted = self.counted[m.column, p]
                prices = self.prices(p, taken, counted.astype(float), counted)
                ends = (prices[0], prices[-1])
                found.append([(p, counted.astype(float), price) for price in ends])
            out += [self.single(m, list(choice)) for choice in zip(*found, strict=True)]
        return out

    def prices(self, p: int, taken: Floats, worth: Floats, counted: Flags | None) -> list[Floats]:
        """Return prices of rows for worths that are one number, or without capacities any.

        Parameters
        ----------
        p
            The part.
        taken
            How much of each option is taken, 0 to 1.
        worth
            What a kWh of each pair is worth; where capacities count all alike, or 0.
        counted
            Which pairs are worth something, if not all.
        """
        part = self.parts[p]
        offer = self.offer[p]
        option = np.flatnonzero((taken > LEAST_TAKEN) & (offer >= 0))
        option = option[(part.capacity[offer[option]] > 0).any(axis=1)]
        share = taken[option]
        if not part.capacitated:
            return self._cover_prices(part, offer[option], share, worth)
        rows = None
        if counted is not None:
            rows = np.zeros(len(part.rows), dtype=bool)
            rows[part.row[counted]] = True
        capacity = part.capacity[offer[option]] * share[:, None]
        whole = bool((share > 1 - LEAST_TAKEN).all())
        sides = part.graph.cut_sides(
            self.frame.site[option], capacity, None if whole else share, rows
        )
        level = float(worth.max(initial=0.0))
        # Rows on the unserved side are free; the others cost all that they are worth.
        both = [np.where(side, 0.0, level) for side in sides]
        if rows is not None:
            both = [np.where(rows, price, 0.0) for price in both]
        return both[:1] if (both[0] == both[1]).all() else both

    def _cover_prices(self, part: Part, offer: Ints, share: Floats, worth: Floats) -> list[Floats]:
        """Return what each row's last station is worth to it, and what the one after would be."""
        open_ = np.zeros((part.sites, len(part.kinds)))
        site = part.offer_site[offer]
        for k in range(len(part.kinds)):
            np.add.at(open_[:, k], site, share * part.able[offer, k])
        part_of = np.minimum(open_[part.site, part.kind[part.row]], 1.0)
        there = np.flatnonzero((part_of > LEAST_TAKEN) & (worth > 0))
        order = there[np.lexsort((-worth[there], part.row[there]))]
        row = part.row[order]
        total = np.cumsum(part_of[order])
        first = np.searchsorted(row, np.arange(len(part.rows)))
        before = np.r_[0.0, total][first]
        filled = total - before[row]
        out = []
        for enough in (1 - 1e-9, 1 + 1e-9):
            # The last station a row needs to be served whole; none: the row is free.
            done = np.flatnonzero(filled >= enough)
            price = np.zeros(len(part.rows))
            last = done[::-1]
            price[row[last]] = worth[order[last]]
            out.append(price)
        return out[:1] if (out[0] == out[1]).all() else out

    def linked(self, taken: Floats, measured: Floats, clock: Clock) -> list[Cut]:
        """Return the cuts, one a group of linked parts or of a part alone, that need a program.

        Parameters
        ----------
        taken
            How much of each option is taken, 0 to 1.
        measured
            Values of all coarse columns.
        clock
            Deadline and interruption.
        """
        groups = list(self.groups)
        named = {p for group in groups for p in group}
        groups += [
            [p]
            for p, part in enumerate(self.parts)
            if p not in named and part.capacitated and part.uniform is None
        ]
        out = []
        for group in groups:
            if clock.over:
                break
            cut = _Short(self, group, taken, measured).cut(clock)
            if cut is not None:
                out.append(cut)
        return out


class _Short:
    """By how much the measures of some parts are more than what options taken in part can serve."""

    def __init__(self, cutter: Cutter, group: list[int], taken: Floats, measured: Floats) -> None:
        self.cutter, self.group, self.taken, self.measured = cutter, group, taken, measured
        self.frame = cutter.frame
        self.columns: list[tuple[int, Ints]] = []  # part, and its pairs that have a column
        self.rows: list[tuple[Ints, Ints, Floats]] = []
        self.lower: list[Floats] = []
        self.upper: list[Floats] = []
        self.count = 0

    def _add(self, row: Ints, column: Ints, value: Floats, low: Floats, high: Floats) -> Ints:
        first = self.count
        self.rows.append((row + first, column, value))
        self.lower.append(low)
        self.upper.append(high)
        self.count += len(low)
        return np.arange(first, self.count)

    def cut(self, clock: Clock) -> Cut | None:
        """Return the cut that the point breaks most; None if it breaks none."""
        cutter = self.cutter
        bounds, width = [], 0
        part_columns: dict[int, tuple[Ints, Ints, Ints]] = {}  # pairs, columns, demand rows
        for p in self.group:
            pairs, most, capacity_rows = self._part(p)
            column = np.arange(width, width + len(pairs))
            width += len(pairs)
            bounds.append(most)
            part = cutter.parts[p]
            row, named = part.row[pairs], np.arange(len(part.rows))
            none = np.full(len(named), -np.inf)
            demand = self._add(row, column, np.ones(len(pairs)), none, part.wanted)
            for at, x, room in capacity_rows:
                self._add(at, column[x], np.ones(len(x)), np.full(len(room), -np.inf), room)
            part_columns[p] = (pairs, column, demand)
        paid = self._gap(part_columns, width) if cutter.money else None
        if paid is not None:
            width = paid.end
            bounds.append(paid.most)
        short = width
        wanted, sides = self._measures(part_columns, paid, short)
        if not wanted:
            return None
        matrix = sparse.csc_array(
            (
                np.concatenate([r[2] for r in self.rows]),
                (
                    np.concatenate([r[0] for r in self.rows]),
                    np.concatenate([r[1] for r in self.rows]),
                ),
            ),
            shape=(self.count, short + 1),
        )
        cost = np.zeros(short + 1)
        cost[short] = -1.0
        upper = np.concatenate([*bounds, [np.inf]])
        model = model_of(
            matrix, cost, np.zeros(short + 1), upper,
            np.concatenate(self.lower), np.concatenate(self.upper),
        )  # fmt: skip
        found = run_model(model, clock)
        if not found.optimal or -found.objective <= BROKEN:
            return None
        return self._read(wanted, sides, part_columns, paid, found.price)

    def _part(self, p: int) -> tuple[Ints, Floats, list[tuple[Ints, Ints, Floats]]]:
        """Return the pairs that something is taken for, the most of each, and capacity rows."""
        part, offer = self.cutter.parts[p], self.cutter.offer[p]
        option = np.flatnonzero((self.taken > LEAST_TAKEN) & (offer >= 0))
        share, of = self.taken[option], part.offer_site[offer[option]]
        open_ = np.zeros((part.sites, len(part.kinds)))
        for k in range(len(part.kinds)):
            np.add.at(open_[:, k], of, share * part.able[offer[option], k])
        part_of = np.minimum(open_[part.site, part.kind[part.row]], 1.0)
        pairs = np.flatnonzero(part_of > LEAST_TAKEN)
        most = part.wanted[part.row[pairs]] * part_of[pairs]
        rows: list[tuple[Ints, Ints, Floats]] = []
        if part.capacitated:
            kwh = np.zeros((part.sites, len(part.kinds)))
            np.add.at(kwh, (part.site[pairs], part.kind[part.row[pairs]]), most)
            capacity = np.zeros((part.sites, len(part.groups)))
            np.add.at(capacity, of, part.capacity[offer[option]] * share[:, None])
            for members, kinds, groups in _hall(part, kwh, capacity):
                place = np.full(part.sites, -1, dtype=np.int64)
                place[members] = np.arange(len(members))
                kind = part.kind[part.row[pairs]]
                x = np.flatnonzero((place[part.site[pairs]] >= 0) & np.isin(kind, kinds))
                room = capacity[members][:, list(groups)].sum(axis=1)
                rows.append((place[part.site[pairs[x]]], x, room))
        return pairs, most, rows

    def _measures(
        self,
        columns: dict[int, tuple[Ints, Ints, Ints]],
        paid: _Paid | None,
        short: int,
    ) -> tuple[list[tuple[Measure, float]], list[int]]:
        """Add a row a measure: what is served, and the shortfall, are what is thought or more."""
        cutter = self.cutter
        wanted: list[tuple[Measure, float]] = []
        at: list[int] = []
        for m in cutter.measures:
            value = float(self.measured[m.column])
            if m.kind == "worth" and m.index in columns and value > 0:
                pairs, column, _ = columns[m.index]
                by = cutter.parts[m.index].worth[pairs]
                unit = max(cutter.parts[m.index].most, 1e-300)
            elif m.kind == "energy":
                own = [p for p in columns if (m.column, p) in cutter.counted]
                if not own or value <= 0:
                    continue
                inside = [cutter.counted[m.column, p][columns[p][0]] for p in own]
                column = np.concatenate(
                    [columns[p][1][i] for p, i in zip(own, inside, strict=True)]
                )
                by = np.ones(len(column))
                unit = max(sum(float(cutter.parts[p].wanted.sum()) for p in own), 1e-300)
            elif paid is not None and m.kind in ("money", "envelope"):
                column, by = paid.spent(m)
                by = -by
                value = -value
                unit = max(1.0, abs(value))
            else:
                continue
            scale = 1.0 / unit
            side = np.array([value * scale])
            row = np.zeros(len(column) + 1, dtype=np.int64)
            rows = self._add(
                row, np.append(column, short), np.append(by * scale, 1.0), side, np.array([np.inf])
            )
            wanted.append((m, scale))
            at.append(int(rows[0]))
        return wanted, at

    def _read(
        self,
        wanted: list[tuple[Measure, float]],
        rows: list[int],
        columns: dict[int, tuple[Ints, Ints, Ints]],
        paid: _Paid | None,
        price: Floats,
    ) -> Cut | None:
        """Return the cut of the program's duals."""
        cutter = self.cutter
        weight = {
            m.column: max(-price[r], 0.0) * scale
            for (m, scale), r in zip(wanted, rows, strict=True)
        }
        constant, coefficient = 0.0, np.zeros(cutter.count)
        worths: dict[int, Floats] = {}
        prices: dict[int, Floats] = {}
        for p in self.group:
            part = cutter.parts[p]
            value = np.zeros(len(part.pairs))
            own = cutter.worth_of.get(p)
            if own is not None:
                value += weight.get(own.column, 0.0) * part.worth
            for m in cutter.energies:
                if (m.column, p) in cutter.counted and weight.get(m.column, 0.0) > 0:
                    value += weight[m.column] * cutter.counted[m.column, p]
            worths[p] = value
            prices[p] = np.maximum(price[columns[p][2]], 0.0)
        signed = {m.column: 1.0 if m.kind in ("worth", "energy") else -1.0 for m, _ in wanted}
        column = np.array([c for c, w in weight.items() if w > 0], dtype=np.int64)
        if not len(column):
            return None
        by = np.array([weight[int(c)] * signed[int(c)] for c in column])
        if paid is None:
            for p in self.group:
                own_constant, amounts = cutter.priced(p, worths[p], prices[p])
                constant += own_constant
                coefficient += amounts
        else:
            constant, coefficient = paid.priced(self, worths, prices, weight, price)
        cut = Cut(column, by, constant, coefficient)
        over = cut.over(self.taken, self.measured)
        scale = float(np.abs(by).max())
        cut = Cut(column, by / scale, constant / scale, coefficient / scale)
        return cut if over > 0 else None

    def _gap(self, columns: dict[int, tuple[Ints, Ints, Ints]], width: int) -> _Paid:
        """Add the rows of the viability gap, and return what is needed of them."""
        return _Paid(self, columns, width)


class _Paid:
    """The subsidies of stations taken in part: a column a site and year, and their rows."""

    def __init__(
        self, short: _Short, columns: dict[int, tuple[Ints, Ints, Ints]], width: int
    ) -> None:
        frame, cutter = short.frame, short.cutter
        rule = frame.program.gap
        assert rule is not None
        self.rule = rule
        layout = frame.layout
        self.need = layout.instance.offer_cost / layout.money_unit
        self.margin = frame.service.margin * layout.energy_unit / layout.money_unit
        years = sorted({frame.program.slices[cutter.parts[p].slice].year for p in short.group})
        self.years = years
        self.column: dict[int, Ints] = {}
        self.row: dict[int, Ints] = {}
        self.at: dict[int, tuple[Ints, Ints]] = {}
        most = []
        self.option: dict[int, Ints] = {}
        for t in years:
            offer = frame.options.offer[:, t]
            option = np.flatnonzero((short.taken > LEAST_TAKEN) & (offer >= 0))
            option = option[self.need[offer[option]] > 0]
            self.option[t] = option
            site = frame.site[option]
            # A column for each option taken: its share of the site's subsidy.
            column = np.arange(width, width + len(option))
            width += len(option)
            self.column[t] = column
            taken = short.taken[option]
            most.append(rule.cap_share * self.need[offer[option]] * taken)
            sites = np.unique(site)
            place = np.full(frame.sites, -1, dtype=np.int64)
            place[sites] = np.arange(len(sites))
            owed = np.bincount(place[site], self.need[offer[option]] * taken, minlength=len(sites))
            row, col, value = [place[site]], [column], [np.ones(len(option))]
            for p in short.group:
                part = cutter.parts[p]
                slice_ = frame.program.slices[part.slice]
                if slice_.year != t:
                    continue
                pairs, x, _ = columns[p]
                here = place[part.site[pairs]] >= 0
                rate = self.margin[part.rows[part.row[pairs[here]]]] * slice_.probability
                row.append(place[part.site[pairs[here]]])
                col.append(x[here])
                value.append(rate)
            self.row[t] = short._add(
                np.concatenate(row), np.concatenate(col), np.concatenate(value),
                owed, np.full(len(sites), np.inf),
            )  # fmt: skip
            self.at[t] = (sites, place)
        self.most = np.concatenate(most) if most else np.zeros(0)
        self.end = width
        self.frame = frame

    def spent(self, measure: Measure) -> tuple[Ints, Floats]:
        """Return the columns, and values, of the money of a measure."""
        if measure.kind == "money":
            column = self.column[measure.index]
            return column, np.ones(len(column))
        t = self.years[-1]
        offer = self.frame.options.offer[self.option[t], t]
        return self.column[t], self._envelope_share(measure.index)[offer]

    def _envelope_share(self, r: int) -> Floats:
        use = self.frame.program.instance.limit_use
        share = np.zeros(len(self.need))
        own = slice(use.indptr[r], use.indptr[r + 1])
        share[use.indices[own]] = use.data[own]
        return share

    def priced(
        self,
        short: _Short,
        worths: dict[int, Floats],
        prices: dict[int, Floats],
        weight: dict[int, float],
        price: Floats,
    ) -> tuple[float, Floats]:
        """Return constant and coefficients, the gap of each site at the best of several prices."""
        cutter, frame = short.cutter, self.frame
        constant, coefficient = 0.0, np.zeros(cutter.count)
        for t in self.years:
            own = [p for p in short.group if frame.program.slices[cutter.parts[p].slice].year == t]
            constant += sum(float(prices[p] @ cutter.parts[p].wanted) for p in own)
            # What a rupee paid to each offer costs: the money of the year, and envelopes.
            money = np.zeros(len(self.need))
            for m in cutter.money:
                if m.kind == "money" and m.index == t:
                    money += weight.get(m.column, 0.0)
                elif m.kind == "envelope" and t == self.years[-1]:
                    money += weight.get(m.column, 0.0) * self._envelope_share(m.index)
            top = float(money.max(initial=0.0))
            sites, _ = self.at[t]
            found = np.full(frame.sites, top)
            found[sites] = np.maximum(-price[self.row[t]], 0.0)
            tries = [found, *(np.full(frame.sites, share * top) for share in GAP_PRICES)]
            offer = frame.options.offer[:, t]
            best = np.full(cutter.count, np.inf)
            for tau in tries:
                earned = np.zeros(cutter.count)
                for p in own:
                    part = cutter.parts[p]
                    chance = frame.program.slices[part.slice].probability
                    rate = tau[part.site] * self.margin[part.rows[part.row]] * chance
                    _, amounts = cutter.priced(p, worths[p] + rate, prices[p])
                    earned += amounts
                at_site = tau[frame.site]
                need = np.where(offer >= 0, self.need[offer], 0.0)
                rupee = np.where(offer >= 0, money[offer], 0.0)
                earned -= at_site * need
                earned += np.maximum(at_site - rupee, 0.0) * self.rule.cap_share * need
                np.minimum(best, earned, out=best)
            coefficient += best
        return constant, coefficient


def _hall(
    part: Part, kwh: Floats, capacity: Floats
) -> list[tuple[Ints, tuple[int, ...], tuple[int, ...]]]:
    """Return sites, kinds and groups of the capacity rows of stations taken in part."""
    there = capacity > 0
    alike = np.concatenate([there, kwh > 0], axis=1)
    _, first, which = np.unique(alike, axis=0, return_index=True, return_inverse=True)
    out = []
    for n, one in enumerate(first.tolist()):
        struck = tuple(
            tuple(g for g in groups if there[one, g]) if kwh[one, k] > 0 else ()
            for k, groups in enumerate(part.columns)
        )
        members = np.flatnonzero(which.ravel() == n)
        out += [(members, kinds, groups) for kinds, groups in capacity_sets(struck)]
    return out
