"""Which energies of pairs a relaxation has: the nearest, and those that its prices ask for.

A row of demand reaches dozens of sites and is served by one or two, mostly near ones. So the
relaxation begins with the energies to the nearest sites, and the others are priced in like options.

A *link* ``x_c <= u_c Y`` says that of an energy ``x_c`` no more than its share ``u_c`` is served
where ``Y`` of a station stands that can serve it. It follows from whole numbers, not from the
capacities of a fraction of a large station. Links that a solution breaks come in.

Source: M. Daskin: Network and Discrete Location. 2nd ed., Wiley 2013, chapter 7 (the strong
formulation of facility location).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting.engine.frame import Frame, first_of_each
from siting.program.instance import Flags, Floats, Ints

# Energies of a row that are in from the beginning, and that come in at a time.
NEAREST, AT_ONCE = 8, 3
# Share of what a link lets through that it is broken by at least.
BROKEN = 0.01


class Flows:
    """The energies of a frame's pairs: which are in the relaxation, and which are linked.

    `start`: sites of a plan at hand, of which each row has its nearest as well.
    """

    def __init__(self, frame: Frame, start: Ints) -> None:
        service, pair = frame.service, frame.energy_pair
        self.frame = frame
        self.first = frame.count
        self.site = service.site[pair]
        self.group = service.row[pair] * len(frame.program.slices) + frame.energy_slice
        self.kind, self.slice = service.kind[service.row[pair]], frame.energy_slice
        self.upper = frame.matrix.upper[self.first : self.first + len(pair)]
        self.order = np.lexsort((service.minutes[pair], self.group))
        self.linked = np.zeros(len(pair), dtype=bool)
        if frame.layout.by_pair:
            self.inside: Flags = self.nearest(np.ones(frame.sites, dtype=bool))
            there = np.zeros(frame.sites, dtype=bool)
            there[start] = True
            self.inside |= self.nearest(there)
        else:  # one energy a row, whoever serves it
            self.inside = np.ones(len(pair), dtype=bool)

    def nearest(self, open_: Flags) -> Flags:
        """Return which energies are of the nearest sites of their row, of sites that are open."""
        order = self.order[open_[self.site[self.order]]]
        out = np.zeros(len(self.site), dtype=bool)
        out[order[first_of_each(self.group[order], NEAREST)]] = True
        return out

    def columns(self, more: Flags | None = None) -> Ints:
        """Return the columns of those that are in, and of some more."""
        there = self.inside if more is None else self.inside | more
        return self.first + np.flatnonzero(there)

    def price_in(self, reduced: Floats, least: float, open_: Flags | None = None) -> bool:
        """Let the best of each row in that promise more than `least`; return whether any is.

        `open_`: sites that are looked at; all where none are named.
        """
        promise = reduced[self.first : self.first + len(self.site)] * self.upper
        if open_ is not None:
            promise = np.where(open_[self.site], promise, 0.0)
        new = np.flatnonzero(~self.inside & (promise > least))
        order = new[np.lexsort((-promise[new], self.group[new]))]
        self.inside[order[first_of_each(self.group[order], AT_ONCE)]] = True
        return bool(len(new))

    # --- links -------------------------------------------------------------------------------

    def _able(self, s: int) -> Floats:
        return self.frame.able[s].astype(float)

    def link_broken(self, taken: Floats, energy: Floats) -> bool:
        """Link what is broken by a point: of options, and of all energies; say if any was."""
        lets = np.zeros(len(self.site))
        for s in range(len(self.frame.program.slices)):
            open_ = np.zeros((self.frame.sites, self.frame.able[s].shape[1]))
            np.add.at(open_, self.frame.site, self._able(s) * taken[:, None])
            mine = self.slice == s
            lets[mine] = self.upper[mine] * open_[self.site[mine], self.kind[mine]]
        new = ~self.linked & self.inside & (energy - lets > BROKEN * self.upper)
        self.linked |= new
        return bool(new.any())

    def link_rows(self, columns: Ints) -> tuple[sparse.csr_array, Ints]:
        """Return the rows of the links of some columns (``<= 0``), and the energies they are of.

        Among `columns` are options, of which the links of a site have those that are there.
        """
        place = np.full(self.first + len(self.site), -1, dtype=np.int64)
        inside = columns < len(place)
        place[columns[inside]] = np.flatnonzero(inside)
        linked = np.flatnonzero(self.linked & (place[self.first :] >= 0))
        options = columns[columns < self.first]
        shape = (len(linked), len(columns))
        one = sparse.csr_array(
            (np.ones(len(linked)), (np.arange(len(linked)), place[self.first + linked])), shape
        )
        for s in range(len(self.frame.program.slices)):
            rows = np.flatnonzero(self.slice[linked] == s)
            of = linked[rows]
            at_site = sparse.csr_array(
                (self.upper[of], (rows, self.site[of])), (len(linked), self.frame.sites)
            )
            own = sparse.csr_array(
                (np.ones(len(options)), (self.frame.site[options], place[options])),
                (self.frame.sites, len(columns)),
            )
            there = sparse.coo_array(at_site @ own)
            option = columns[there.col]
            able = self.frame.able[s][option, self.kind[linked[there.row]]]
            one = one - sparse.csr_array(
                (there.data[able], (there.row[able], there.col[able])), shape
            )
        return one, linked

    def less_by_links(self, price: Floats) -> Floats:
        """Return what the prices of all energies' links take from the reduced costs of columns."""
        out = np.zeros(self.frame.matrix.a.shape[1])
        out[self.first : self.first + len(price)] = price
        for s in range(len(self.frame.program.slices)):
            mine = (self.slice == s) & (price > 0)
            given = np.zeros((self.frame.sites, self.frame.able[s].shape[1]))
            np.add.at(given, (self.site[mine], self.kind[mine]), price[mine] * self.upper[mine])
            out[: self.first] -= (self._able(s) * given[self.frame.site]).sum(axis=1)
        return out
