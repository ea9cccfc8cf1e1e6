"""A bound on the value of any plan, proven again from the tables and dual prices alone.

At any prices of demand, money and limits, the worth of every plan is at most the value of all
resources plus the largest contribution of each site (weak duality)::

    sum of p_i d_i  +  sum of m_r limit_r  -  sum of f_g share_g D_g
      +  sum over sites of the maximum over the site's offers of  (intake  -  value of limits used)

Here ``p_i``, ``m_r`` and ``f_g`` are the prices of demand row ``i``, limit ``r`` and floor ``g``,
``d_i`` and ``D_g`` are demands, and ``v_ij`` is the worth of a kWh of row ``i`` served at site
``j``. The ``intake`` is the most that a station could earn if it were the only station. It earns
``v_ij + f_g - p_i`` per kWh of row ``i``, within the capacities of its chargers and the demand of
each row. The energy that a station can serve in a set of rows is a minimum over sets ``U`` of
charger groups: the capacity of ``U`` plus the demand of the rows that can also use a group outside
``U`` (Hall). The intake is the integral of this energy over the worth per kWh (Edmonds).

If the subsidy covers the viability gap, the gap of each site has a price ``tau``. With ``c`` as the
price of public money, a kWh earns ``tau x margin`` more. The station earns ``tau x need`` less, and
``max(0, tau - c) x (largest payment)`` more. Several values of ``tau`` are tried, and each offer
uses the value that gives the tightest bound. If the plan has several years, a station contributes
over its whole course, upgrades included.

Prices that are not optimal give a weaker bound, but never an invalid one. For small towns, the sums
are exact fractions. For larger towns, the largest possible rounding error is added.

Sources: H. Everett: Generalized Lagrange multiplier method for solving problems of optimum
allocation of resources. Operations Research 11 (1963), 399-417. J. Edmonds: Submodular functions,
matroids, and certain polyhedra. Combinatorial Structures and their Applications (1970), 69-87.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.errors import Fault, naming, refuse
from siting.verify.account import Account, Aim
from siting.verify.book import Book

COLUMNS = ("row", "name", "slice", "price")
# Kinds of rows in the table of prices. A `BOUND` row has the run's stated bound, not a price.
ROWS = ("demand", "resource", "money", "floor", "gap")
BOUND = "bound"
PROVABLE = ("most_worth", "net_worth", "least_money")
# Sums are exact if all slices together have at most this many pairs (demand row, site in reach).
EXACT_PAIRS = 5_000
# Further prices that are tried for a site's viability gap, as shares of the price of public
# money, because the price that a run stores is the best for only one offer of the site. Measured
# (embedded city, 64 sockets): steps of 0.5 prove a bound of 18,169 kWh/day; steps of 0.1 prove a
# bound of 13,770 kWh/day, which is the bound of the run.
GAP_PRICES = tuple(n / 10 for n in range(11))
EPSILON = 2.0**-52
# An offer may exceed the budget or a limit by this share before it is ruled out.
ROUNDING = 1e-6


Numbers = npt.NDArray[Any]  # fractions, or floating point


@dataclass(frozen=True)
class Certified:
    """A bound in the aim's unit, and whether it was computed without rounding."""

    bound: float
    exact: bool


def certified(account: Account, prices: pd.DataFrame) -> Certified:
    """Return the bound on a plan's first aim that these dual prices prove.

    `account` contains the tables of a plan; only its input tables are read. `prices` has the
    columns ``row``, ``name``, ``slice`` and ``price`` (in the aim's unit). ``row`` is the kind of
    price:

    - ``demand``: the price of a kWh/day of the ``demand_id`` in ``name``, in a slice;
    - ``resource``: the price of a unit of the resource in ``name``; below 0 for a lower limit;
    - ``money``: the price of a PKR in the year in ``slice``, which is blank without years;
    - ``floor``: the price of a kWh/day of the floor in ``name``, in a slice;
    - ``gap``: the price of a PKR of the viability gap of the site in ``name``, in the year in
      ``slice``.

    A missing price is 0. Raises `InputError` if prices cannot bound the first aim, or the table is
    invalid.
    """
    aim = account.aims[0]
    faults = []
    if aim.kind not in PROVABLE:
        what = f"prices cannot bound the aim {aim.kind!r}"
        faults.append(Fault("certificate", what, f"they can bound {', '.join(PROVABLE)}"))
    if missing := [column for column in COLUMNS if column not in prices.columns]:
        refuse(faults + naming("certificate", "columns missing", missing))
    bad = ~np.isfinite(pd.to_numeric(prices["price"], errors="coerce").to_numpy(float))
    bad |= ~prices["row"].isin([*ROWS, BOUND]).to_numpy()
    refuse(faults + naming("certificate", "no prices", prices.loc[bad, "name"]))
    return _Bound(Book(account), aim, prices).found()


class _Bound:
    """The computation of a bound from one plan's tables at given prices."""

    def __init__(self, book: Book, aim: Aim, prices: pd.DataFrame) -> None:
        self.book, self.aim, self.account = book, aim, book.account
        self.price: dict[str, dict[tuple[str, str], float]] = {kind: {} for kind in (*ROWS, BOUND)}
        for kind, name, when, price in prices[list(COLUMNS)].itertuples(index=False, name=None):
            self.price[kind][str(name), str(when)] = float(price)
        self.names = book.slices["slice"].tolist()
        self.year_of = dict(zip(self.names, book.slices["year"], strict=True))
        near = book.reach[book.reach["travel_min"] <= self.account.cutoff_min]
        rows = [book.demand[book.demand["slice"] == s].reset_index(drop=True) for s in self.names]
        self.demand = [part.sort_values("cell_id", kind="stable") for part in rows]
        pairs = sum(
            int(near["cell_id"].map(part["cell_id"].value_counts()).fillna(0).sum())
            for part in self.demand
        )
        self.exact = pairs <= EXACT_PAIRS
        decay = self.account.decay
        factor = np.ones(len(near)) if decay is None else decay.factor(near["travel_min"])
        # The cells in reach of each site, with the decay factor of the drive time.
        self.near: dict[str, list[tuple[Any, float]]] = {}
        for site, cell, f in zip(near["site_id"], near["cell_id"], factor.tolist(), strict=True):
            self.near.setdefault(str(site), []).append((cell, f))
        # The rounding error grows with the sum of absolute values and with the number of terms.
        self.size, self.longest = 0.0, pairs + len(book.offers) + len(prices)
        classes = sorted(set(book.plugs["vehicle_class"]) | set(book.demand["vehicle_class"]))
        self.class_at = {name: k for k, name in enumerate(classes)}
        self.sets = _Sets(book.plugs, book.groups, classes)

    def numbers(self, values: Any) -> Numbers:
        """Convert values to fractions (for a small town) or to floating point, to sum them."""
        plain = np.asarray(values, dtype=float)
        if not self.exact:
            return plain
        out = np.array([Fraction(v) for v in plain.ravel().tolist()], dtype=object)
        return out.reshape(plain.shape)

    def _price(self, kind: str, name: str, when: str) -> float:
        """Return the price of a constraint row; a missing or negative price counts as 0."""
        return max(self.price[kind].get((name, when), 0.0), 0.0)

    def found(self) -> Certified:
        self._slices()
        parts = [self._demand(), self._floors(), *self._sides(), *self._sites()]
        if self.exact:
            bound = math.nextafter(float(sum(parts, start=Fraction(0))), math.inf)
        else:
            bound = math.fsum(parts) + 8 * EPSILON * (self.longest + 100) * self.size
        return Certified(-bound if self.aim.kind == "least_money" else bound, self.exact)

    def _slices(self) -> None:
        """Convert the demand of each slice to arrays, with the rows ordered by cell."""
        counted: dict[str, list[str]] = {}
        for floor, row in self.book.members[["floor", "demand_id"]].itertuples(index=False):
            counted.setdefault(str(row), []).append(str(floor))
        keys = self.book.floors[["floor", "slice"]].astype(str)
        promised = set(keys.itertuples(index=False, name=None))
        aimed = 0.0 if self.aim.kind == "least_money" else 1.0
        gap = self.account.gap
        margin = dict.fromkeys(self.class_at, 0.0) if gap is None else gap.counted_pkr
        self.arrays = []
        rows = self.book.slices.set_index("slice")
        for name, part in zip(self.names, self.demand, strict=True):
            ids = part["demand_id"].astype(str).tolist()
            chance = float(rows["probability"][name])
            counts = aimed * float(rows["weight"][name]) * chance
            earned = part["vehicle_class"].map(margin)
            groups = [[g for g in counted.get(i, ()) if (g, name) in promised] for i in ids]
            floor = [math.fsum(self._price("floor", g, name) for g in mine) for mine in groups]
            self.arrays.append(
                {
                    "kwh": self.numbers(part["demand_kwh_day"]),
                    "worth": self.numbers(self.book.per_kwh(part)) * self.numbers([counts]),
                    "price": self.numbers([self._price("demand", i, name) for i in ids]),
                    "floor": self.numbers(floor),
                    "class": part["vehicle_class"].map(self.class_at).to_numpy(int),
                    "margin": self.numbers(earned.to_numpy(float) * chance),
                    "at": part.groupby("cell_id").indices,
                }
            )

    def _demand(self) -> Any:
        total = sum((a["price"] @ a["kwh"] for a in self.arrays), start=self.numbers([0.0])[0])
        self.size += float(total)
        return total

    def _floors(self) -> Any:
        """Return the floors' term: `-(required energy x price)`, summed over the floors."""
        total, members = self.numbers([0.0])[0], self.book.members
        floors = self.book.floors[["floor", "slice", "share"]]
        for floor, when, share in floors.itertuples(index=False, name=None):
            price = self._price("floor", str(floor), str(when))
            mine = set(members.loc[members["floor"].astype(str) == str(floor), "demand_id"])
            at = self.names.index(str(when))
            part = self.demand[at]
            wanted = self.arrays[at]["kwh"][part["demand_id"].isin(mine).to_numpy()].sum()
            by, of = self.numbers([price, share])
            total -= by * of * wanted
        self.size += abs(float(total))
        return total

    def _sides(self) -> list[Any]:
        """Return each budget and limit, multiplied by its price."""
        pairs = []
        before = self.numbers([0.0])[0]
        for year in self.book.years:
            pkr = self.book.granted_pkr(year)
            if math.isfinite(pkr):
                by, side = self.numbers([self._money_price(year), pkr])
                before = before + side if self.account.carry_over else side
                pairs.append(by * before)
        for row in self.book.resources.to_dict("records"):
            if price := self._resource_price(row):
                by, side = self.numbers([price, row["at_most" if price > 0 else "at_least"]])
                pairs.append(by * side)
        self.size += math.fsum(abs(float(one)) for one in pairs)
        return pairs

    def _money_price(self, year: Any) -> float:
        one = len(self.book.years) == 1 and not isinstance(self.account.budget_pkr, Mapping)
        price = self._price("money", "", "" if one else str(year))
        return price if math.isfinite(self.book.granted_pkr(year)) else 0.0

    def _resource_price(self, row: Mapping[Hashable, Any]) -> float:
        """Return the price of a limit; 0 if the bound (upper or lower) that it prices is infinite.

        A price above 0 refers to the upper bound, and a price below 0 to the lower bound.
        """
        price = self.price["resource"].get((str(row["resource"]), ""), 0.0)
        return price if math.isfinite(float(row["at_most" if price > 0 else "at_least"])) else 0.0

    def _sites(self) -> list[Any]:
        """Return the largest contribution of each site to any plan."""
        book, a = self.book, self.account
        forbidden = book.offers["site_id"].isin([*a.forbidden_sites])
        allowed = (book.offers["reason"] == "") & ~forbidden & ~self._alone_too_much()
        offers = book.offers[allowed | book.offers["existing"]].reset_index(drop=True)
        self._read(offers)
        standing, required = set(book.kept), set(map(str, a.required_sites))
        out = []
        for site, positions in offers.groupby("site_id", sort=True).indices.items():
            at = np.asarray(positions)
            begins = self._courses(at, self._by_year(str(site), at))
            begun = begins[:1] if site in standing else begins
            best = max((one for row in begun for one in row), default=0)
            out.append(best if site in standing or site in required else max(best, 0))
            self.size += abs(float(out[-1]))
        return out

    def _read(self, offers: pd.DataFrame) -> None:
        """Convert the offers' cost, subsidy, capacity and use of limits to arrays."""
        gap = self.account.gap
        self.stands = offers["existing"].to_numpy(bool)
        self.able = self.numbers(offers[self.book.capacity_columns])
        self.cost, self.drawn = (self.numbers(offers[c]) for c in ("cost_pkr", "subsidy_pkr"))
        most = offers["offer_id"].map({} if gap is None else dict(gap.cap)).astype(float)
        self.cap = np.minimum(self.numbers(most.fillna(0.0)), self.cost)
        self.each, self.rupee = self._uses(offers)

    def _alone_too_much(self) -> pd.Series:
        """Return, for each offer, whether it exceeds the budget or a limit even if built alone."""
        book, offers = self.book, self.book.offers
        pkr = sum(book.granted_pkr(year) for year in book.years)
        drawn = 0.0 if self.account.gap is not None else offers["subsidy_pkr"].astype(float)
        over = pd.Series(drawn > pkr * (1 + ROUNDING), index=offers.index)
        limits, use = book.resources, book.use
        plain = limits[~limits["per_rupee"]]
        most = use["resource"].map(plain.set_index("resource")["at_most"]).astype(float)
        much = use["use"] > most * (1 + ROUNDING)
        return over | offers["offer_id"].isin(use.loc[much, "offer_id"])

    def _uses(self, offers: pd.DataFrame) -> tuple[Numbers, Numbers]:
        """Return the value of the limits that each offer uses, at the certificate's prices.

        The value has a fixed part, and a part per rupee of public money.
        """
        each, rupee = self.numbers(np.zeros(len(offers))), self.numbers(np.zeros(len(offers)))
        use = self.book.use
        for row in self.book.resources.to_dict("records"):
            if not (price := self._resource_price(row)):
                continue
            mine = use[use["resource"] == row["resource"]].set_index("offer_id")["use"]
            priced = self.numbers(offers["offer_id"].map(mine).fillna(0.0)) * self.numbers([price])
            each, rupee = (each, rupee + priced) if row["per_rupee"] else (each + priced, rupee)
        return each, rupee

    def _by_year(self, site: str, at: Numbers) -> Numbers:
        """Return the contributions of a site's offers: one row per year, one column per offer."""
        years = self.book.years
        price = self.numbers([self._money_price(year) for year in years] + [0.0])
        given = 1.0 if self.aim.kind == "least_money" else self.aim.least_gain
        gains = [given[y] if isinstance(given, Mapping) else given for y in years]
        must = self.numbers([*gains, 0.0])
        zero = self.numbers([0.0])[0]
        of_cost = self.aim.of == "cost_pkr"
        none = self.cost[at] * zero
        out = []
        for t, year in enumerate(years):
            # Payments are cumulative, so a year's sum costs its price minus the next year's price.
            # With carry-over, the budgets and their prices are cumulative too.
            c = none + (price[t] if self.account.carry_over else price[t] - price[t + 1])
            gain = must[t] - must[t + 1]
            c = c + (zero if of_cost else gain)
            fixed = none + (self.cost[at] * gain if of_cost else zero)
            if t == len(years) - 1:
                c, fixed = c + self.rupee[at], fixed + self.each[at]
            if self.account.gap is None:
                sizes = np.abs(c * self.drawn[at])
                earned = self._intake(site, at, year, zero) - c * self.drawn[at]
                lacking = np.zeros(len(at), dtype=bool)
            else:
                earned, sizes = self._with_gap(site, at, year, c)
                # An offer is impossible if its shortfall exceeds its cap even at full sales.
                short = self.cost[at] - self.cap[at] - self._intake(site, at, year, None)
                lacking = (short > ROUNDING * self.cost[at]) & ~self.stands[at]
                # In a concession, other stations may cover the shortfall.
                lacking &= site not in self.book.concession
            self.size += float((np.abs(earned) + 2 * sizes + np.abs(fixed)).max(initial=0))
            out.append(np.where(np.asarray(lacking, dtype=bool), -math.inf, earned - fixed))
        return np.array(out)

    def _with_gap(self, site: str, at: Numbers, year: Any, c: Numbers) -> tuple[Numbers, Numbers]:
        """Return a bound on each offer's earnings, and the scale of the rounding error."""
        when = str(year) if (site, str(year)) in self.price["gap"] else ""
        site_price = self._price("gap", site, when)
        top = max(float(c.max(initial=0)), 0.0)
        tried = {site_price, *(share * top for share in GAP_PRICES)}
        if (name := self.book.concession.get(site)) is not None:
            # A concession is one business case, so all its sites must have the same price.
            mine = [s for s, of in self.book.concession.items() if of == name]
            tried = {max(self.price["gap"].get((s, when), 0.0) for s in mine)}
        earnings = []
        for tau in self.numbers(sorted(tried)):
            owed, paid = tau * self.cost[at], np.maximum(tau - c, 0) * self.cap[at]
            earnings.append((self._intake(site, at, year, tau) - owed + paid, owed + paid))
        best = np.array([earned for earned, _ in earnings]).min(axis=0)
        return best, np.array([size for _, size in earnings]).max(axis=0)

    def _intake(self, site: str, at: Numbers, year: Any, tau: Any) -> Numbers:
        """Return each offer's largest yearly earnings if built alone; margins if `tau` is None."""
        out = self.numbers(np.zeros(len(at)))
        near = self.near.get(site)
        if near is None:
            return out
        for name, rows in zip(self.names, self.arrays, strict=True):
            near_rows = [(rows["at"][cell], f) for cell, f in near if cell in rows["at"]]
            if self.year_of[name] != year or not near_rows:
                continue
            row = np.concatenate([cell_rows for cell_rows, _ in near_rows])
            if tau is None:
                value = rows["margin"][row]
            else:
                counts = self.numbers(
                    np.repeat([f for _, f in near_rows], [len(r) for r, _ in near_rows])
                )
                gains = rows["worth"][row] * counts + rows["floor"][row] + rows["margin"][row] * tau
                # In floating point, every value is rounded up, so that the bound stays valid.
                value = (gains if self.exact else gains * (1 + 8 * EPSILON)) - rows["price"][row]
                value = value if self.exact else np.nextafter(value, np.inf)
            most = self.sets.most(
                value, rows["kwh"][row], rows["class"][row], self.able[at],
                endless=self.account.model == "coverage",
            )  # fmt: skip
            out = out + most
        return out

    def _courses(self, at: Numbers, value: Numbers) -> Numbers:
        """Return the largest contribution from each year (row) onwards, for each offer (column)."""
        size, pkr, stands = self.able[at], self.drawn[at], self.stands[at]
        bigger = np.asarray((size[:, None, :] <= size[None, :, :]).all(axis=2), dtype=bool)
        if self.account.gap is None:
            bigger &= np.asarray(pkr[:, None] <= pkr[None, :], dtype=bool)
        bigger &= self.account.upgrades
        bigger[stands] = True
        bigger[:, stands] = False
        np.fill_diagonal(bigger, val=True)
        out = value.copy()
        for t in range(len(value) - 2, -1, -1):
            for n in range(len(at)):
                out[t, n] = value[t, n] + out[t + 1][bigger[n]].max()
        return out


class _Sets:
    """Sets of charger groups that may limit a station: unions of the sets that classes can use."""

    def __init__(self, plugs: pd.DataFrame, groups: Sequence[str], classes: Sequence[str]) -> None:
        """Make the sets of a table of plugs, without groups that no offer has."""
        at = {group: n for n, group in enumerate(groups)}
        able: dict[str, set[int]] = {name: set() for name in classes}
        for group, name in plugs[["charger_group", "vehicle_class"]].itertuples(index=False):
            if group in at:
                able[name].add(at[group])
        unions = {frozenset[int]()}
        for fitting in able.values():
            unions |= {union | fitting for union in unions}
        sets = sorted(unions, key=sorted)
        inside = np.array([[g in u for g in range(len(groups))] for u in sets], dtype=np.int64)
        # Both arrays have one row per set. `inside` has a column per group: whether the group is in
        # the set. `beside` has a column per class: whether it can use a group outside the set.
        self.inside = inside.reshape(len(sets), len(groups))
        self.beside = np.array([[not able[c] <= u for c in classes] for u in sets], dtype=np.int64)

    def most(
        self, value: Numbers, kwh: Numbers, kind: Numbers, able: Numbers, *, endless: bool
    ) -> Numbers:
        """Return the largest total value of the energy that each offer can serve on its own.

        `value`, `kwh` and `kind` are the value of a kWh, the demand (kWh/day) and the class of each
        row. `able` is the capacity by offer and group (kWh/day). `endless` states whether every
        capacity above 0 is unlimited.
        """
        keep = np.flatnonzero((value > 0) & (kwh > 0))
        order = keep[np.argsort(-value[keep], kind="stable")]
        value, kwh, kind = value[order], kwh[order], kind[order]
        none: Numbers = able[:, :1].sum(axis=1) * 0
        if not len(order):
            return none
        if endless:
            able = np.where(able > 0, kwh.sum(), able * 0)
        load = np.zeros((len(order), self.beside.shape[1]), dtype=kwh.dtype)
        load[np.arange(len(order)), kind] = kwh
        within = np.cumsum(load, axis=0) @ self.beside.T
        rank = ((able @ self.inside.T)[:, None, :] + within[None, :, :]).min(axis=2)
        worth: Numbers = rank @ (value - np.append(value[1:], value[:1] * 0))
        return worth
