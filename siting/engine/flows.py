"""The energy variables in a relaxation: variables of near pairs, and variables added by pricing.

A demand row reaches dozens of sites, but only one or two serve it, and these are mostly near. So
the relaxation starts with the energy columns of the nearest sites, and pricing adds others.

A *link* ``x_c <= u_c Y`` limits the energy ``x_c`` to the share ``Y`` of its upper bound ``u_c``,
where ``Y`` is the summed value of the options that can deliver this energy. Plans satisfy all
links. In a relaxation, a fraction of a large station may have enough capacity to violate a link;
violated links are added as rows.

Source: M. Daskin: Network and Discrete Location. 2nd ed., Wiley 2013, chapter 7 (the strong
formulation of facility location).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.frame import Frame, best_of_each, first_of_each
from siting.program.instance import Flags, Floats, Ints


class Flows:
    """The energy variables in the relaxation, and the constraints that link them to options.

    With `start` sites, half of each row's first columns belong to the nearest of these sites.
    """

    def __init__(self, frame: Frame, start: Ints) -> None:
        service, pair = frame.service, frame.energy_pair
        self.frame = frame
        self.first = frame.count
        self.site, self.group = frame.energy_site, frame.energy_group
        self.kind, self.slice = service.kind[frame.energy_row], frame.energy_slice
        self.upper = frame.matrix.upper[frame.energies]
        self.order = np.lexsort((service.minutes[pair], self.group))
        self.linked = np.zeros(len(pair), dtype=bool)
        self.most = settings.NEAREST_PAIRS // (2 if len(start) else 1)
        if frame.layout.by_pair:
            self.inside: Flags = np.zeros(len(pair), dtype=bool)
            self.add_nearest(np.arange(frame.sites))
            self.add_nearest(start)
        else:  # each row has one energy column for all stations
            self.inside = np.ones(len(pair), dtype=bool)

    def add_nearest(self, sites: Ints) -> None:
        """Add each row's columns to the nearest of the given sites (at most `most` columns)."""
        order = self.order[np.isin(self.site[self.order], sites)]
        self.inside[order[first_of_each(self.group[order], self.most)]] = True

    def price_in(self, reduced: Floats, least: float) -> bool:
        """Add each row's best columns with gains above `least`; return whether any were added."""
        promise = reduced[self.frame.energies] * self.upper
        new = np.flatnonzero(~self.inside & (promise > least))
        self.inside[new[best_of_each(self.group[new], promise[new], settings.AT_ONCE)]] = True
        return bool(len(new))

    def link_broken(self, taken: Floats, energy: Floats) -> bool:
        """Add the linking constraints that a point violates; return whether any were added."""
        lets = self.upper * self.frame.share_of(np.arange(len(self.site)), taken)
        new = ~self.linked & self.inside & (energy - lets > settings.LINK_BROKEN * self.upper)
        self.linked |= new
        return bool(new.any())

    def link_rows(self, columns: Ints) -> tuple[sparse.csr_array, Ints]:
        """Return the linking constraints over `columns` (``<= 0``), and the columns they limit."""
        place = np.full(self.frame.matrix.a.shape[1], -1, dtype=np.int64)
        place[columns] = np.arange(len(columns))
        linked = np.flatnonzero(self.linked & (place[self.first :][: len(self.site)] >= 0))
        options = columns[columns < self.first]
        sites, shape = self.frame.sites, (len(linked), len(columns))
        mine = np.arange(len(linked)), place[self.first + linked]
        one = sparse.csr_array((np.ones(len(linked)), mine), shape)
        there = self.frame.site[options], place[options]
        own = sparse.csr_array((np.ones(len(options)), there), (sites, len(columns)))
        for s in range(len(self.frame.program.slices)):
            rows = np.flatnonzero(self.slice[linked] == s)
            of = linked[rows]
            at_site = sparse.csr_array(
                (self.upper[of], (rows, self.site[of])), (len(linked), sites)
            )
            both = sparse.coo_array(at_site @ own)
            able = self.frame.able[s][columns[both.col], self.kind[linked[both.row]]]
            entries = both.row[able], both.col[able]
            one = one - sparse.csr_array((both.data[able], entries), shape)
        return one, linked

    def less_by_links(self, price: Floats) -> Floats:
        """Return by how much the links, at the given prices, lower each column's reduced cost."""
        out = np.zeros(self.frame.matrix.a.shape[1])
        out[self.frame.energies] = price
        for s in range(len(self.frame.program.slices)):
            mine = (self.slice == s) & (price > 0)
            given = np.zeros((self.frame.sites, self.frame.able[s].shape[1]))
            np.add.at(given, (self.site[mine], self.kind[mine]), price[mine] * self.upper[mine])
            out[: self.first] -= (self.frame.able[s] * given[self.frame.site]).sum(axis=1)
        return out
