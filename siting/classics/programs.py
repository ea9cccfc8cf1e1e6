"""The classic models as integer programs in PuLP.

==========  ======================================================================================
``i``       demands, with weight ``w_i``
``j``       sites; ``N(i)`` the sites that can serve ``i``, at cost ``d_ij`` for one unit of weight
``y_j``     1 if site ``j`` is open; fixed to 1 for an existing site
``p``       maximum number of open sites, existing ones included
``R``       the radius: the largest cost at which a demand counts as covered
==========  ======================================================================================

"At most p" and the textbooks' "exactly p" have the same optimum, because adding a site never makes
a plan worse. A site that serves no demand is not built, and a site that can serve no demand has no
variable. Variables and rows are named by position (``y_12``), never by label. A demand of weight 0
must be served only if costs are for the whole demand. In every program, ``y`` is binary.

**Set covering**: the fewest sites such that every demand has an open site within the radius.
Demands that have the same sites within the radius share one row. If the row ``sum of y_j <= p`` is
added, the program shows whether p sites are enough. Bisection with this program solves the
p-center::

    min   sum of y_j over j
    s.t.  sum of y_j over j with d_ij <= R  >=  1         for each i     (covered)

**Maximal covering**: with p sites, as much weight as possible within the radius. ``c_i`` is 1 if an
open site is within the radius of ``i``, and need not be binary. Demands with the same sites share
one ``c_i``, weighted by the sum of their weights::

    max   sum of w_i c_i over i
    s.t.  c_i  <=  sum of y_j over j with d_ij <= R       for each i     (covered)
          sum of y_j <= p                                                (number)
          0 <= c_i <= 1

**p-median**: with p sites, the least cost of serving every demand from its nearest site. Let ``D_i1
< ... < D_iK`` be the distinct costs of serving demand ``i``, weight included. ``z_ik`` is 1 if no
site with a cost of at most ``D_ik`` is open. The usual program, with one variable per pair, is
larger and has no stronger relaxation. Costs above that of the nearest existing site need no
variables or rows::

    min   sum over i of  D_i1 + sum over k < K of (D_i,k+1 - D_ik) z_ik
    s.t.  z_i1 + sum of y_j over j at D_i1   >=  1                        for each i
          z_ik + sum of y_j over j at D_ik   >=  z_i,k-1                  for each i and 1 < k < K
                 sum of y_j over j at D_iK   >=  z_i,K-1                  for each i
          sum of y_j <= p                                                 (number)
          z >= 0

**p-center**: with p sites, the least radius that covers every demand. Let ``D_1 < ... < D_K`` be
the distinct costs of all pairs; ``u_k`` is 1 if the radius is ``D_k`` or more. A demand has rows
only for the ``D_k`` that are costs of its own sites. For any other ``D_k``, the row for the next
higher cost of its sites is stronger. This program is meant for teaching and for instances with few
demands; `siting.classics.search` finds the same radius by bisection::

    min   D_1 + sum over k > 1 of (D_k - D_k-1) u_k
    s.t.  u_k + sum of y_j over j with d_ij < D_k  >=  1  for each i and each cost D_k of i
          u_k >= u_k+1                                        for each k > 1
          sum of y_j over N(i)  >=  1                         for each i       (served)
          sum of y_j <= p                                                      (number)
          u >= 0

**Facility location**: the sites that minimise the cost of opening them and serving demand. Without
capacities, the program is that of the p-median, with ``sum of f_j y_j`` added to the objective and
without a limit on the number of sites. With capacities, ``x_ij`` is the share of demand ``i`` that
site ``j`` serves, ``f_j`` the fixed cost, ``q_j`` the capacity, and ``c_ij`` the cost of serving
all of ``i`` from ``j``. For integer ``y``, the rows ``open`` and ``enough`` are implied; they
strengthen the relaxation. All costs must be in the same unit: if the costs of pairs are in minutes,
so are the fixed costs::

    min   sum of f_j y_j over j  +  sum of c_ij x_ij over i, j
    s.t.  sum of x_ij over j in N(i)          =   1              for each i          (served)
          sum of w_i x_ij over i              <=  q_j y_j        for each j          (capacity)
          x_ij                                <=  y_j            for each i, j       (open)
          sum of q_j y_j over j               >=  sum of w_i                         (enough)
          x >= 0

Sources, in the same order. C. Toregas, R. Swain, C. ReVelle, L. Bergman: The location of emergency
service facilities. Operations Research 19 (1971), 1363-1373. R. Church, C. ReVelle: The maximal
covering location problem. Papers of the Regional Science Association 32 (1974), 101-118.
S. Elloumi: A tighter formulation of the p-median problem. Journal of Combinatorial Optimization 19
(2010), 69-83; G. Cornuejols, G. Nemhauser, L. Wolsey: A canonical representation of simple plant
location problems. SIAM Journal on Algebraic and Discrete Methods 1 (1980), 261-272. S. Elloumi, M.
Labbé, Y. Pochet: A new formulation and resolution method for the p-center problem. INFORMS Journal
on Computing 16 (2004), 84-94. M. Balinski: Integer programming: methods, uses, computation.
Management Science 12 (1965), 253-313.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import Literal

import numpy as np
import pulp

from siting import settings
from siting.classics.plain import PlainInstance
from siting.program.instance import Ints

Terms = list[tuple[pulp.LpVariable, float]]


@dataclass(frozen=True, eq=False)
class ClassicProgram:
    """A PuLP problem and the sites that its variables represent."""

    prob: pulp.LpProblem
    instance: PlainInstance
    site: Ints  # positions of the sites that have a variable
    y: list[pulp.LpVariable]

    @cached_property
    def y_of(self) -> dict[int, pulp.LpVariable]:
        """Mapping from the position of a site to its variable."""
        return dict(zip(self.site.tolist(), self.y, strict=True))

    def terms(self, sites: Iterable[int], factor: float = 1.0) -> Terms:
        """Return the variables of the given sites, each paired with `factor`."""
        return [(self.y_of[j], factor) for j in sites]

    def add(self, terms: Terms, sense: Literal["<=", ">=", "=="], side: float, name: str) -> None:
        """Add the row ``sum of factor x variable <= side``, or a row with the given sense."""
        total = pulp.lpSum_vars_coefs(terms)
        row = total <= side if sense == "<=" else total >= side if sense == ">=" else total == side
        self.prob.addConstraint(row, name)


def _start(model: str, instance: PlainInstance, p: int | None = None) -> ClassicProgram:
    """Return a program with the site variables and the limit on their number."""
    prob = pulp.LpProblem(model, pulp.LpMaximize if model == "mclp" else pulp.LpMinimize)
    used = instance.existing.copy()
    used[instance.site] = True
    site = np.flatnonzero(used)
    stands = instance.existing.tolist()
    y = [prob.add_variable(f"y_{j}", int(stands[j]), 1, "Integer") for j in site.tolist()]
    program = ClassicProgram(prob, instance, site, y)
    if p is not None and p < len(site):
        program.add(program.terms(site.tolist()), "<=", p, "number")
    return program


def lscp(instance: PlainInstance, radius: float, p: int | None = None) -> ClassicProgram:
    """Return the PuLP program that covers every demand with the fewest sites.

    Every demand that must be served needs a site within `radius` (in the unit of the costs). `p`
    is the maximum number of sites, existing ones included; without `p` there is no limit.
    """
    program = _start("lscp", instance.wanted().within(radius), p)
    program.prob.setObjective(pulp.lpSum_vars(program.y))
    for n, site_set in enumerate(_equal_sets(program.instance)[0]):
        program.add(program.terms(site_set), ">=", 1, f"covered_{n}")
    return program


def mclp(instance: PlainInstance, p: int, radius: float) -> ClassicProgram:
    """Return the PuLP program that covers the most weight with at most p sites.

    `p` and `radius` are as in `lscp`.
    """
    near = instance.within(radius)
    program = _start("mclp", near, p)
    sets, of_row = _equal_sets(near)
    there = of_row >= 0
    weight = np.bincount(of_row[there], near.weight[there], minlength=len(sets)).tolist()
    c = [program.prob.add_variable(f"c_{n}", 0, 1) for n in range(len(sets))]
    program.prob.setObjective(pulp.lpSum_vars_coefs(list(zip(c, weight, strict=True))))
    for n, site_set in enumerate(sets):
        program.add([(c[n], 1.0), *program.terms(site_set, -1.0)], "<=", 0, f"covered_{n}")
    return program


def p_median(instance: PlainInstance, p: int) -> ClassicProgram:
    """Return the PuLP program that serves every demand from p sites at minimum cost.

    Every demand that must be served needs a site in reach. `p` is as in `lscp`.
    """
    program = _start("p_median", instance.wanted(), p)
    _serve_from_nearest(program, [])
    return program


def p_center(instance: PlainInstance, p: int) -> ClassicProgram:
    """Return the PuLP program that minimises the radius of p sites (in the unit of the costs).

    `p` is as in `lscp`.
    """
    needed = instance.wanted()
    program = _start("p_center", needed, p)
    radii = np.unique(needed.cost)
    u = [program.prob.add_variable(f"u_{k}", 0, 1) for k in range(1, len(radii))]
    terms = list(zip(u, np.diff(radii).tolist(), strict=True))
    constant = float(radii[0]) if len(radii) else 0.0
    program.prob.setObjective(pulp.lpSum_vars_coefs(terms) + constant)
    for k in range(len(u) - 1):
        program.add([(u[k], 1.0), (u[k + 1], -1.0)], ">=", 0, f"order_{k}")
    for i, (first, end) in enumerate(pairwise(needed.start.tolist())):
        sites, cost = needed.site[first:end], needed.cost[first:end]
        level = np.searchsorted(radii, cost)
        for k in np.unique(level[level > 0]).tolist():
            nearer = program.terms(sites[level < k].tolist())
            program.add([(u[k - 1], 1.0), *nearer], ">=", 1, f"beyond_{i}_{k}")
        program.add(program.terms(sites.tolist()), ">=", 1, f"served_{i}")
    return program


def facility_location(instance: PlainInstance, *, capacitated: bool = False) -> ClassicProgram:
    """Return the PuLP program that minimises the cost of opening sites and serving demand.

    With `capacitated`, each site serves at most its capacity (in weight), and demand may be split.
    """
    name = "capacitated_facility_location" if capacitated else "facility_location"
    program = _start(name, instance.wanted())
    fixed = program.instance.fixed_cost[program.site].tolist()
    serve = _serve_within_capacity if capacitated else _serve_from_nearest
    serve(program, list(zip(program.y, fixed, strict=True)))
    return program


def _serve_from_nearest(program: ClassicProgram, terms: Terms) -> None:
    """Add the rows and the objective for serving each demand from its nearest open site."""
    instance, prob = program.instance, program.prob
    edge, sites, whole = instance.start.tolist(), instance.site.tolist(), instance.whole.tolist()
    standing = set(np.flatnonzero(instance.existing).tolist())
    constant = 0.0
    for i, (first, end) in enumerate(pairwise(edge)):
        pairs = groupby(range(first, end), key=whole.__getitem__)
        levels = [(cost, [sites[n] for n in here]) for cost, here in pairs]
        constant += levels[0][0] if levels else 0.0
        before: Terms = []
        for k, (cost, here) in enumerate(levels):
            if not standing.isdisjoint(here):
                break  # an existing site is open, so this row is redundant
            row = [*program.terms(here), *before]
            if k + 1 < len(levels):
                z = prob.add_variable(f"z_{i}_{k}", 0, 1)
                terms.append((z, levels[k + 1][0] - cost))
                row.append((z, 1.0))
                before = [(z, -1.0)]
            program.add(row, ">=", 1 if k == 0 else 0, f"nearest_{i}_{k}")
    prob.setObjective(pulp.lpSum_vars_coefs(terms) + constant)


def _serve_within_capacity(program: ClassicProgram, opening: Terms) -> None:
    """Add the variables (the share that each pair serves), the rows and the objective."""
    instance, prob = program.instance, program.prob
    row, site = instance.row, instance.site
    pairs = list(zip(row.tolist(), site.tolist(), strict=True))
    x = [prob.add_variable(f"x_{i}_{j}", 0, 1) for i, j in pairs]
    serving = list(zip(x, instance.whole.tolist(), strict=True))
    prob.setObjective(pulp.lpSum_vars_coefs([*opening, *serving]))
    for i, (first, end) in enumerate(pairwise(instance.start.tolist())):
        program.add([(v, 1.0) for v in x[first:end]], "==", 1, f"served_{i}")
    for n, (i, j) in enumerate(pairs):
        if not instance.existing[j]:
            program.add([(x[n], 1.0), *program.terms([j], -1.0)], "<=", 0, f"open_{i}_{j}")
    load = np.bincount(site, instance.weight[row], minlength=len(instance.site_ids))
    # Weights are in units of the mean weight, so that these rows are scaled like the other rows.
    unit = max(float(instance.weight.mean()), 1e-300) if len(instance.weight) else 1.0
    limit = np.minimum(instance.capacity, load) / unit
    for j in np.flatnonzero(instance.capacity < load).tolist():
        here = np.flatnonzero(site == j).tolist()
        used = [(x[n], float(instance.weight[row[n]]) / unit) for n in here]
        program.add([*used, *program.terms([j], -float(limit[j]))], "<=", 0, f"capacity_{j}")
    enough = list(zip(program.y, limit[program.site].tolist(), strict=True))
    program.add(enough, ">=", float(instance.weight.sum()) / unit * (1 - settings.EXACT), "enough")


def _equal_sets(instance: PlainInstance) -> tuple[list[tuple[int, ...]], Ints]:
    """Return the distinct sets of sites in reach, and the index of each demand's set (-1: none)."""
    site = instance.site.tolist()
    of_rows = [tuple(sorted(site[first:end])) for first, end in pairwise(instance.start.tolist())]
    sets = list(dict.fromkeys(site_set for site_set in of_rows if site_set))
    number = {site_set: n for n, site_set in enumerate(sets)}
    return sets, np.array([number.get(site_set, -1) for site_set in of_rows], dtype=np.int64)
