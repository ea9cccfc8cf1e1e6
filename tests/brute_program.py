"""The best plan of a small town for any combination of blocks, by trying every plan there is.

One brute force for all, from plain tables and a plain description (`Asked`): it lists every course
of every site, keeps the plans that money, limits, required sites and distances allow, and solves
one linear program for each over the flows from demand rows to charger groups. It shares no code
with `siting.program` and `siting.engine`: no merged rows, no sets of groups, no scaling.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from brute_asked import Asked, Plans, Scarce, Shares, groups_of, nearness
from brute_force import GROUPS
from scipy.optimize import linprog
from scipy.sparse import csr_array

__all__ = ["Asked", "Best", "Scarce", "Shares", "Trial", "best"]

ALIKE = 1e-7  # relative: values this near are of plans as good as each other
KEPT = 1e-9  # of an aim reached, so much may be lost to the next


@dataclass(frozen=True)
class Best:
    """The best value of every aim, in order, and the plans that reach them, as {site: course}."""

    reached: tuple[float, ...]
    plans: list[dict[str, tuple]]


def best(asked):
    """Return the `Best` of what is asked, or None where no plan meets it."""
    return Trial(asked).best()


class Trial(Plans):
    """One town with the linear program that all of its plans share."""

    def __init__(self, asked):
        super().__init__(asked)
        self.columns, self.rows, self.sides = 0, [], []
        self.free = set()
        self.build()

    def column(self, *, free=False):
        self.columns += 1
        if free:
            self.free.add(self.columns - 1)
        return self.columns - 1

    def row(self, terms, most):
        """Add ``terms <= most``, the right side a number or a function of the plan."""
        self.rows.append(terms)
        self.sides.append(most)

    def build(self):
        self.column()  # so that there is one
        self.flows = []
        worth = self.worth_per_kwh()
        for s, (_, t, k) in enumerate(self.slices):
            for i, site, minutes, group in self.plugs:
                if self.kwh[s][i] > 0 and site in self.at:
                    value = worth[s][i] * nearness(self.asked.decay, minutes)
                    self.flows.append((self.column(), s, t, k, i, site, group, minutes, value))
        for s, (_, t, _) in enumerate(self.slices):
            mine = [f for f in self.flows if f[1] == s]
            for i, wanted in self.kwh[s].items():
                self.row({f[0]: 1.0 for f in mine if f[4] == i}, wanted)
            for site, group in itertools.product(self.at, GROUPS):
                terms = {f[0]: 1.0 for f in mine if f[5:7] == (site, group)}
                if terms:
                    self.row(terms, self.room(site, group, t, sum(self.kwh[s].values())))
        if self.asked.gap:
            self.write_gap()
        for floor in self.asked.floors:
            groups = groups_of(self.asked, floor.of)
            for name, share in floor.shares.items():
                for wanted, terms in self.parts(groups[name], floor.when):
                    self.row(dict.fromkeys(terms, -1.0), -share * wanted + 1e-9)
        self.aims = [self.written(aim) for aim in self.asked.aims]

    def room(self, site, group, t, everything):
        def most(plan):
            offer = plan[site][t]
            capacity = 0.0 if offer is None else self.capacity(offer, group)
            return capacity if self.asked.model == "capacitated" else everything * (capacity > 0)

        return most

    def worth_per_kwh(self):
        out = []
        for s, (key, _, _) in enumerate(self.slices):
            whole = self.asked.worth
            whole = whole[key] if isinstance(whole, dict) else whole
            out.append(
                {
                    i: 1.0 if whole is None else float(whole[i]) / kwh if kwh > 0 else 0.0
                    for i, kwh in self.kwh[s].items()
                }
            )
        return out

    def parts(self, ids, when):
        """Yield what a group wants in each slice that counts, and the columns that serve it."""
        for s, (_, t, _) in enumerate(self.slices):
            if when == "every" or t == self.years - 1:
                wanted = sum(kwh for i, kwh in self.kwh[s].items() if i in ids)
                yield wanted, [f[0] for f in self.flows if f[1] == s and f[4] in ids]

    def write_gap(self):
        asked, (margin, cap, hurdle, concessions) = self.asked, self.asked.gap
        paid = {
            (o, t): self.column()
            for offers in self.at.values()
            for o in offers
            for t in range(self.years)
        }
        self.paid = paid

        def need(offers, t, factor):
            # What the one of these offers that stands needs over its life.
            return lambda plan: (
                factor * sum(self.offers[c[t]]["cost_pkr"] for c in plan.values() if c[t] in offers)
            )

        standing = {o for o, row in self.offers.items() if row["existing"]}
        cases = {}
        for site, offers in self.at.items():
            own = site if standing & set(offers) else concessions.get(site, site)
            cases.setdefault(own, []).append(site)
        for t in range(self.years):
            for sites in cases.values():
                inside = {o for site in sites for o in self.at[site]}
                terms = {paid[o, t]: -1.0 for o in inside}
                for c, _, year, k, i, where, _, _, _ in self.flows:
                    if year == t and where in sites:
                        terms[c] = -hurdle * self.chance[k] * margin[self.kind[i]]
                self.row(terms, need(inside, t, -1.0))
            for offers in self.at.values():
                if t:
                    terms = {paid[o, t - 1]: 1.0 for o in offers}
                    self.row(terms | {paid[o, t]: -1.0 for o in offers}, 0.0)
                for o in offers:
                    cost = self.offers[o]["cost_pkr"]
                    share = min(cap[o] / cost, 1.0) if isinstance(cap, Mapping) and cost else cap
                    self.row({paid[o, t]: 1.0}, need({o}, t, share if cost else 0.0))
        last = self.years - 1
        if asked.budgets is None:
            if asked.budget is not None:
                self.row({c: 1.0 for (_, t), c in paid.items() if t == last}, asked.budget)
        else:
            total = 0.0
            for t, money in enumerate(asked.budgets.values()):
                total += money
                terms = {c: 1.0 for (_, year), c in paid.items() if year == t}
                if not asked.carry_over:
                    terms |= {c: -1.0 for (_, year), c in paid.items() if year == t - 1}
                self.row(terms, total if asked.carry_over else money)
        for one in asked.limits:
            if not one.per_rupee:
                continue
            for t in range(self.years):
                terms = {c: one.use.get(o, 0.0) for (o, year), c in paid.items() if year == t}
                if one.at_most < math.inf:
                    self.row(terms, one.at_most)
                if t == last and one.at_least > 0:
                    self.row({c: -u for c, u in terms.items()}, -one.at_least)

    def written(self, aim):
        """Return an aim as (sign, terms, constant of a plan), its own columns and rows written."""
        kind, *rest = aim
        if kind == "most_worth":
            return (
                1.0,
                {f[0]: self.weight[f[2]] * self.chance[f[3]] * f[8] for f in self.flows},
                0.0,
            )
        if kind == "net_worth":
            gain, of = rest
            _, terms, _ = self.written(("most_worth",))
            if isinstance(gain, tuple):

                def must(plan):
                    drawn = [
                        sum(self.offers[c[t]][of] for c in plan.values() if c[t] is not None)
                        for t in range(self.years)
                    ]
                    return -sum(
                        g * (after - before)
                        for g, before, after in zip(gain, [0.0, *drawn], drawn, strict=False)
                    )

                return 1.0, terms, must
            _, paid, amount = self.money(of)
            more = (lambda plan: -gain * amount(plan)) if callable(amount) else 0.0
            return 1.0, terms | {c: -gain * v for c, v in paid.items()}, more
        if kind == "shortest_drives":
            return (
                -1.0,
                {f[0]: self.weight[f[2]] * self.chance[f[3]] * f[7] for f in self.flows},
                0.0,
            )
        if kind == "least_cost_to_all":
            yearly, minute = rest

            def stands(plan):
                return sum(
                    self.weight[t] * yearly[o]
                    for course in plan.values()
                    for t, o in enumerate(course)
                    if o is not None and not self.offers[o]["existing"]
                )

            return (
                -1.0,
                {
                    f[0]: self.weight[f[2]] * self.chance[f[3]] * f[7] * minute[self.kind[f[4]]]
                    for f in self.flows
                },
                stands,
            )
        if kind == "least_money":
            return self.money(*rest)
        if kind == "worst_share":
            share = self.column()
            self.row({share: 1.0}, 1.0)
            for ids in groups_of(self.asked, rest[0]).values():
                for wanted, terms in self.parts(ids, rest[1]):
                    if wanted > 0:
                        self.row({share: wanted} | dict.fromkeys(terms, -1.0), 0.0)
            return 1.0, {share: 1.0}, 0.0
        served = [
            {f[0]: self.weight[f[2]] * f[8] for f in self.flows if f[3] == k}
            for k in range(len(self.chance))
        ]
        if kind == "least_regret":
            regret = self.column()
            for terms, most in zip(served, self.most_alone(), strict=True):
                if most > -math.inf:  # else no plan for it alone, and nothing to regret
                    self.row({regret: -1.0} | {c: -v for c, v in terms.items()}, -most)
            return -1.0, {regret: 1.0}, 0.0
        alpha, of = rest
        worth = self.worth_per_kwh()
        wanted = [0.0] * len(self.chance)
        for s, (_, t, k) in enumerate(self.slices):
            if of == "unserved":
                wanted[k] += self.weight[t] * sum(
                    worth[s][i] * kwh for i, kwh in self.kwh[s].items()
                )
        level, short = self.column(free=True), [self.column() for _ in served]
        for terms, most, v in zip(served, wanted, short, strict=True):
            # level - short <= served - wanted
            self.row({level: 1.0, v: -1.0} | {c: -x for c, x in terms.items()}, -most)
        sign = -1.0 if of == "unserved" else 1.0
        mean = {level: 1.0} | {v: -p / (1 - alpha) for v, p in zip(short, self.chance, strict=True)}
        return sign, {c: sign * x for c, x in mean.items()}, 0.0

    def money(self, of):
        if of == "subsidy_pkr" and self.asked.gap:
            return -1.0, {c: 1.0 for (_, t), c in self.paid.items() if t == self.years - 1}, 0.0

        def amount(plan):
            return sum(self.offers[c[-1]][of] for c in plan.values() if c[-1] is not None)

        return -1.0, {}, amount

    def most_alone(self):
        """Return the most that a plan made for each scenario alone serves there."""
        out = []
        for k, name in enumerate(self.asked.scenarios):
            keys = [key for key, _, at in self.slices if at == k]
            alone = replace(
                self.asked,
                scenarios={name: 1.0},
                demand_of=_part(self.asked.demand_of, keys),
                worth=_part(self.asked.worth, keys),
                aims=(("most_worth",),),
            )
            found = best(alone)
            out.append(found.reached[0] if found else -math.inf)
        return out

    def program(self):
        """Return the linear program of all plans: rows by columns, bounds, and the aims."""
        row = np.repeat(np.arange(len(self.rows)), [len(terms) for terms in self.rows])
        at = np.array([c for terms in self.rows for c in terms], dtype=int)
        by = np.array([v for terms in self.rows for v in terms.values()], dtype=float)
        matrix = csr_array((by, (row, at)), shape=(len(self.rows), self.columns))
        bounds = np.zeros((self.columns, 2))
        bounds[:, 1] = np.inf
        bounds[list(self.free), 0] = -np.inf
        aims = []
        for sign, terms, constant in self.aims:
            cost = np.zeros(self.columns)
            cost[list(terms)] = list(terms.values())
            aims.append((sign, cost, constant))
        return matrix, bounds, aims

    def value(self, plan):
        """Return the best value of the first aim that one plan can reach, or None."""
        matrix, bounds, aims = self.program()
        sign, cost, constant = aims[0]
        side = np.array([most(plan) if callable(most) else most for most in self.sides])
        answer = linprog(-sign * cost, A_ub=matrix, b_ub=side, bounds=bounds)
        if answer.status == 0:
            return sign * -float(answer.fun) + _constant(constant, plan)
        return None

    def best(self):
        """Return the best value of every aim, each keeping those before, and the plans left."""
        plans = list(self.plans())
        values = []
        matrix, bounds, aims = self.program()
        matrix = matrix.toarray()
        kept, most_kept = [], []
        for sign, cost, constant in aims:
            found, top = [], -math.inf
            for plan in plans:
                side = [most(plan) if callable(most) else most for most in self.sides]
                side += [most - s * _constant(c, plan) for most, s, c in most_kept]
                fixed = sign * _constant(constant, plan)
                if not cost.any() and fixed < top - ALIKE * max(1.0, abs(top)):
                    continue  # worse than one found, whatever it serves
                answer = linprog(
                    -sign * cost, A_ub=np.vstack([matrix, *kept]), b_ub=side, bounds=bounds
                )
                if answer.status == 0:
                    found.append((-float(answer.fun) + fixed, plan))
                    top = max(top, found[-1][0])
                elif answer.status != 2:
                    raise ArithmeticError(answer.message)
            if not found:
                return None
            room = KEPT * max(1.0, abs(top))
            plans = [p for value, p in found if value >= top - ALIKE * max(1.0, abs(top))]
            values.append(sign * top)
            kept.append(-sign * cost[None, :])
            most_kept.append((-top + room, -sign, constant))
        return Best(tuple(values), plans)


def _part(by_key, keys):
    return {key: by_key[key] for key in keys} if isinstance(by_key, dict) else by_key


def _constant(constant, plan):
    return constant(plan) if callable(constant) else constant
