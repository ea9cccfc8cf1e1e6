"""The solution of a program: its stations, energy served, public money and proofs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from siting.engine.proof import Proof, Stopped
from siting.engine.station_bound import Bounds
from siting.errors import InputError
from siting.program.aims import Aim
from siting.program.floors import Floor
from siting.program.instance import Floats, Instance, Ints
from siting.program.money import MoneyKind
from siting.program.program import Program
from siting.program.service import Service
from siting.program.slices import by_scenario, year_weights
from siting.tables import mean_drive_min

Method = Literal["exact", "greedy", "milp"]
TieBreak = Literal["exact", "polished"]


@dataclass(frozen=True, eq=False)
class Result:
    """A choice, its value, bound and tolerance (in the aim's unit), and why the solve stopped."""

    choice: Ints
    value: float
    bound: float
    stopped: Stopped
    nodes: int = 0
    guarantee: str = ""
    noise: float = 0.0  # tolerance of the value
    bounds: Bounds | None = None  # bounds at the prices of the root's cuts


@dataclass(frozen=True)
class LeftOut:
    """Stations removed because they gain too little: offers, public money (PKR), value lost."""

    offers: tuple[str, ...] = ()
    subsidy_pkr: float = 0.0
    worth: float = 0.0


@dataclass(frozen=True)
class AimProof:
    """The proof for one aim; it covers only plans that keep the values reached for earlier aims."""

    aim: str
    proof: Proof

    @classmethod
    def of(cls, aim: Aim, answer: Answer, bound: float, **known: Any) -> AimProof:
        """Return the proof of a plan's value for an aim; `known`: more arguments for `Proof.of`."""
        unit, more = aim.unit(answer.program.worth_unit), not aim.less_is_better
        return cls(aim.name, Proof.of(aim.value(answer), bound, unit=unit, maximise=more, **known))


class Solved:
    """The proofs and the summary of a solved program."""

    proofs: tuple[AimProof, ...]

    @property
    def proof(self) -> Proof:
        """The proof for the first aim."""
        return self.proofs[0].proof

    @property
    def status(self) -> str:
        """``optimal`` if the requested gap of the first aim is proven, else ``feasible``."""
        return self.proof.status

    @property
    def stopped(self) -> str:
        """The reason the solve ended."""
        return self.proof.stopped

    @property
    def gap(self) -> float:
        """Relative gap between the bound and the plan's value, for the first aim."""
        return self.proof.gap

    @property
    def seconds(self) -> dict[str, float]:
        """Run time (s) by phase and in ``total``, summed over all aims."""
        out: dict[str, float] = {}
        for one in self.proofs:
            for phase, seconds in one.proof.seconds.items():
                out[phase] = out.get(phase, 0.0) + seconds
        return out

    def __repr__(self) -> str:
        """Return a summary in a few lines."""
        me: Any = self
        share = me.served_kwh_day / me.demand_kwh_day if me.demand_kwh_day else 0.0
        method = "" if me.method == "exact" else f", {me.method}"
        lines = [
            f"{type(self).__name__} ({me.model}{method}): {self.proof}",
            *(f"  then    {one.aim}: {one.proof}" for one in self.proofs[1:]),
            f"  serves  {me.served_kwh_day:,.1f} of {me.demand_kwh_day:,.1f} kWh/day ({share:.1%})",
            f"  offers  {len(me.offers):,}",
            f"  money   PKR {me.subsidy_pkr:,.0f} of {me.budget_pkr:,.0f} subsidy, "
            f"cost PKR {me.cost_pkr:,.0f}; ties {me.tie_break}",
            f"  solver  {me.solver} {me.solver_version}, {self.seconds.get('total', 0.0):.1f} s",
        ]
        return "\n".join([*lines, *([f"  assured {me.guarantee}"] if me.guarantee else [])])


@dataclass(frozen=True, eq=False, repr=False)
class Answer(Solved):
    """The solution of a program.

    Parameters
    ----------
    program
        The program solved.
    choice
        Positions of the options chosen.
    pairs
        The demand rows and the pairs to which `energy` refers. Rows of different cells are not
        merged.
    energy
        Energy served in kWh/day: one row per pair, one column per slice.
    paid
        Subsidy paid to each offer by the end of each year (PKR); empty if subsidies are fixed.
    proofs
        The proof of each aim, in order.
    method
        ``exact``, ``greedy`` or ``milp``.
    solver, solver_version
        Name and version of the solver.
    tie_break
        ``exact``: the plan has the least subsidy of all plans of equal value, then the least cost,
        then the lowest ids. ``polished``: no station can be dropped, or replaced by a cheaper offer
        at its site, without loss.
    guarantee
        Worst-case guarantee of the greedy method for this kind of program, with its source.
    left_out
        Stations removed because they gain too little per rupee; the plan keeps the requested gap.
    prices
        Dual prices, if known, from which `siting.verify.certified` proves a bound on the first aim.
    """

    program: Program
    choice: Ints
    pairs: Service
    energy: Floats
    paid: Floats
    proofs: tuple[AimProof, ...]
    method: Method
    solver: str
    solver_version: str
    tie_break: TieBreak = "polished"
    guarantee: str = ""
    left_out: LeftOut = LeftOut()
    prices: pd.DataFrame | None = None

    @property
    def model(self) -> str:
        """``capacitated`` or ``coverage``."""
        return self.program.model

    @property
    def instance(self) -> Instance:
        """The data behind the program: demand, offers, reach and limits."""
        return self.program.instance

    @cached_property
    def standing(self) -> Ints:
        """Positions of the offers in place in the last slice, in ascending order."""
        return np.sort(self.program.options.last[self.choice])

    @property
    def offers(self) -> tuple[str, ...]:
        """Ids of the offers in place in the last slice, existing stations included."""
        return tuple(self.program.instance.offer_ids[self.standing].tolist())

    @property
    def _years(self) -> Sequence[int | None]:
        return self.program.year_plan.years if self.program.year_plan else (None,)

    @property
    def built(self) -> pd.DataFrame:
        """Table of the stations in each slice: ``slice``, ``year``, ``site_id``, ``offer_id``."""
        instance, options = self.program.instance, self.program.options
        rows = []
        for one in self.program.slices:
            offer = options.offer[self.choice, one.year]
            for o in np.sort(offer[offer >= 0]).tolist():
                site = instance.site_ids[instance.offer_site[o]]
                rows.append((one.name, self._years[one.year], site, instance.offer_ids[o]))
        table = pd.DataFrame(rows, columns=["slice", "year", "site_id", "offer_id"])
        return table.astype({"year": "Int64"})

    def service(self, slice_name: str | None = None) -> pd.DataFrame:
        """Return the energy served (kWh/day) and drive time (min) for each demand row and site.

        Parameters
        ----------
        slice_name
            The slice; by default the last one.
        """
        names = [one.name for one in self.program.slices]
        if slice_name is not None and slice_name not in names:
            known = ", ".join(names)
            known = f"known names: {known}" if any(names) else "omit slice_name"
            raise InputError("slice_name", f"there is no slice {slice_name!r}", known)
        s = -1 if slice_name is None else names.index(slice_name)
        instance, pairs, wanted = self.program.instance, self.pairs, self.program.demand_kwh[:, s]
        served = np.flatnonzero(self.energy[:, s] > 0)
        rows = np.flatnonzero((pairs.row_of_demand >= 0) & (wanted > 0))
        # In a merged row, the same share of each demand row is served.
        of_pair = pd.DataFrame({"row": pairs.row[served], "pair": served})
        of_demand = pd.DataFrame({"row": pairs.row_of_demand[rows], "demand": rows})
        both = of_pair.merge(of_demand, on="row")
        pair, i = both["pair"].to_numpy(), both["demand"].to_numpy()
        share = wanted[i] / pairs.kwh[pairs.row[pair], s]
        classes = np.array(instance.class_names, dtype=object)
        table = pd.DataFrame(
            {
                "demand_id": pd.Series(instance.demand_ids[i], dtype="str"),
                "cell_id": pd.Series(instance.cell_ids[instance.demand_cell[i]], dtype="str"),
                "vehicle_class": pd.Series(classes[instance.demand_class[i]], dtype="str"),
                "site_id": pd.Series(instance.site_ids[pairs.site[pair]], dtype="str"),
                "served_kwh_day": self.energy[pair, s] * share,
                "travel_min": pairs.minutes[pair],
            }
        )
        return table.sort_values(["demand_id", "site_id"], ignore_index=True)

    @property
    def served(self) -> pd.DataFrame:
        """Table of slices with demand, energy served (kWh/day), share served and worth served."""
        rows = []
        names = self.program.scenario_plan.names if self.program.scenario_plan else ("",)
        for s, one in enumerate(self.program.slices):
            wanted = float(self.program.demand_kwh[:, s].sum())
            served = math.fsum(self.energy[:, s])
            energy = wanted, served, served / wanted if wanted else 0.0
            year, scenario = self._years[one.year], names[one.scenario]
            rows.append((one.name, year, scenario, *energy, self.worth_in(s)))
        columns = ["demand_kwh_day", "served_kwh_day", "served_share", "worth"]
        table = pd.DataFrame(rows, columns=["slice", "year", "scenario", *columns])
        return table.astype({"year": "Int64"})

    def worth_in(self, s: int) -> float:
        """Return the worth served in the slice at position `s`."""
        pairs = self.pairs
        return math.fsum(self.energy[:, s] * pairs.worth[pairs.row, s] * pairs.factor)

    @property
    def worth(self) -> float:
        """Worth (value of the energy served), weighted by year and averaged over scenarios."""
        slices = enumerate(self.program.slices)
        return math.fsum(s.weight * s.probability * self.worth_in(n) for n, s in slices)

    @property
    def worth_of_scenarios(self) -> Floats:
        """Worth (value) of the demand served in each scenario, weighted by year."""
        slices = self.program.slices
        return by_scenario(slices, [self.worth_in(n) for n in range(len(slices))])

    @property
    def wanted_of_scenarios(self) -> Floats:
        """Worth (value) of all demand in each scenario, weighted by year."""
        program = self.program
        return by_scenario(program.slices, (program.per_kwh * program.demand_kwh).sum(axis=0))

    @property
    def probabilities(self) -> Floats:
        """Probability of each scenario."""
        return np.array([s.probability for s in self.program.slices if s.year == 0])

    def over_pairs(self, each: Floats) -> float:
        """Return the weighted sum over slices of the energy of all pairs times `each` (by pair)."""
        return math.fsum(
            s.weight * s.probability * math.fsum(self.energy[:, n] * each)
            for n, s in enumerate(self.program.slices)
        )

    def yearly(self, amount: Floats) -> float:
        """Return the weighted sum over years of `amount` (by offer) of the offers in place."""
        by_year = self.program.options.of_offers(amount)[self.choice]
        return math.fsum(by_year @ year_weights(self.program.slices))

    def drawn_pkr(self, of: MoneyKind) -> Floats:
        """Return the subsidies or costs added in each year (PKR); `of` says which of the two."""
        instance, drawn = self.instance, self.paid.sum(axis=0)
        if of == "cost_pkr" or self.program.gap is None:
            amount = instance.offer_subsidy if of == "subsidy_pkr" else instance.offer_cost
            drawn = self.program.options.of_offers(amount)[self.choice].sum(axis=0)
        return np.diff(drawn, prepend=0.0)

    def total_pkr(self, of: MoneyKind) -> float:
        """Return the total subsidies or costs (PKR); `of` says which of the two."""
        return self.subsidy_pkr if of == "subsidy_pkr" else self.cost_pkr

    @property
    def money(self) -> pd.DataFrame:
        """Public money granted and spent in each year (PKR); one row if there are no years."""
        plan, granted = self.program.year_plan, [self.program.money_pkr]
        columns = {
            "year": self._years,
            "granted_pkr": plan.budgets_pkr if plan else granted,
            "spent_pkr": self.drawn_pkr("subsidy_pkr"),
        }
        return pd.DataFrame(columns).astype({"year": "Int64"})

    @property
    def subsidies(self) -> dict[str, float]:
        """Total public money paid to each site (PKR), by ``site_id``."""
        instance = self.program.instance
        money = self.paid[:, -1] if self.program.gap is not None else instance.offer_subsidy
        site = instance.site_ids[instance.offer_site[self.standing]]
        return dict(zip(site.tolist(), money[self.standing].tolist(), strict=True))

    @property
    def resource_table(self) -> pd.DataFrame:
        """Table of resources: amount used, lower and upper limits, all in the resource's unit."""
        resources = self.program.resources
        return pd.DataFrame(
            {
                "resource": list(resources.names),
                "kind": list(resources.kinds),
                "unit": list(resources.units),
                "used": resources.used(self.choice),
                "at_least": resources.at_least,
                "at_most": resources.at_most,
            }
        )

    @property
    def floor_table(self) -> pd.DataFrame:
        """Table of floors by slice: energy required and served, in kWh/day and as shares."""
        rows = []
        for floor in self.program.groups:
            for s, wanted, served in self._shares(floor):
                share, part = floor.share, served / wanted if wanted else 1.0
                name = self.program.slices[s].name
                rows.append((floor.name, name, share * wanted, served, share, part))
        columns = ["floor", "slice", "need_kwh_day", "served_kwh_day", "share", "served_share"]
        return pd.DataFrame(rows, columns=columns)

    def _shares(self, floor: Floor) -> Iterator[tuple[int, float, float]]:
        """Yield each slice in which a floor holds, with the floor's demand and energy served."""
        inside = self.pairs.floor[self.program.groups.index(floor)][self.pairs.row]
        wanted = floor.wanted(self.program.demand_kwh)
        for s in floor.holds_in(self.program.slices):
            yield s, float(wanted[s]), math.fsum(self.energy[inside, s])

    def shares(self, group: Floor) -> list[float]:
        """Return the share of a group's demand served, for each slice in which it has demand."""
        return [served / wanted for _, wanted, served in self._shares(group) if wanted > 0]

    @property
    def new_stations(self) -> int:
        """Number of new stations in the last slice, including extended stations."""
        return int((~self.instance.offer_existing[self.standing]).sum())

    @property
    def subsidy_pkr(self) -> float:
        """Total public money drawn (PKR)."""
        return math.fsum(self.subsidies.values())

    @property
    def cost_pkr(self) -> float:
        """Cost of the stations in the last slice (PKR)."""
        return math.fsum(self.program.instance.offer_cost[self.standing])

    @property
    def budget_pkr(self) -> float:
        """Public money available or, if there is no budget, public money drawn (PKR)."""
        return self.program.money_pkr if self.program.budgeted else self.subsidy_pkr

    @property
    def demand_kwh_day(self) -> float:
        """Demand in the last slice (kWh/day)."""
        return float(self.program.demand_kwh[:, -1].sum())

    @property
    def served_kwh_day(self) -> float:
        """Energy served in the last slice (kWh/day)."""
        return math.fsum(self.energy[:, -1])

    @property
    def mean_drive_min(self) -> float:
        """Mean drive time (min) in the last slice, weighted by energy; NaN if nothing is served."""
        return mean_drive_min(self.energy[:, -1], self.pairs.minutes)
