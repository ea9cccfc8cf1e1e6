"""The best plan of a small town for anything that can be asked, by trying every plan there is.

One brute force for all, from plain tables; it shares no code with `siting`: no merged rows, no sets
of groups, no scaling. `town` draws a random town, `Asked` says in plain words what is asked of it,
and `best` lists every course of every site, keeps the plans that money, limits, required sites and
distances allow, and solves one linear program for each over the flows from demand rows to charger
groups. `best_by_flow` does so a hundred times faster where the most energy alone is asked;
`plain_town` and `best_sites` are for the classic models, whose plan is a set of sites, and
`best_division` is for cities on one budget.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

ALIKE = 1e-7  # relative: values this near are of plans as good as each other
KEPT = 1e-9  # of an aim reached, so much may be lost to the next

COMPATIBILITY = pd.DataFrame(
    [("lev", "two_wheeler"), ("lev", "three_wheeler"), ("ac", "car"), ("dc", "car"), ("dc", "bus")],
    columns=["charger_group", "vehicle_class"],
)
GROUPS = ("ac", "dc", "lev")
CLASSES = ("two_wheeler", "three_wheeler", "car", "bus")


def town(seed, sites=5, cells=6, configurations=2, existing=True):
    """Return demand, offers and reach of a random town; small whole numbers, so that ties occur."""
    rng = np.random.default_rng(seed)
    demand = pd.DataFrame(
        [
            (f"d{c}{k}", f"c{c}", name, float(rng.integers(0, 9)))
            for c in range(cells)
            for k, name in enumerate(CLASSES)
            if rng.random() < 0.7
        ],
        columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"],
    )
    rows = []
    for j in range(sites):
        standing = existing and j == 0
        for n in range(1 if standing else configurations):
            capacity = rng.integers(0, 13, 3) * (rng.random(3) < 0.6)
            cost = 0 if standing else int(rng.integers(1, 6))
            rows.append(
                {
                    "offer_id": f"s{j}:{n}",
                    "site_id": f"s{j}",
                    "configuration": f"k{n}",
                    "chargers": "",
                    "existing": standing,
                    "power_kw": 10.0,
                    "charger_cost_pkr": float(cost),
                    "grid_cost_pkr": float(rng.integers(0, 3)) * (not standing),
                    "fee_cost_pkr": 0.0,
                    "cost_pkr": 0.0,
                    "subsidy_pkr": float(cost),
                    "reason": "too big" if rng.random() < 0.08 and not standing else "",
                }
                | {f"capacity_{g}_kwh_day": float(q) for g, q in zip(GROUPS, capacity, strict=True)}
            )
    offers = pd.DataFrame(rows)
    offers["cost_pkr"] = offers["charger_cost_pkr"] + offers["grid_cost_pkr"]
    reach = pd.DataFrame(
        [
            (f"c{c}", f"s{j}", float(rng.integers(1, 10)))
            for c in range(cells)
            for j in range(sites)
            if rng.random() < 0.5
        ],
        columns=["cell_id", "site_id", "travel_min"],
    )
    return demand, offers, reach


def with_extensions(offers, count, rng):
    """Return the offers of a town, and so many more that extend the station that stands."""
    standing = offers[offers["existing"]]
    columns = [f"capacity_{g}_kwh_day" for g in GROUPS]
    more = []
    for n in range(count):
        cost = float(rng.integers(1, 4))
        row = standing.assign(
            offer_id=f"s0:x{n}", existing=False, extends=True, power_kw=standing["power_kw"] + 5.0,
            charger_cost_pkr=cost, grid_cost_pkr=1.0, cost_pkr=cost + 1, subsidy_pkr=cost,
        )  # fmt: skip
        row[columns] = standing[columns] + rng.integers(0, 9, 3)
        more.append(row)
    return pd.concat([offers.assign(extends=False), *more], ignore_index=True)


@dataclass(frozen=True)
class Scarce:
    """What offers use together of something, at most or at least; for each rupee drawn, or once."""

    name: str
    use: Mapping[str, float]
    at_most: float = math.inf
    at_least: float = 0.0
    per_rupee: bool = False
    kind: str = "other"


@dataclass(frozen=True)
class Shares:
    """Shares that must be served of the city (None), of classes ("class") or of zones (by id)."""

    of: Any
    shares: Mapping[str, float]
    when: str = "last"


@dataclass(frozen=True)
class Asked:
    """What is asked of a town; every field but the tables may be left as it is.

    ``aims``: ``("most_worth",)``, ``("net_worth", gain, "subsidy_pkr" | "cost_pkr")`` (a gain, or
    one per year),
    ``("least_money", "subsidy_pkr" | "cost_pkr")``,
    ``("least_cost_to_all", yearly cost by offer, cost of a minute by class)``,
    ``("worst_share", of, when)``, ``("least_regret",)``, ``("tail", alpha, of)`` and
    ``("shortest_drives",)``. ``demand_of`` and a ``worth`` that is a dict go by year, by scenario
    or by (year, scenario). A budget of None is all the money there is. ``distances`` are offers of
    another plan and how many sites must differ; a station nobody could use is no difference.
    """

    demand: pd.DataFrame
    offers: pd.DataFrame
    reach: pd.DataFrame
    budget: float | None = 6.0
    model: str = "capacitated"
    budgets: Mapping[int, float] | None = None
    carry_over: bool = False
    upgrades: bool = False
    discount_rate: float = 0.0
    last_period_years: int = 1
    scenarios: Mapping[str, float] | None = None
    demand_of: Mapping[Any, pd.Series] | None = None
    worth: Any = None
    worth_unit: str = "people"
    decay: tuple | None = None  # ("exponential", scale), ("gaussian", sigma), ("step", {min: f}), …
    floors: tuple[Shares, ...] = ()
    limits: tuple[Scarce, ...] = ()
    required: tuple[str, ...] = ()
    distances: tuple[tuple[tuple[str, ...], int], ...] = ()
    # Margin by class (PKR), the most that is paid: a share of the cost, or PKR by offer, and the
    # share of its sales at which a station must break even; the concession of sites in one.
    gap: tuple[Mapping[str, float], Any, float, Mapping[str, str]] | None = None
    aims: tuple[tuple, ...] = (("most_worth",),)
    compatibility: pd.DataFrame = field(default_factory=lambda: COMPATIBILITY)

    def slice_keys(self):
        """Return the slices as keys of ``demand_of``: (key, year position, scenario position)."""
        years, names = list(self.budgets or [None]), list(self.scenarios or [None])
        for (t, year), (k, name) in itertools.product(enumerate(years), enumerate(names)):
            both = year is not None and name is not None
            yield ((year, name) if both else name if year is None else year), t, k


def groups_of(asked, of):
    """Return the demand ids of every group of a partition, by its name."""
    table = asked.demand
    if of is None:
        return {"city": set(table["demand_id"])}
    if isinstance(of, str):
        return {k: set(g["demand_id"]) for k, g in table.groupby("vehicle_class")}
    out = {}
    for name, zone in of.items():
        if isinstance(zone, str) and zone:
            out.setdefault(zone, set()).add(name)
    return out


def nearness(decay, minutes):
    """Return what a kWh counts after a drive, 0 to 1."""
    if decay is None:
        return 1.0
    kind, *rest = decay
    if kind == "exponential":
        return math.exp(-minutes / rest[0])
    if kind == "gaussian":
        return math.exp(-(minutes**2) / (2 * rest[0] ** 2))
    if kind == "step":
        return rest[0][max(m for m in rest[0] if m <= minutes)]
    full, end, least = rest
    return 1 - (1 - least) * min(max((minutes - full) / (end - full), 0.0), 1.0)


class Plans:
    """One town, what can stand at its sites, and the plans that what is scarce allows."""

    def __init__(self, asked):
        self.asked = asked
        self.slices = list(asked.slice_keys())
        self.years = len(asked.budgets or [None])
        self.chance = list((asked.scenarios or {None: 1.0}).values())
        self.weight = self.weights()
        table = asked.demand.set_index("demand_id")
        self.kwh = [
            (table["demand_kwh_day"] if asked.demand_of is None else asked.demand_of[key]).to_dict()
            for key, _, _ in self.slices
        ]
        self.cell, self.kind = table["cell_id"].to_dict(), table["vehicle_class"].to_dict()
        self.offers = asked.offers.set_index("offer_id").to_dict("index")
        self.at = self.open_offers()

    def weights(self):
        asked = self.asked
        if not asked.budgets:
            return [1.0]
        years = list(asked.budgets)
        ends = [*years[1:], years[-1] + asked.last_period_years]
        return [
            (b - a) * (1 + asked.discount_rate) ** -(a - years[0])
            for a, b in zip(years, ends, strict=True)
        ]

    # --- what can stand ----------------------------------------------------------------------

    def capacity(self, offer, group):
        return self.offers[offer][f"capacity_{group}_kwh_day"]

    def draws(self, offer):
        """Return the public money an offer draws; nothing by itself under the viability gap."""
        return 0.0 if offer is None or self.asked.gap else self.offers[offer]["subsidy_pkr"]

    @cached_property
    def plugs(self):
        """Return (demand id, site, minutes, group) of all that could ever plug in."""
        asked = self.asked
        uses = asked.compatibility.groupby("vehicle_class")["charger_group"].apply(list).to_dict()
        near = {}
        for cell, site, minutes in asked.reach[["cell_id", "site_id", "travel_min"]].itertuples(
            index=False
        ):
            near.setdefault(cell, []).append((site, minutes))
        return [
            (i, site, minutes, group)
            for i in self.cell
            for site, minutes in near.get(self.cell[i], [])
            for group in uses.get(self.kind[i], [])
        ]

    def open_offers(self):
        """Return the offers that can stand at each site, the standing one first."""
        asked = self.asked
        used = {
            (site, group) for i, site, _, group in self.plugs if max(kwh[i] for kwh in self.kwh) > 0
        }
        counted = {o for s in asked.limits if s.at_least > 0 for o, u in s.use.items() if u > 0}
        out = {}
        for o, row in sorted(self.offers.items(), key=lambda item: not item[1]["existing"]):
            site = row["site_id"]
            if row["reason"]:
                continue
            stands = site in out and self.offers[out[site][0]]["existing"]
            if stands and not row.get("extends", False):
                continue
            useful = any((site, g) in used and self.capacity(o, g) > 0 for g in GROUPS)
            if useful or row["existing"] or stands or site in asked.required or o in counted:
                out.setdefault(site, []).append(o)
        return out

    def courses(self, site):
        """Return what can stand at a site in each year: courses that close nothing."""
        stands = self.offers[self.at[site][0]]["existing"]
        must = stands or site in self.asked.required
        out = []
        for course in itertools.product([None, *self.at[site]], repeat=self.years):
            if course[-1] is None and must:
                continue
            if stands and course[0] is None:
                continue
            if all(self.becomes(a, b) for a, b in itertools.pairwise(course)):
                out.append(course)
        return out

    def becomes(self, before, after):
        if before is None or before == after:
            return True
        if after is None or self.offers[after]["existing"]:
            return False
        if self.offers[before]["existing"]:
            return True
        bigger = all(self.capacity(after, g) >= self.capacity(before, g) for g in GROUPS)
        return self.asked.upgrades and bigger and self.draws(after) >= self.draws(before)

    def plans(self):
        """Yield every plan that what is scarce allows, as {site: course}."""
        asked = self.asked
        if not set(asked.required) <= set(self.at):
            return
        for pick in itertools.product(*(self.courses(site) for site in self.at)):
            plan = dict(zip(self.at, pick, strict=True))
            if self.affordable(plan) and self.within(plan) and self.apart(plan):
                yield plan

    def affordable(self, plan):
        asked = self.asked
        if asked.gap or (asked.budgets is None and asked.budget is None):
            return True
        if asked.budgets is None:
            return sum(self.draws(c[-1]) for c in plan.values()) <= asked.budget + 1e-9
        left = 0.0
        for t, money in enumerate(asked.budgets.values()):
            left = money + (left if asked.carry_over else 0.0)
            for course in plan.values():
                left -= self.draws(course[t]) - (self.draws(course[t - 1]) if t else 0.0)
            if left < -1e-9:
                return False
        return True

    def within(self, plan):
        for one in self.asked.limits:
            if one.per_rupee and self.asked.gap:
                continue  # over what is paid: rows of the linear program
            for t in range(self.years):
                used = sum(
                    one.use.get(c[t], 0.0) * (self.draws(c[t]) if one.per_rupee else 1.0)
                    for c in plan.values()
                )
                last = t == self.years - 1
                if used > one.at_most + 1e-9 or (last and used < one.at_least - 1e-9):
                    return False
        return True

    def apart(self, plan):
        mine = {site for site, course in plan.items() if course[-1] is not None}
        return all(
            len(mine ^ {self.offers[o]["site_id"] for o in other}) >= sites
            for other, sites in self.asked.distances
        )


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


def arcs_of(demand, offers, reach):
    """Return one row per demand row and charger group of an offer that can serve it."""
    long = offers.melt(
        id_vars=["site_id", "offer_id"],
        value_vars=[f"capacity_{g}_kwh_day" for g in GROUPS],
        value_name="q",
    )
    long["charger_group"] = long["variable"].str[len("capacity_") : -len("_kwh_day")]
    return (
        demand.merge(reach, on="cell_id")
        .merge(COMPATIBILITY, on="vehicle_class")
        .merge(long[long["q"] > 0], on=["site_id", "charger_group"])
    )


class Serving:
    """What any choice of offers serves: by covering, or by a transport problem of its own."""

    def __init__(self, demand, offers, reach):
        arcs = arcs_of(demand, offers, reach)
        self.arc_offer = arcs["offer_id"].to_numpy(object)
        self.arc_row = pd.factorize(arcs["demand_id"])[0]
        self.arc_node = pd.factorize(arcs["offer_id"] + "/" + arcs["charger_group"])[0]
        self.wanted = arcs["demand_kwh_day"].to_numpy(float)
        self.room = arcs["q"].to_numpy(float)

    def __call__(self, chosen, capacitated):
        """Return the energy some offers serve, kWh/day."""
        of = np.isin(self.arc_offer, np.array(list(chosen), dtype=object))
        if not of.any():
            return 0.0
        rows, first = np.unique(self.arc_row[of], return_index=True)
        wanted = self.wanted[of][first]
        if not capacitated:
            return float(wanted.sum())
        nodes, first = np.unique(self.arc_node[of], return_index=True)
        room = self.room[of][first]
        row = np.searchsorted(rows, self.arc_row[of])
        node = np.searchsorted(nodes, self.arc_node[of])
        whole = all((x == np.rint(x)).all() for x in (wanted, room))
        return (largest_flow if whole else largest_flow_by_lp)(row, node, wanted, room)


def largest_flow(row, node, wanted, room):
    """Return the largest flow of whole numbers from demand rows to charger nodes."""
    n, m = len(wanted), len(room)
    tail = np.concatenate([np.zeros(n, int), row + 1, np.arange(m) + n + 1])
    head = np.concatenate([np.arange(n) + 1, node + n + 1, np.full(m, n + m + 1)])
    most = np.concatenate([wanted, wanted[row], room]).astype(np.int32)
    graph = csr_array((most, (tail, head)), shape=(n + m + 2, n + m + 2))
    return float(maximum_flow(graph, 0, n + m + 1).flow_value)


def largest_flow_by_lp(row, node, wanted, room):
    """Return the largest flow from demand rows to charger nodes, by a linear program."""
    matrix = np.zeros((len(wanted) + len(room), len(row)))
    matrix[row, np.arange(len(row))] = 1
    matrix[len(wanted) + node, np.arange(len(row))] = 1
    return -float(linprog(-np.ones(len(row)), A_ub=matrix, b_ub=np.r_[wanted, room]).fun)


def served(demand, offers, reach, chosen, capacitated):
    """Return the energy some offers serve, kWh/day."""
    return Serving(demand, offers, reach)(chosen, capacitated)


def best_by_flow(demand, offers, reach, budget, capacitated):
    """Return the energy, subsidy, cost, sum of id ranks and ids of the first plan of all.

    The order is that of the program: most energy, least subsidy, least cost, lowest ids.
    """
    open_ = offers[offers["reason"] == ""].sort_values("offer_id")
    rank = {name: i for i, name in enumerate(open_["offer_id"], 1)}
    row = open_.set_index("offer_id").to_dict("index")
    energy_of = Serving(demand, offers, reach)
    found = []
    for plan in Plans(Asked(demand, offers, reach, budget)).plans():
        ids = sorted(course[0] for course in plan.values() if course[0] is not None)
        new = [name for name in ids if not row[name]["existing"]]
        subsidy, cost = (sum(row[n][of] for n in new) for of in ("subsidy_pkr", "cost_pkr"))
        energy = round(energy_of(ids, capacitated), 6)
        found.append((-energy, subsidy, cost, sum(rank[n] for n in new), ids))
    first = min(found)
    return -first[0], *first[1:4], [f[4] for f in found if f[:4] == first[:4]]


def best_division(plans, pots, more=()):
    """Return the most energy of cities that share money, by trying every choice of a plan each.

    `plans`: money by year and energy of each plan, by city; `pots`: `siting.nation.division_bound`;
    `more`: what may be granted beyond that, each a dict of money by year by city.
    """
    best = -math.inf
    for choice in itertools.product(*(range(len(energy)) for _, energy in plans.values())):
        own = dict(zip(plans, choice, strict=True))
        energy = sum(plans[n][1][k] for n, k in own.items())
        for extra in ({}, *more) if energy > best else ():
            granted = {n: plans[n][0][k] + np.array(extra.get(n, 0.0)) for n, k in own.items()}
            of = [sum(granted[n][t] for n in pot.cities for t in pot.years) for pot in pots]
            if all(p.at_least <= money <= p.at_most for p, money in zip(pots, of, strict=True)):
                best = energy
                break
    return best


def plain_town(seed, sites=6, demands=7, density=0.7, existing=False, whole_numbers=True):
    """Return demand, candidates and reach; small whole numbers, so that ties occur."""
    rng = np.random.default_rng(seed)
    draw = (
        rng.integers if whole_numbers else lambda low, high, size=None: rng.uniform(low, high, size)
    )
    demand = pd.DataFrame(
        [(f"d{i}", float(draw(0, 6))) for i in range(demands)], columns=["demand_id", "weight"]
    )
    candidates = pd.DataFrame(
        [
            (f"s{j}", float(draw(1, 9)), float(draw(4, 16)), existing and j == 3)
            for j in range(sites)
        ],
        columns=["site_id", "fixed_cost", "capacity", "existing"],
    )
    reach = pd.DataFrame(
        [
            (f"d{i}", f"s{j}", float(draw(0, 10)))
            for i in range(demands)
            for j in range(sites)
            if rng.random() < density or j == i % sites
        ],
        columns=["demand_id", "site_id", "cost"],
    )
    return demand, candidates, reach


def dense(tables):
    """Return weights, and costs as a matrix of demands times sites; infinite out of reach."""
    demand, candidates, reach = tables
    cost = np.full((len(demand), len(candidates)), np.inf)
    row = demand.set_index("demand_id").index.get_indexer(reach["demand_id"])
    column = candidates.set_index("site_id").index.get_indexer(reach["site_id"])
    cost[row, column] = reach["cost"]
    weight = demand["weight"].to_numpy()
    return weight[weight > 0], cost[weight > 0]


def value_of_sites(model, tables, chosen, radius=None):
    """Return what a set of sites is worth to a model: infinite where it serves not all."""
    weight, cost = dense(tables)
    sites = tables[1]
    own = np.flatnonzero(sites["site_id"].isin(chosen))
    nearest = cost[:, own].min(axis=1, initial=np.inf)
    covered = nearest <= (np.inf if radius is None else radius)
    if model == "mclp":
        return -float(weight[covered].sum())
    if not (covered & np.isfinite(nearest)).all():
        return np.inf
    if model == "lscp":
        return float(len(own))
    if model == "p_center":
        return float(nearest.max())
    service = float(weight @ nearest)
    if model == "p_median":
        return service
    fixed = float(sites["fixed_cost"].to_numpy()[own].sum())
    if model == "facility_location":
        return fixed + service
    row, column = np.nonzero(np.isfinite(cost[:, own]))
    serve, room = np.zeros((len(weight), len(row))), np.zeros((len(own), len(row)))
    serve[row, np.arange(len(row))] = 1
    room[column, np.arange(len(row))] = weight[row]
    limit = sites["capacity"].to_numpy()[own]
    if limit.sum() < weight.sum():
        return np.inf
    answer = linprog(
        weight[row] * cost[row, own[column]],
        A_ub=room,
        b_ub=limit,
        A_eq=serve,
        b_eq=np.ones(len(weight)),
    )
    return fixed + float(answer.fun) if answer.status == 0 else np.inf


def best_sites(model, tables, p=None, radius=None):
    """Return the least value over all sets of sites with the existing ones, p at most."""
    candidates = tables[1]
    standing = tuple(candidates.loc[candidates["existing"], "site_id"])
    others = [name for name in candidates["site_id"] if name not in standing]
    most = len(candidates) if p is None else p
    return min(
        value_of_sites(model, tables, (*standing, *more), radius)
        for n in range(max(most - len(standing), 0) + 1)
        for more in itertools.combinations(others, n)
    )
