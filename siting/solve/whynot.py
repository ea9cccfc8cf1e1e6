"""Why not: what stands in the way where floors and budget cannot hold together, and the mend.

Each requirement is let go alone while all the others hold, and the least change that will do is
solved for: the most that can be served where a floor is in question, the least money where the
budget is. If one change does it, every conflict has that requirement in it. The others are then let
go one after the other for good, as long as a conflict is left: what remains is one set of
requirements of which none is idle. Where no single change does, the elastic program
(`siting.models.elastic`) says which small changes do together.

Source: J. Chinneck, E. Dravnieks: Locating minimal infeasible constraint sets in linear programs.
ORSA Journal on Computing 3 (1991), 157-168 (deletion filter, elastic filter).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np
import pandas as pd

from siting.engine.clock import Clock
from siting.errors import Fault, InfeasibleError
from siting.models.elastic import budget_unit, elastic
from siting.models.least_cost import least_cost, price_unit, without_budget
from siting.models.rows import CITY, Floor, Zones, floors_of, weigh_rows, zones_of
from siting.models.weighted import weighted
from siting.program.instance import Instance
from siting.program.objective import ENERGY_UNIT, Objective, objective_of
from siting.solve.outcome import Built, Outcome, Variant
from siting.solve.service import check_model
from siting.solve.settle import Effort, Settled, settle

BUDGET = "budget"
COLUMNS = ("requirement", "have", "need", "unit", "alone", "fix")
# The first plan will do where only feasibility is asked.
ANY_GAP = 0.999
UNKNOWN = "a figure not found in the time given (raise the time limit)"
# Floors are mended in steps of this, downwards.
STEP = 1e-4


def why_not(
    instance: Instance,
    *,
    zones: pd.Series | None = None,
    floors: Mapping[str, float] | None = None,
    city_floor: float | None = None,
    model: str = "capacitated",
    effort: Effort | None = None,
) -> pd.DataFrame:
    """Return what stands in the way of floors and budget together; no row if nothing does.

    Parameters
    ----------
    instance, zones, floors, city_floor, model, effort
        As for `siting.solve.solve_weighted`.

    Returns
    -------
    DataFrame
        One row a requirement in the conflict: ``requirement``; ``have``, the best there can be
        while the others hold (where no single change does: what the smallest changes together
        leave); ``need``; ``unit``; ``alone``, whether changing it alone does; ``fix`` in words,
        each verified by a plan.
    """
    check_model(model)
    effort = effort or Effort()
    effort.check()
    where = zones_of(instance, zones)
    return _Conflict(instance, where, floors, city_floor, model, effort).table()


def raise_why_not(
    instance: Instance,
    zones: Zones,
    floors: Mapping[str, float] | None,
    city_floor: float | None,
    model: str,
    effort: Effort,
    *,
    budget: bool = True,
) -> NoReturn:
    """Raise `InfeasibleError` with one fault for each requirement in the conflict.

    Parameters
    ----------
    budget
        Whether the budget is one of the requirements.
    """
    conflict = _Conflict(instance, zones, floors, city_floor, model, effort, budget=budget)
    rows = conflict.table().itertuples()
    faults = [
        Fault(
            str(row.requirement),
            f"have {_figure(row.have, row.unit)}, need {_figure(row.need, row.unit)}",
            str(row.fix),
        )
        for row in rows
    ]
    if not faults:
        what = "no plan at all, though floors and budget could hold together"
        faults = [Fault("limits", what, "look at what is required, ruled out or limited besides")]
    raise InfeasibleError(faults)


@dataclass(frozen=True)
class _Mend:
    """The least change of one requirement that does while the others hold."""

    have: float
    proven: bool


class _Conflict:
    """Floors and budget, and what is tried with them."""

    def __init__(
        self,
        instance: Instance,
        zones: Zones,
        floors: Mapping[str, float] | None,
        city: float | None,
        model: str,
        effort: Effort,
        *,
        budget: bool = True,
    ) -> None:
        self.instance, self.zones, self.model, self.effort = instance, zones, model, effort
        self.objective = objective_of(instance)
        self.shares = {name: float(s) for name, s in sorted((floors or {}).items()) if s > 0}
        if city:
            self.shares[CITY] = float(city)
        self.names = [*self.shares, *([BUDGET] if budget else [])]
        self.clock = Clock(effort.time_limit_s)
        self.each_s = effort.time_limit_s / (2 * len(self.names) + 2)

    def table(self) -> pd.DataFrame:
        if not self.names or not self.conflicting(self.names):
            return pd.DataFrame({column: [] for column in COLUMNS})
        mends = {name: self.mend(name) for name in self.names}
        kept = list(self.names)
        for name in self.names:
            if mends[name] is None and len(kept) > 1:
                rest = [other for other in kept if other != name]
                if self.conflicting(rest):
                    kept = rest
        if any(mends[name] for name in kept):
            rows = [self.row(name, mends[name]) for name in kept]
        else:
            # There are several conflicts; the small changes together touch every one of them.
            rows = self.rows_together(
                [name for name in self.names if name in kept or self.changed(name)]
            )
        return pd.DataFrame(rows, columns=list(COLUMNS))

    # --- one requirement ---------------------------------------------------------------------

    def mend(self, name: str) -> _Mend | None:
        """Return the least change of one requirement that does; None if there is none."""
        others = [other for other in self.names if other != name]
        if name == BUDGET:
            settled = self.settle(self.cheapest(others))
        else:
            settled = self.settle(self.most_served(others, name))
        if settled.outcome is None or settled.proof is None:
            return None
        if name == BUDGET:
            return _Mend(settled.proof.objective, settled.proof.status == "optimal")
        served = settled.proof.objective / self.wanted(name)
        return _Mend(served, settled.proof.status == "optimal")

    def row(self, name: str, mend: _Mend | None) -> dict[str, object]:
        have, fix = math.nan, "no change of it alone is enough"
        if mend is not None:
            sure = "" if mend.proven else " (not proven to be the smallest change)"
            if name == BUDGET:
                have, fix = self.instance.budget_pkr, f"raise it to {self.money(mend.have)}{sure}"
                need = mend.have
            else:
                have, need = mend.have, self.shares[name]
                fix = f"lower it to {self.share(mend.have)} or less{sure}"
        elif name == BUDGET:
            have = need = self.instance.budget_pkr
        else:
            have, need = self.together().get(name, math.nan), self.shares[name]
        return self.as_row(name, have, need, mend is not None, fix)

    def rows_together(self, kept: list[str]) -> list[dict[str, object]]:
        """Return the requirements with the small changes that do together."""
        found = self.together()
        rows = []
        for name in kept:
            have = found.get(name, math.nan)
            need = self.instance.budget_pkr if name == BUDGET else self.shares[name]
            changed = self.changed(name)
            if name == BUDGET:
                fix = f"raise it to {self.money(have)}"
                have, need = need, max(have, need)
            else:
                fix = f"lower it to {self.share(have)}"
            fix = f"together with the others: {fix}" if changed else "keep it; change the others"
            rows.append(self.as_row(name, have, need, False, fix))
        return rows

    def changed(self, name: str) -> bool:
        """Return whether the smallest changes together change a requirement."""
        have = self.together().get(name, math.nan)
        if name == BUDGET:
            return have > self.instance.budget_pkr * (1 + 1e-6)
        return have < self.shares[name] * (1 - 1e-6)

    def as_row(
        self, name: str, have: float, need: float, alone: bool, fix: str
    ) -> dict[str, object]:
        label = name if name == BUDGET else f"floor, {name}"
        unit = "PKR" if name == BUDGET else "share of demand"
        return dict(zip(COLUMNS, (label, have, need, unit, alone, fix), strict=True))

    def money(self, pkr: float) -> str:
        if math.isnan(pkr):
            return UNKNOWN
        return f"PKR {math.ceil(pkr - 1e-6):,}"

    def share(self, share: float) -> str:
        if math.isnan(share):
            return UNKNOWN
        return f"{math.floor(share / STEP + 1e-6) * STEP:.4f}"

    def wanted(self, name: str) -> float:
        if name == CITY:
            return self.instance.demand_kwh_day
        return float(self.zones.demand_kwh[self.zones.names.index(name)])

    # --- programs ----------------------------------------------------------------------------

    def conflicting(self, names: list[str]) -> bool:
        """Return whether some requirements are proven not to hold together."""
        variant = self.most_served(names, None)
        return self.settle(replace(variant, fits=lambda o: o.holds_floors()), ANY_GAP).infeasible

    def settle(self, variant: Variant, gap: float | None = None) -> Settled:
        effort = self.effort if gap is None else replace(self.effort, gap=gap)
        left_s = max(min(self.each_s, self.clock.left_s), 0.05 * self.effort.time_limit_s)
        clock = Clock(left_s)
        found = settle(variant, effort, clock, shortest=False)
        if clock.interrupted:
            raise KeyboardInterrupt
        return found

    def money_of(self, names: list[str]) -> Instance:
        return self.instance if BUDGET in names else without_budget(self.instance)

    def built(
        self, given: Instance, names: list[str], objective: Objective, by_cell: bool
    ) -> Built:
        rows = weigh_rows(given, objective, self.zones, by_cell=by_cell)
        by_zone = {n: self.shares[n] for n in names if n not in (BUDGET, CITY)}
        floors = floors_of(rows, by_zone, self.shares[CITY] if CITY in names else None)
        return Built(weighted(given, rows, self.model, floors), rows, floors)

    def most_served(self, names: list[str], target: str | None) -> Variant:
        """Return the variant of the most energy served towards one floor, above the others."""
        worth = self.instance.demand_kwh
        if target not in (None, CITY):
            worth = worth * (self.zones.of_demand == self.zones.names.index(str(target)))
        objective = Objective(ENERGY_UNIT, worth)
        return Variant(
            instance=self.money_of(names),
            build=lambda given: self.built(given, names, objective, False),
            serve=lambda given: self.built(given, names, objective, True),
            score=lambda outcome: outcome.worth,
            fits=lambda outcome: outcome.holds_floors(),
            unit=ENERGY_UNIT,
            covers=self.model == "coverage",
        )

    def cheapest(self, names: list[str]) -> Variant:
        """Return the variant of the least public money that holds some floors."""

        def build(given: Instance) -> Built:
            built = self.built(given, names, self.objective, False)
            program = least_cost(given, built.rows, built.floors, self.model)
            return Built(program, built.rows, built.floors)

        instance = without_budget(self.instance)
        return Variant(
            instance=instance,
            build=build,
            serve=lambda given: self.built(given, names, self.objective, True),
            score=lambda outcome: math.fsum(instance.offer_subsidy[outcome.offers]),
            fits=lambda outcome: outcome.holds_floors(),
            unit="PKR",
            unit_size=price_unit(instance, "subsidy_pkr"),
            covers=self.model == "coverage",
        )

    def together(self) -> dict[str, float]:
        """Return what the smallest changes together leave: shares served, and money spent."""
        if hasattr(self, "_together"):
            return self._together
        names = [name for name in self.names if name != BUDGET]
        spends = BUDGET in self.names
        instance = without_budget(self.instance)

        def build(given: Instance, *, by_cell: bool = False) -> Built:
            rows = weigh_rows(given, self.objective, self.zones, by_cell=by_cell)
            floors = self.floors(rows, names)
            money = replace(given, budget_pkr=self.instance.budget_pkr) if spends else given
            return Built(elastic(money, rows, floors, self.model).program, rows, floors)

        def score(outcome: Outcome) -> float:
            shares = self.shares_of(outcome)
            short = sum(max(0.0, 1 - shares[n] / self.shares[n]) for n in names)
            spent = float(instance.offer_subsidy[outcome.offers].sum())
            over = max(0.0, spent - self.instance.budget_pkr) / budget_unit(self.instance)
            return short + (over if spends else 0.0)

        variant = Variant(
            instance=instance,
            build=build,
            serve=lambda given: build(given, by_cell=True),
            score=score,
            fits=lambda outcome: True,
            unit="share",
            covers=self.model == "coverage",
        )
        outcome = self.settle(variant).outcome
        self._together: dict[str, float] = {}
        if outcome is not None:
            self._together = self.shares_of(outcome)
            spent = float(instance.offer_subsidy[outcome.offers].sum())
            self._together[BUDGET] = spent
        return self._together

    def floors(self, rows: object, names: list[str]) -> tuple[Floor, ...]:
        by_zone = {n: self.shares[n] for n in names if n != CITY}
        return floors_of(rows, by_zone, self.shares[CITY] if CITY in names else None)  # type: ignore[arg-type]

    def shares_of(self, outcome: Outcome) -> dict[str, float]:
        floors = self.floors(outcome.built.rows, [n for n in self.names if n != BUDGET])
        served = outcome.towards(floors)
        return {f.name: float(s / f.demand_kwh) for f, s in zip(floors, served, strict=True)}


def _figure(value: object, unit: object) -> str:
    number = float(str(value))
    if not np.isfinite(number):
        return "unknown"
    return f"PKR {number:,.0f}" if unit == "PKR" else f"{number:.4f} of the demand"
