"""What a choice of offers can serve of every union of zones: exact for floors and fairness.

For a fixed choice, let ``f(U)`` be the most energy it serves of the rows in a union ``U`` of zones
if nobody else is served (a maximum flow). Energies ``s_g`` of the zones can be served together if
and only if::

    sum of s_g over g in U  <=  f(U)        for every union U of zones

and what falls short of ``f`` of all rows can be added without taking from any zone, because ``f``
is the rank of a polymatroid, as is the sum of those of charger groups that nothing links. So for a
fixed choice, without any linear program::

    floors of n_g kWh/day hold                    iff  n(U) <= f(U) for every U
    the most served above floors that hold        =    f(all rows)
    the largest share served in the worst zone    =    min over U of f(U) / D(U)

Every ``f(U)`` has the minimum cuts of `siting.solve.valuer`, which bound it at all other choices.
With more than a few zones only some unions are looked at: every bound stays a bound, and values are
then too high where a union left out is the one that binds.

Sources: N. Megiddo: Optimal flows in networks with multiple sources and sinks. Mathematical
Programming 7 (1974), 97-107. J. Edmonds: Submodular functions, matroids, and certain polyhedra.
Combinatorial Structures and their Applications (1970), 69-87.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from siting.models.capacitated import linked_parts
from siting.models.merge import MergedDemand
from siting.models.rows import Floor
from siting.program.instance import Flags, Floats, Instance, Ints
from siting.solve.valuer import Cut, State, Valuer

# Up to so many zones all their unions count; beyond it single zones, all but one, and all.
ALL_UNIONS = 4
# What a kilowatt-hour short of a floor costs, in kilowatt-hours served.
PENALTY = 20.0
# What the mean share of all unions is worth, as a share served in the worst zone.
TIE = 0.02


@dataclass(frozen=True, eq=False)
class Unions:
    """Unions of zones, of which the last is all rows.

    Parameters
    ----------
    member
        Whether each union (row) has each merged demand row (column).
    wanted
        Energy that counts in each union (kWh/day): what its floors need, or what its zones want.
    """

    member: Flags
    wanted: Floats


def unions_of(zones: Sequence[Floor], wanted: Sequence[float], city: float, rows: int) -> Unions:
    """Return the unions of some zones.

    Parameters
    ----------
    zones
        The zones, as floors.
    wanted
        What counts in each (kWh/day).
    city
        What all rows together need at least (kWh/day).
    rows
        Number of merged rows.
    """
    count = len(zones)
    if count <= ALL_UNIONS:
        picks = [p for size in range(1, count + 1) for p in combinations(range(count), size)]
    else:
        every = tuple(range(count))
        alone = [(g,) for g in every]
        picks = [*alone, *(every[:g] + every[g + 1 :] for g in every), every]
    member = np.zeros((len(picks) + 1, rows), dtype=bool)
    member[-1] = True
    for u, pick in enumerate(picks):
        for g in pick:
            member[u, list(zones[g].rows)] = True
    sums = [*(sum(wanted[g] for g in pick) for pick in picks), city]
    if picks and member[-2].all():  # all zones are all rows
        member, sums = member[:-1], [*sums[:-2], max(sums[-2:])]
    return Unions(member, np.array(sums))


class Goal(Protocol):
    """What the energies of the unions come to: concave, and never less for more energy."""

    def value(self, served: Floats) -> Floats:
        """Return the goal at energies (kWh/day), unions along the first axis."""
        ...


@dataclass(frozen=True, eq=False)
class AboveFloors:
    """Energy served, less a penalty on what floors are short of.

    Parameters
    ----------
    need
        Energy that must be served in each union (kWh/day).
    energy
        Worth of a kilowatt-hour served in all: 1, or 0 where floors alone count.
    """

    need: Floats
    energy: float = 1.0

    def value(self, served: Floats) -> Floats:
        """Return energy less penalty (kWh/day)."""
        need = self.need.reshape(-1, *([1] * (served.ndim - 1)))
        short = np.maximum(need - served, 0.0).sum(axis=0)
        return np.asarray(self.energy * served[-1] - PENALTY * short)


@dataclass(frozen=True, eq=False)
class WorstZone:
    """The share served in the worst zone, and a little for the share of every union.

    Parameters
    ----------
    wanted
        Energy wanted in each union (kWh/day); 0 where it does not count.
    unit
        Energy that stands for a share of 1 (kWh/day).
    target
        Share beyond which no union counts for more.
    """

    wanted: Floats
    unit: float
    target: float = 1.0

    def shares(self, served: Floats) -> Floats:
        """Return the share of each union that counts; infinite where its energy is."""
        counts = self.wanted > 0
        wanted = self.wanted[counts].reshape(-1, *([1] * (served.ndim - 1)))
        return np.asarray(served[counts] / wanted)

    def value(self, served: Floats) -> Floats:
        """Return the share in kWh/day, and a little more."""
        shares = np.minimum(self.shares(served), self.target)
        return np.asarray(self.unit * (shares.min(axis=0) + TIE * shares.mean(axis=0)))


class UnionValuer(Valuer):
    """Values and bounds of the choices of one instance, where a goal over unions of zones counts.

    Parameters
    ----------
    instance, demand
        The data of the program; rows of different zones must not be merged.
    unions
        The unions.
    goal
        What counts.

    Attributes
    ----------
    active
        Whether each union is looked at by `at` and `value`, which are too high where one that binds
        is not; the last, all rows, always is.
    """

    def __init__(
        self, instance: Instance, demand: MergedDemand, unions: Unions, goal: Goal
    ) -> None:
        super().__init__(instance, demand, capacitated=True)
        self.goal, self.unions = goal, unions
        self.parts, self.union_of_part = [], []
        for u, member in enumerate(unions.member):
            for kinds, groups in linked_parts(demand.kinds):
                if (member & np.isin(demand.kind, kinds)).any():
                    self.parts.append(self._part(kinds, groups, member))
                    self.union_of_part.append(u)
        self.cuts = [[] for _ in self.parts]
        self.active = np.zeros(len(unions.wanted), dtype=bool)
        self.active[-1] = True

    def served(self, choice: Ints) -> Floats:
        """Return what a choice serves of each union, active or not, if of that alone (kWh/day)."""
        parts = [self._valued(p, choice)[0] for p in range(len(self.parts))]
        return np.bincount(self.union_of_part, parts, minlength=len(self.active)).astype(float)

    def value(self, choice: Ints) -> float:
        """Return the goal at a choice, by the active unions alone."""
        served = np.where(self.active, 0.0, np.inf)
        for p, u in self._active_parts():
            served[u] += self._valued(p, choice)[0]
        return float(self.goal.value(served))

    def at(self, choice: Ints) -> State:
        """Return the goal at a choice, and what single changes of it could be worth."""
        served = np.where(self.active, 0.0, np.inf)
        upper = np.repeat(served, self.option_offer.size)
        upper = upper.reshape(len(served), *self.option_offer.shape)
        for p, u in self._active_parts():
            value, cuts = self._valued(p, choice)
            served[u] += value
            upper[u] += super().change_bound(choice, cuts)
        return State(choice, float(self.goal.value(served)), self.goal.value(upper), ())

    def cuts_at(self, choice: Ints) -> list[Cut]:
        """Return bounds that are equal to the value at a choice, two an active part."""
        return [cut for p, _ in self._active_parts() for cut in self._valued(p, choice)[1]]

    def cuts_between(self, taken: Floats) -> list[Cut]:
        """Return bounds on active parts that are low at options taken in part."""
        return self.cuts_of([p for p, _ in self._active_parts()], taken)

    def change_bound(self, choice: Ints, cuts: list[Cut]) -> Floats:
        """Return nothing known: a goal is no sum over parts."""
        return np.full(self.option_offer.shape, np.inf)

    def _active_parts(self) -> list[tuple[int, int]]:
        return [(p, u) for p, u in enumerate(self.union_of_part) if self.active[u]]
