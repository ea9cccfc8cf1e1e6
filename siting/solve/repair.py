"""A first plan that holds to every requirement; where there is none, why, and what would mend it.

Only the sites that must have a station matter: a limit is no harder to keep with fewer offers, so
whatever is not required is left out. First each site takes its cheapest offer. If that breaks a
limit, an integer program over these sites alone finds the plan that takes the least of all that is
scarce. If it is infeasible, the same program is solved with every limit elastic::

    min   sum of e_r / U_r
    s.t.  one offer at each site that must have one
          sum of u_ro z_o - e_r <= U_r for each limit r, the budget included;  e >= 0, z binary

Its positive ``e_r`` are the smallest raise of the limits that makes room for all; what the plan
then uses is worked out again from the offers, which proves that it does. The other way to mend it,
fewer required sites, is a program with the limits hard and the requirements elastic.

Which limits are in the conflict is found by a deletion filter: a limit is let go for good if the
rest is infeasible without it. What is left is irreducible.

Source: J. Chinneck: Feasibility and Infeasibility in Optimization, Springer 2008, chapters 6 and 7.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pulp

from siting.engine.clock import Clock
from siting.engine.highs import run_highs
from siting.errors import Fault, InfeasibleError, SolveError
from siting.models.program import add_row, within_budget, within_limits
from siting.program.instance import Flags, Floats, Instance, Ints
from siting.program.obligations import tolerance
from siting.solve.valuer import Valuer

STRICT: dict[str, Any] = {"mip_feasibility_tolerance": 1e-9, "primal_feasibility_tolerance": 1e-9}
# Limits tried one by one in the deletion filter; beyond it the filter stops early.
FILTERED = 200


def first_choice(valuer: Valuer, clock: Clock, *, threads: int, seed: int) -> Ints:
    """Return a choice that takes no more than what stands and what is required, within all limits.

    Parameters
    ----------
    valuer
        Values and options of the instance.
    clock, threads, seed
        As for `siting.engine.highs.run_highs`.

    Raises
    ------
    InfeasibleError
        If there is none: each limit and requirement in the conflict, have, need and fix.
    """
    choice = valuer.base.copy()
    must = np.flatnonzero(valuer.instance.must_sites)
    if not len(must):
        return choice
    price = np.where(valuer.valid, valuer.price, np.inf)
    for j in must.tolist():
        if choice[j] == 0:
            choice[j] = int(price[j].argmin())
    if valuer.affordable(choice):
        return choice
    conflict = Conflict(valuer.instance, clock, threads=threads, seed=seed)
    offers = conflict.cheapest()
    if offers is None:
        raise InfeasibleError(conflict.faults())
    return valuer.choice_of(offers)


@dataclass(frozen=True)
class _Row:
    """A limit, or the budget, over the offers at sites that must have a station."""

    where: str
    unit: str
    have: float
    use: Floats


class Conflict:
    """The limits and requirements of an instance, at the sites that must have a station.

    Parameters
    ----------
    instance
        The data of the program.
    clock, threads, seed
        As for `siting.engine.highs.run_highs`.
    """

    def __init__(self, instance: Instance, clock: Clock, *, threads: int, seed: int) -> None:
        self.instance, self._clock = instance, clock
        self._options: dict[str, Any] = {"threads": threads, "seed": seed}
        self.must = np.flatnonzero(instance.must_sites)
        self.offers = np.flatnonzero(instance.must_sites[instance.offer_site])
        self.rows = [
            _Row("budget_pkr", "PKR", instance.budget_pkr, instance.offer_subsidy[self.offers])
        ]
        use = instance.limit_use.tocsc()[:, self.offers].tocsr()
        for r, name in enumerate(instance.limit_names):
            amounts = use[[r]].toarray()[0]
            if amounts.any():
                have = float(instance.limit_most[r])
                self.rows.append(_Row(f"limit {name}", instance.limit_units[r], have, amounts))

    def cheapest(self) -> Ints | None:
        """Return the offers that take the least of all that is scarce; None if there are none."""
        shares = [row.use / max(row.have, float(row.use.max()), 1e-12) for row in self.rows]
        return self._solve(hard=range(len(self.rows)), cost=np.sum(shares, axis=0))

    def faults(self) -> list[Fault]:
        """Return one fault for each limit and requirement in the conflict, for when there is one.

        The raises of the limits mend it together; so does leaving out the required sites named.
        """
        raised = self._raised()
        if raised is None:
            return [
                Fault(
                    "limits",
                    "what stands and what is required cannot hold together, and the time limit "
                    "came before it was known why",
                    "give it more time",
                )
            ]
        faults = []
        together = " together with the others named" if len(raised) > 1 else ""
        for r, need in raised.items():
            row = self.rows[r]
            what = f"have {row.have:,.10g} {row.unit}, need {need:,.10g} {row.unit}{together}"
            fix = f"raise it by {need - row.have:,.10g} {row.unit}"
            faults.append(Fault(row.where, what, fix, self._users(row)))
        for r in self._irreducible():
            if r not in raised:
                row = self.rows[r]
                what = f"have {row.have:,.10g} {row.unit}; part of the conflict"
                fix = "keep it if the others are raised"
                need_alone = self._need_alone(r)
                if need_alone is not None:
                    fix = f"or raise it alone, to {need_alone:,.10g} {row.unit}"
                faults.append(Fault(row.where, what, fix, self._users(row)))
        kept = self._kept()
        required = self.instance.required_sites
        if kept is not None and len(required):
            dropped = np.setdiff1d(required, kept)
            what = (
                f"{len(required):,} required and only {len(required) - len(dropped):,} of them "
                "can have a station within the limits"
            )
            fix = f"or require {len(dropped):,} fewer, e.g. without these"
            ids = tuple(self.instance.site_ids[dropped])
            faults.append(Fault("required sites", what, fix, ids))
        return faults

    def _users(self, row: _Row) -> tuple[str, ...]:
        """Return the sites that use a limit whatever is chosen there, or else those that may."""
        site = self.instance.offer_site[self.offers]
        least = np.full(len(self.instance.site_ids), np.inf)
        np.minimum.at(least, site, row.use)
        always = self.must[least[self.must] > 0]
        found = always if len(always) else np.unique(site[row.use > 0])
        return tuple(self.instance.site_ids[found])

    def _raised(self) -> dict[int, float] | None:
        """Return what each limit that must be raised has to be raised to, all together."""
        offers = self._solve(hard=(), soft=range(len(self.rows)))
        if offers is None:
            return None
        taken = np.isin(self.offers, offers)
        used = [float(np.sort(row.use[taken]).sum()) for row in self.rows]
        return {
            r: need
            for r, (row, need) in enumerate(zip(self.rows, used, strict=True))
            if need > row.have + tolerance(row.have)
        }

    def _need_alone(self, r: int) -> float | None:
        """Return the least that limit `r` would have to be, if all others stay; None if none is."""
        others = [n for n in range(len(self.rows)) if n != r]
        offers = self._solve(hard=others, cost=self.rows[r].use / self.rows[r].use.max())
        if offers is None:
            return None
        return float(np.sort(self.rows[r].use[np.isin(self.offers, offers)]).sum())

    def _irreducible(self) -> list[int]:
        """Return limits that cannot hold together, none of which can be spared."""
        left = list(range(len(self.rows)))
        for r in range(min(len(self.rows), FILTERED)):
            if self._clock.over:
                break
            rest = [n for n in left if n != r]
            if self._solve(hard=rest) is None and not self._clock.over:
                left = rest
        return left

    def _kept(self) -> Ints | None:
        """Return the sites that can have a station within the limits, as many as possible."""
        offers = self._solve(hard=range(len(self.rows)), dropping=True)
        return None if offers is None else np.unique(self.instance.offer_site[offers])

    def _solve(
        self,
        *,
        hard: Collection[int],
        soft: Collection[int] = (),
        cost: Floats | None = None,
        dropping: bool = False,
    ) -> Ints | None:
        """Return the offers of the best plan under some limits; None if there is none."""
        prob = pulp.LpProblem("requirements", pulp.LpMinimize)
        z = [prob.add_variable(f"z_{o}", 0, 1, "Integer") for o in self.offers.tolist()]
        terms = [] if cost is None else [(z[n], float(c)) for n, c in enumerate(cost)]
        site = self.instance.offer_site[self.offers]
        standing = np.zeros(len(self.instance.site_ids), dtype=bool)
        standing[self.instance.offer_site[self.instance.offer_existing]] = True
        for j in self.must.tolist():
            here = [(z[n], 1.0) for n in np.flatnonzero(site == j).tolist()]
            add_row(prob, here, 1.0, f"one_{j}")
            if dropping and not standing[j]:
                lack = prob.add_variable(f"lack_{j}", 0, 1)
                here.append((lack, 1.0))
                terms.append((lack, 1.0))
            prob.addConstraint(pulp.lpSum_vars_coefs(here) >= 1, f"must_{j}")
        for r in sorted({*hard, *soft}):
            row = self.rows[r]
            unit = float(row.use.max())
            if unit <= 0:
                continue
            used = [(z[n], row.use[n] / unit) for n in np.flatnonzero(row.use).tolist()]
            if r in soft:
                over = prob.add_variable(f"over_{r}", 0)
                used.append((over, -1.0))
                terms.append((over, unit / max(row.have, 1e-3 * unit)))
            add_row(prob, used, row.have / unit, f"limit_{r}")
        prob.setObjective(pulp.lpSum_vars_coefs(terms))
        return self._run(prob, z, whole=len(hard) == len(self.rows))

    def _run(self, prob: pulp.LpProblem, z: list[pulp.LpVariable], *, whole: bool) -> Ints | None:
        ruled_out = 0
        while True:
            run = run_highs(prob, self._clock, **self._options, **STRICT)
            if not run.found:
                if run.status == pulp.LpSolveStatus.Infeasible:
                    return None
                if self._clock.over:
                    if whole:
                        raise SolveError(
                            Fault("solve", "no time to find a plan that meets the requirements")
                        )
                    return None
                raise SolveError(Fault("HiGHS", f"the requirements ended with {run.status}"))
            taken: Flags = np.array([(v.varValue or 0.0) > 0.5 for v in z])
            offers = self.offers[taken]
            within = within_budget(self.instance, offers) and within_limits(self.instance, offers)
            if not whole or within:
                return offers
            # Within the solver's tolerance of a limit, yet over it: forbid these together.
            terms = [(z[n], 1.0) for n in np.flatnonzero(taken).tolist()]
            add_row(prob, terms, len(terms) - 1.0, f"over_{ruled_out}")
            ruled_out += 1
