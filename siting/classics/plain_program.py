"""What the classic programs have in common: sites opened or not, at most p of them.

Symbols used in every classic model:

==========  ======================================================================================
``i``       demands, with weight ``w_i``
``j``       sites; ``N(i)`` those that can serve ``i``, at cost ``d_ij`` for one unit of weight
``y_j``     1 if site ``j`` is open; fixed to 1 for an existing site
``p``       most sites that may be open, existing ones included
==========  ======================================================================================

"At most p" and the textbooks' "exactly p" have the same optimum, as another site never makes a plan
worse; but a site that serves nobody is not built. Sites that can serve nobody get no variable.
Variables and rows are named by position (``y_12``), never by label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pulp

from siting.classics.plain import PlainInstance
from siting.program.instance import Ints


@dataclass(frozen=True, eq=False)
class ClassicProgram:
    """A PuLP problem and the sites its variables stand for.

    Parameters
    ----------
    model
        Name of the model.
    prob
        The problem.
    instance
        What it was built from.
    site, y
        Positions of the sites that have a variable, and the variables.
    """

    model: str
    prob: pulp.LpProblem
    instance: PlainInstance
    site: Ints
    y: list[pulp.LpVariable]

    def at(self) -> list[pulp.LpVariable | None]:
        """Return the variable of every site, None where it has none."""
        out: list[pulp.LpVariable | None] = [None] * len(self.instance.site_ids)
        for j, variable in zip(self.site.tolist(), self.y, strict=True):
            out[j] = variable
        return out


def start_classic(
    model: str, instance: PlainInstance, sense: int, p: int | None
) -> tuple[ClassicProgram, list[pulp.LpVariable]]:
    """Return a program with the site variables and the limit on their number.

    Parameters
    ----------
    model
        Name of the model.
    instance
        The data of the program.
    sense
        ``pulp.LpMinimize`` or ``pulp.LpMaximize``.
    p
        Most sites there may be; None for no limit.

    Returns
    -------
    program
        The program.
    variables
        The variable of every site; of a site without one there is no pair.
    """
    prob = pulp.LpProblem(model, sense)
    used = instance.existing.copy()
    used[instance.site] = True
    site = np.flatnonzero(used)
    y = [
        prob.add_variable(f"y_{j}", int(instance.existing[j]), 1, "Integer") for j in site.tolist()
    ]
    program = ClassicProgram(model, prob, instance, site, y)
    if p is not None and p < len(site):
        prob.addConstraint(pulp.lpSum_vars(y) <= p, "number")
    return program, program.at()  # type: ignore[return-value]


def within(instance: PlainInstance, radius: float) -> PlainInstance:
    """Return the instance with only the pairs at or within a cost of `radius`."""
    return instance.restricted(instance.cost <= radius)


def equal_sets(instance: PlainInstance) -> tuple[list[Ints], Ints]:
    """Return the different sets of sites that demands can be served from.

    Parameters
    ----------
    instance
        The instance; its costs play no part.

    Returns
    -------
    sets
        The sets, each as positions of sites in order; the empty set is left out.
    set_of_row
        Which set each demand has; -1 for none.
    """
    known: dict[bytes, int] = {}
    sets: list[Ints] = []
    of_row = np.full(len(instance.demand_ids), -1, dtype=np.int64)
    edge = instance.start.tolist()
    for i in range(len(of_row)):
        own = np.sort(instance.site[edge[i] : edge[i + 1]])
        if not len(own):
            continue
        n = known.setdefault(own.tobytes(), len(known))
        if n == len(sets):
            sets.append(own)
        of_row[i] = n
    return sets, of_row
