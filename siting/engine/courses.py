"""The best course of offers at each site, with all upgrades that a program allows.

With many offers per site, the upgrades are too many to list as options. At given prices, the value
of a course is a sum over its years. The options with a single offer show how much each offer ``o``
adds in each year ``t``, and dynamic programming finds the best course::

    v(o, t)  =  value of the option that opens o in t  -  value of the option that opens o later
    b(o, t)  =  v(o, t)  +  max of b(u, t + 1) over the offers u that o can become

Here, "later" means one year later or, for the last year, never. Before ``o`` opens, its site has
its existing station or none. `siting.engine.station_bound` uses these values, so that its bounds
also hold for plans with upgrades that are not options.
"""

from __future__ import annotations

import numpy as np

from siting.program.instance import Floats
from siting.program.options import successors
from siting.program.program import Program


class BestCourses:
    """The value of the best course of each site, for given values of the options.

    All courses with a single offer must be options, so no offer may have a fixed opening year.
    """

    def __init__(self, program: Program) -> None:
        instance, options = program.instance, program.options
        years = options.offer.shape[1]
        sites, stands = len(instance.site_ids), instance.offer_existing
        base = np.full(sites, -1, dtype=np.int64)
        base[instance.offer_site[stands]] = np.flatnonzero(stands)
        offers = program.offers[~stands[program.offers]]
        self.site = instance.offer_site[offers]
        start, successor = successors(instance, offers, np.ones(len(stands), dtype=bool))
        place = np.full(len(stands), -1, dtype=np.int64)
        place[offers] = np.arange(len(offers))
        self._start = start[offers]
        self._successor = place[successor]
        before = base[self.site]
        # For each offer: the option that opens it in each year and, at the end, the one without it.
        self._option = np.empty((len(offers), years + 1), dtype=np.int64)
        for t in range(years + 1):
            row = np.where(np.arange(years) < t, before[:, None], offers[:, None])
            self._option[:, t] = options.find(row)
        self._base = options.find(np.repeat(base[:, None], years, axis=1))
        self._first = np.where(program.instance.must_sites & (base < 0), -np.inf, 0.0)

    def best(self, value: Floats) -> Floats:
        """Return the value of each site's best course."""
        of_option = np.append(value, 0.0)  # the option of a site without a station is -1
        each = of_option[self._option]
        gain = each[:, :-1] - each[:, 1:]
        best, out = np.zeros(len(gain)), self._first.copy()
        for t in range(gain.shape[1] - 1, -1, -1):
            # Add the highest value of the offers that each offer can become.
            best = gain[:, t] + np.maximum.reduceat(best[self._successor], self._start)
            np.maximum.at(out, self.site, best)
        out += of_option[self._base]
        return out
