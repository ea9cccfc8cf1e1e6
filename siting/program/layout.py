"""The columns of a program, and the constraint rows shared by all aims."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from siting.program.floors import Floor
from siting.program.instance import Floats, Instance, Ints
from siting.program.money import GapRule, MoneyKind, caps_of, cases_of, is_shared
from siting.program.options import Options
from siting.program.resources import Resources
from siting.program.rows import Columns, Rows, Term
from siting.program.service import Service, capacity_sets
from siting.program.slices import Slice, Years, by_scenario


@dataclass(eq=False)
class Layout:
    """The columns of one program, and all its constraint rows except those that aims add."""

    instance: Instance
    slices: tuple[Slice, ...]
    demand_kwh: Floats
    options: Options
    resources: Resources
    service: Service
    floors: tuple[Floor, ...]
    capacitated: bool  # whether capacities limit the energy served
    by_pair: bool  # whether each pair has its own energy column even without capacities
    gap: GapRule | None  # rule of the viability gap; None: offers have fixed subsidies
    years: Years | None
    budget_pkr: float  # infinite: no limit
    all_worth: Floats  # worth of all demand in each slice, in reach or not

    def __post_init__(self) -> None:
        """Add the columns that all aims share."""
        instance, slices, service = self.instance, self.slices, self.service
        self.by_pair |= self.capacitated or service.near
        self.energy_unit = float(service.kwh.max(initial=0.0)) or 1.0
        self.money_unit = max(float(instance.offer_cost.max(initial=0.0)), 1e-12)
        self.columns = Columns(len(self.options))
        # Energy column of each pair (or demand row) in each slice; -1 where demand is 0.
        self.pair_column = np.full((len(service.site), len(slices)), -1, dtype=np.int64)
        for s in range(len(slices)):
            self._add_energies(s)
        self.columns.energies = self.columns.count
        self.subsidy_column = np.zeros((0, 0), dtype=np.int64)
        # For each year, the sites with a viability-gap row, and the index of each site's row.
        self.gap_rows: list[tuple[Ints, Ints]] = []
        if self.gap is not None:
            self._add_subsidies(self.gap)

    def _add_energies(self, s: int) -> None:
        service = self.service
        kwh = service.kwh[:, s] / self.energy_unit
        if not self.by_pair:
            rows = np.flatnonzero(kwh > 0)
            column = np.full(len(kwh), -1, dtype=np.int64)
            column[rows] = self.columns.add(kwh[rows])
            self.pair_column[:, s] = column[service.row]
            return
        pairs = np.flatnonzero(kwh[service.row] > 0)
        upper = kwh[service.row[pairs]]
        if self.capacitated:
            # No pair can use more than the largest capacity at the site for this kind of demand.
            most = np.zeros((len(self.instance.site_ids), len(service.kinds)))
            np.maximum.at(most, self.options.site, self.delivered(s))
            of_pair = most[service.site, service.kind[service.row]]
            upper = np.minimum(upper, of_pair[pairs] / self.energy_unit)
        self.pair_column[pairs, s] = self.columns.add(upper)

    def _add_subsidies(self, rule: GapRule) -> None:
        need = self.instance.offer_cost
        upper = caps_of(self.instance, rule) / self.money_unit
        years = self.options.offer.shape[1]
        self.subsidy_column = np.full((len(need), years), -1, dtype=np.int64)
        used = np.unique(self.options.offer[self.options.offer >= 0])
        paid = used[need[used] > 0]
        for t in range(years):
            self.subsidy_column[paid, t] = self.columns.add(upper[paid])

    def standing(self, s: int) -> Ints:
        """Return the position of the offer that each option has open in a slice; -1 for none."""
        return self.options.offer[:, self.slices[s].year]

    # --- expressions, as columns and values in their own units --------------------------------

    @property
    def probabilities(self) -> Floats:
        """The probability of each scenario."""
        return np.array([s.probability for s in self.slices if s.year == 0])

    def pairs(self, s: int) -> tuple[Ints, Ints]:
        """Return, for each energy column of a slice, its first pair and its position."""
        column = self.pair_column[:, s]
        pairs = np.arange(len(column)) if self.by_pair else self.service.start[:-1]
        pairs = pairs[column[pairs] >= 0]
        return pairs, column[pairs]

    def worth(self, scenario: int | None = None) -> tuple[Ints, Floats]:
        """Return the worth served in a scenario, or its mean over scenarios, weighted by year."""
        service, parts = self.service, []
        for s, slice_ in enumerate(self.slices):
            if scenario in (None, slice_.scenario):
                pairs, column = self.pairs(s)
                weight = slice_.weight * (slice_.probability if scenario is None else 1.0)
                value = weight * service.worth[service.row[pairs], s] * service.factor[pairs]
                parts.append((column, value * self.energy_unit))
        column, value = (np.concatenate(part) for part in zip(*parts, strict=True))
        return column, value

    @cached_property
    def worth_unit(self) -> float:
        """The divisor of worth in aims over scenarios: the maximum of `most_worth_of_scenarios`."""
        return float(self.most_worth_of_scenarios().max(initial=0.0)) or 1.0

    def most_worth_of_scenarios(self) -> Floats:
        """Return the worth of all demand in reach in each scenario, weighted by year."""
        service = self.service
        out = np.zeros(len(self.probabilities))
        for s, slice_ in enumerate(self.slices):
            worth = slice_.weight * service.worth[:, s] * service.kwh[:, s]
            out[slice_.scenario] += float(worth.sum())
        return out

    def wanted_of_scenarios(self) -> Floats:
        """Return the worth of all demand, in reach or not, in each scenario, weighted by year."""
        return by_scenario(self.slices, self.all_worth)

    def drives(self, by_class: Floats | None = None) -> tuple[Ints, Floats]:
        """Return kWh × minutes as columns and coefficients; `by_class` is a weight by class."""
        parts, service = [], self.service
        for s, slice_ in enumerate(self.slices):
            pairs, column = self.pairs(s)
            minutes = slice_.weight * slice_.probability * service.minutes[pairs]
            if by_class is not None:
                minutes *= by_class[service.vehicle_class[service.row[pairs]]]
            parts.append((column, minutes * self.energy_unit))
        column, value = (np.concatenate(part) for part in zip(*parts, strict=True))
        return column, value

    def energy_of(self, floor: Floor, s: int) -> tuple[Ints, Floats]:
        """Return the energy of a slice that a floor counts (kWh/day), as columns and values."""
        pairs, column = self.pairs(s)
        rows = self.service.floor[self.floors.index(floor)]
        keep = rows[self.service.row[pairs]]
        return column[keep], np.full(int(keep.sum()), self.energy_unit)

    def money(self, of: MoneyKind, gains: Floats | None = None) -> tuple[Ints, Floats]:
        """Return public money drawn or total cost (PKR) as columns and coefficients.

        `gains` is the weight of a rupee in each year; 1 by default.
        """
        counts = np.ones(self.options.offer.shape[1]) if gains is None else gains
        if of == "subsidy_pkr" and self.gap is not None:
            column = self._paid_by(-1)
            return column, np.full(len(column), self.money_unit * counts[-1])
        amount = self.instance.offer_subsidy if of == "subsidy_pkr" else self.instance.offer_cost
        # `of_offers` returns the money drawn up to each year. With `counts[t] - counts[t + 1]` as
        # the weight of year t, each rupee has the weight of the year in which it is drawn.
        value = self.options.of_offers(amount) @ -np.diff(counts, append=0.0)
        at = np.flatnonzero(value)
        return at, value[at]

    # --- rows --------------------------------------------------------------------------------

    def write(self, rows: Rows) -> None:
        """Write the constraint rows shared by all aims."""
        self._write_options(rows)
        write_service = self._write_capacity if self.capacitated else self._write_cover
        for s in range(len(self.slices)):
            if self.by_pair:  # otherwise the bounds of the columns already limit the energy
                self._write_demand(rows, s)
            write_service(rows, s)
        if self.gap is not None:
            self._write_gap(rows, self.gap)
        self._write_floors(rows)

    def _write_options(self, rows: Rows) -> None:
        site = self.options.site
        must = self.instance.must_sites
        named = np.flatnonzero((np.bincount(site, minlength=len(must)) > 1) | must)
        place = _numbered(named, len(must))
        mine = np.flatnonzero(place[site] >= 0)
        least = np.where(must[named], 1.0, -np.inf)
        ones = np.ones(len(mine))
        rows.add("one", place[site[mine]], mine, ones, lower=least, upper=np.ones(len(named)))
        use, slack = self.resources.use.tocoo(), self.resources.slack
        row, column = use.row.astype(np.int64), use.col.astype(np.int64)
        low, high = self.resources.at_least - slack, self.resources.at_most + slack
        rows.add("resource", row, column, use.data, lower=low, upper=high)

    def _write_demand(self, rows: Rows, s: int) -> None:
        pairs, column = self.pairs(s)
        row = self.service.row[pairs]
        named = np.flatnonzero(np.bincount(row, minlength=len(self.service.kwh)) > 1)
        place = _numbered(named, len(self.service.kwh))
        keep = place[row] >= 0
        most = self.service.kwh[named, s] / self.energy_unit
        rows.add("demand", place[row[keep]], column[keep], np.ones(int(keep.sum())), upper=most)

    def _write_capacity(self, rows: Rows, s: int) -> None:
        service, sites = self.service, len(self.instance.site_ids)
        pairs, column = self.pairs(s)
        site, kind = service.site[pairs], service.kind[service.row[pairs]]
        kwh = np.zeros((sites, len(service.kinds)))
        np.add.at(kwh, (site, kind), service.kwh[service.row[pairs], s])
        offer = self.standing(s)
        option = np.flatnonzero(offer >= 0)
        capacity = self.instance.offer_capacity[offer[option]]
        of = self.options.site[option]
        for members, kinds, groups in self.hall_sets(kwh, of, capacity):
            place = _numbered(members, sites)
            x = np.flatnonzero((place[site] >= 0) & np.isin(kind, kinds))
            z = np.flatnonzero(place[of] >= 0)
            able = capacity[z][:, list(groups)].sum(axis=1)
            most = np.minimum(able, kwh[of[z]][:, list(kinds)].sum(axis=1)) / self.energy_unit
            z, most = z[most > 0], most[most > 0]
            served, sold = (place[site[x]], column[x], 1.0), (place[of[z]], option[z], -most)
            rows.add_terms("capacity", served, sold, upper=np.zeros(len(members)))

    def hall_sets(
        self, kwh: Floats, of: Ints, capacity: Floats
    ) -> Iterator[tuple[Ints, tuple[int, ...], tuple[int, ...]]]:
        """Yield the sites, kinds of demand and charger groups of each set of capacity rows.

        Sites with the same charger groups and kinds of demand are yielded together.
        """
        there = np.zeros((len(kwh), capacity.shape[1]), dtype=bool)
        np.logical_or.at(there, of, capacity > 0)
        alike = np.concatenate([there, kwh > 0], axis=1)
        _, first, which = np.unique(alike, axis=0, return_index=True, return_inverse=True)
        for n, one in enumerate(first.tolist()):
            struck = tuple(
                tuple(g for g in groups if there[one, g]) if kwh[one, k] > 0 else ()
                for k, groups in enumerate(self.service.kinds)
            )
            members = np.flatnonzero(which.ravel() == n)
            for kinds, groups in capacity_sets(struck):
                yield members, kinds, groups

    def _write_cover(self, rows: Rows, s: int) -> None:
        """Limit each energy variable to its demand times the sum of the options that serve it."""
        service = self.service
        pairs = np.flatnonzero(self.pair_column[:, s] >= 0)
        named, place = np.unique(self.pair_column[pairs, s], return_inverse=True)
        at_sites = pd.DataFrame({"site": service.site[pairs], "place": place, "pair": pairs})
        options = pd.DataFrame({"site": self.options.site, "option": np.arange(len(self.options))})
        both = at_sites.merge(options, on="site")
        place, pair, option = (both[name].to_numpy() for name in ("place", "pair", "option"))
        able = self.delivered(s)[option, service.kind[service.row[pair]]] > 0
        most = service.kwh[service.row[pair[able]], s] / self.energy_unit
        energies = (np.arange(len(named)), named, 1.0)
        stations = (place[able], option[able], -most)
        rows.add_terms("cover", energies, stations, upper=np.zeros(len(named)))

    def delivered(self, s: int) -> Floats:
        """Return the capacity of each option (row) for each kind of demand (column), in kWh/day."""
        offer = self.standing(s)
        out = np.zeros((len(offer), len(self.service.kinds)))
        for k, groups in enumerate(self.service.kinds):
            able = self.instance.offer_capacity[:, list(groups)].sum(axis=1)
            out[:, k] = np.where(offer >= 0, able[offer], 0.0)
        return out

    def _write_floors(self, rows: Rows) -> None:
        for floor in (one for one in self.floors if one.share > 0):
            for s in floor.holds_in(self.slices):
                need = floor.share * float(floor.wanted(self.demand_kwh)[s])
                if need > 0:
                    column, value = self.energy_of(floor, s)
                    rows.add_one("floor", column, value / need, lower=1.0)

    def _write_gap(self, rows: Rows, rule: GapRule) -> None:
        need = self.instance.offer_cost / self.money_unit
        cap = caps_of(self.instance, rule) / self.money_unit
        years = self.options.offer.shape[1]
        offer_site, case = self.instance.offer_site, cases_of(self.instance, rule)
        written = 0
        for t in range(years):
            offer = self.options.offer[:, t]
            paid = self.subsidy_column[:, t]
            o = np.flatnonzero(paid >= 0)
            z = np.flatnonzero((offer >= 0) & (paid[offer] >= 0))
            # The surplus of a site in a concession counts even if the site's offers have no need.
            sites = np.union1d(offer_site[o], np.flatnonzero(is_shared(case)))
            place = np.full(len(case), -1, dtype=np.int64)
            cases, place[sites] = np.unique(case[sites], return_inverse=True)
            drawn = (place[offer_site[o]], paid[o], 1.0)
            terms: list[Term] = [drawn, (place[self.options.site[z]], z, -need[offer[z]])]
            for s, slice_ in enumerate(self.slices):
                if slice_.year != t:
                    continue
                pairs, x = self.pairs(s)
                site = place[self.service.site[pairs]]
                here = site >= 0
                sold = self.service.margin[self.service.row[pairs[here]]] * slice_.probability
                terms.append((site[here], x[here], sold * self.energy_unit / self.money_unit))
            self.gap_rows.append((sites, written + place[sites]))
            written += len(cases)
            rows.add_terms("gap", *terms, lower=np.zeros(len(cases)))
            number = _numbered(o, len(need))
            paid_to, most = (number[o], paid[o], 1.0), (number[offer[z]], z, -cap[offer[z]])
            rows.add_terms("cap", paid_to, most, upper=np.zeros(len(o)))
            if t:
                before = (place[offer_site[o]], self.subsidy_column[o, t - 1], -1.0)
                rows.add_terms("paid", drawn, before, lower=np.zeros(len(cases)))
        self._write_budget(rows)
        self._write_envelopes(rows)

    def _paid_by(self, t: int) -> Ints:
        """Return the columns whose sum is the public money paid by the end of a year."""
        paid = self.subsidy_column[:, t]
        return paid[paid >= 0]

    def _write_budget(self, rows: Rows) -> None:
        granted = self.years.limit_pkr if self.years else np.array([self.budget_pkr])
        by_year = self.years is not None and not self.years.carry_over
        for t, pkr in enumerate(granted.tolist() if math.isfinite(self.budget_pkr) else []):
            at = self._paid_by(t)
            by = np.ones(len(at))
            if t and by_year:
                at, by = np.append(at, self._paid_by(t - 1)), np.append(by, -by)
            rows.add_one("subsidies", at, by, upper=pkr / self.money_unit)

    def _write_envelopes(self, rows: Rows) -> None:
        column = self.subsidy_column
        for limit in self.instance.limits:
            if not limit.per_rupee:
                continue
            amount = self.instance.amounts_of(limit)
            offer = np.flatnonzero((amount != 0) & (column >= 0).any(axis=1))
            last = column.shape[1] - 1
            # With upgrades, each year needs a row, because an upgrade can move a site's payments to
            # another offer. Without upgrades, the row of the last year is enough, because the
            # payments to an offer never fall.
            for t in range(0 if self.years and self.years.upgrades else last, last + 1):
                least = limit.at_least if t == last else 0.0
                most = limit.at_most / self.money_unit
                low = least / self.money_unit if least > 0 else -math.inf
                rows.add_one("subsidies", column[offer, t], amount[offer], lower=low, upper=most)


def _numbered(named: Ints, count: int) -> Ints:
    """Return, for each position below `count`, its index in `named`; -1 if it is not in `named`."""
    place = np.full(count, -1, dtype=np.int64)
    place[named] = np.arange(len(named))
    return place
