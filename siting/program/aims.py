"""The lexicographic aims of a plan: each aim keeps the values that earlier aims reached.

In slice ``s``, site ``j`` serves ``x_ijs`` kWh/day of the demand of row ``i``. The worth of one kWh
is ``v_is``, times the decay ``a_ij`` and the weight ``w_s`` of the slice (the weight of its year
times the probability of its scenario).

=================  ===============================================================================
`MostWorth`        ``max  sum of w_s a_ij v_is x_ijs``: energy, people or sessions, weighted by
                   year and probability (`siting.program.slices`), with or without decay
`NetWorth`         ``max  sum of w_s a_ij v_is x_ijs  -  g M``: worth minus a charge ``g`` on each
                   rupee of money ``M`` (Everett's price of the budget). A station that brings less
                   worth than ``g`` per rupee is not built. With years, the charge is
                   ``sum of g_t (M_t - M_t-1)``, where ``M_t`` is the money drawn up to year ``t``
`LeastMoney`       ``min M``: the public money drawn, or the total cost
`WorstShare`       ``max  t``  with  ``t D_gs <= sum of x_ijs over i in g, j``  for each group
                   ``g`` of demand rows, where ``D_gs`` is the demand of the group
`LeastRegret`      ``min  r``  with  ``r >= b_k - S_k``  for each scenario ``k``, where ``b_k`` is
                   the highest worth that any plan reaches in ``k``, and ``S_k`` is the worth that
                   this plan reaches in ``k``
`Tail`             ``max  u - 1/(1-a) sum of p_k v_k``  with  ``v_k >= u - (S_k - c_k)``: the mean
                   of ``S_k - c_k`` over the worst scenarios, whose probabilities ``p_k`` sum to
                   ``1 - a``. If an outcome is the worth served, ``c_k`` is 0. If it is the worth
                   unserved, ``c_k`` is the worth of all demand
`ShortestDrives`   ``min  sum of w_s minutes_ij x_ijs``
`LeastCostToAll`   ``min  sum of w_t c_o over open offers  +  sum of w_s m_i minutes_ij x_ijs``:
                   facility location (PKR a year), where ``c_o`` is the yearly cost of an offer
                   and ``m_i`` the yearly cost of drivers' time per kWh/day and minute driven
=================  ===============================================================================

Sources: R. Rockafellar, S. Uryasev: Optimization of conditional value-at-risk. Journal of Risk 2
(2000), 21-41. L. Savage: The theory of statistical decision. Journal of the American Statistical
Association 46 (1951), 55-67. W. Ogryczak: Inequality measures and equitable approaches to location
problems. European Journal of Operational Research 122 (2000), 374-391. H. Everett: Generalized
Lagrange multiplier method for solving problems of optimum allocation of resources. Operations
Research 11 (1963), 399-417. M. Balinski: Integer programming: methods, uses, computation.
Management Science 12 (1965), 253-313.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Protocol

import numpy as np

from siting.errors import InputError
from siting.program.floors import Floor
from siting.program.instance import Floats, Instance, Ints
from siting.program.layout import Layout
from siting.program.money import MONEY, MoneyKind
from siting.program.rows import Rows
from siting.program.service import Service
from siting.program.slices import year_weights

TailOf = Literal["unserved", "served"]
# A linear expression: columns, which may repeat, and their coefficients.
Terms = tuple[Ints, Floats]
# A function of the worth in each scenario (first axis); larger values are better.
Goal = Callable[[Floats], Floats]
# The names of the two parts of the total cost in tables and messages.
STATIONS, DRIVERS_TIME = "stations", "drivers' time"
_WORTH = r"\sum_{ijs} w_s a_{ij} v_{is} x_{ijs}"


class _Answer(Protocol):
    """The members of `siting.engine.answer.Answer` that aims use."""

    @property
    def instance(self) -> Instance: ...
    @property
    def pairs(self) -> Service: ...
    @property
    def probabilities(self) -> Floats: ...
    @property
    def worth_of_scenarios(self) -> Floats: ...
    @property
    def wanted_of_scenarios(self) -> Floats: ...
    @property
    def worth(self) -> float: ...
    def total_pkr(self, of: MoneyKind) -> float: ...
    def drawn_pkr(self, of: MoneyKind) -> Floats: ...
    def yearly(self, amount: Floats) -> float: ...
    def over_pairs(self, each: Floats) -> float: ...
    def shares(self, group: Floor) -> list[float]: ...


class Aim(ABC):
    """An aim of a plan. Other packages read an aim's attributes and never test its class."""

    name: ClassVar[str]  # name in proofs
    kind: ClassVar[str]  # name in the recount (`siting.verify.Aim`)
    formula: ClassVar[str]  # in LaTeX
    words: ClassVar[str]  # description for planners
    own_unit: ClassVar[str | None] = None  # unit of the value; None: the unit of worth
    of_worth: ClassVar[bool] = False  # the value is the worth served, possibly minus a charge
    is_plain_worth: ClassVar[bool] = False  # the value is the worth served and nothing else
    of_money: ClassVar[bool] = False  # the value is money
    of_drives: ClassVar[bool] = False  # the value depends on drive times
    of_scenarios: ClassVar[bool] = False  # the value is a function of the worth in each scenario
    of_stations: ClassVar[bool] = False  # the value is the cost of stations plus drivers' time
    from_best: ClassVar[bool] = False  # the value is relative to the best value in each scenario
    best: tuple[float, ...] = ()  # best value in each scenario, if the aim needs these values
    groups: tuple[Floor, ...] = ()  # groups of demand whose served shares are compared

    @property
    def less_is_better(self) -> bool:
        """Whether a smaller value is better."""
        return self.of_money or self.of_drives or self.from_best

    @property
    def by_year(self) -> bool:
        """Whether the aim's charge per rupee differs between years."""
        return False

    def in_year(self, t: int, weights: Sequence[float]) -> Aim:
        """Return the aim of year `t` alone, in which a kWh/day has weight 1, not `weights[t]`."""
        return self

    @property
    def lacks_best(self) -> bool:
        """Whether the aim still needs the best value of each scenario (`with_best`)."""
        return self.from_best and not self.best

    def with_best(self, best: tuple[float, ...]) -> Aim:
        """Return the aim with the given best values, or the aim itself if it needs none."""
        return self

    def unit(self, worth_unit: str) -> str:
        """Return the unit of the aim's value, given the program's unit of worth."""
        return self.own_unit or worth_unit

    @abstractmethod
    def terms(self, layout: Layout, rows: Rows, prefix: str) -> Terms:
        """Add the aim's columns, named with `prefix`, and its rows; return its value as `Terms`."""

    @abstractmethod
    def value(self, answer: _Answer) -> float:
        """Return the aim's value for a solution, in the aim's unit."""

    def explained(self, worth_unit: str) -> str:
        """Return a description of the aim, with its numbers and unit."""
        return f"{self.words}, {self.unit(worth_unit)}"

    def money(self, layout: Layout) -> Terms:
        """Return the aim's terms for money, as columns and coefficients; none by default."""
        return np.zeros(0, dtype=np.int64), np.zeros(0)

    def minute_of_classes(self, instance: Instance) -> Floats | None:
        """Return the weight of a minute of driving for each vehicle class; None: equal weights."""
        return None

    def goal(self, layout: Layout) -> Goal | None:
        """Return the aim, without its terms for money, as a function of the worth by scenario.

        Return None if the aim, apart from money, is not a function of worth alone.
        """
        chance = layout.probabilities
        return (lambda worth: np.tensordot(chance, worth, axes=1)) if self.of_worth else None

    def parts(self, answer: _Answer) -> Mapping[str, float]:
        """Return the parts that sum to the aim's value, by name; none by default."""
        return {}


@dataclass(frozen=True)
class MostWorth(Aim):
    """An aim that maximises the worth (value) of the demand served."""

    name = "most worth"
    kind = "most_worth"
    formula = rf"\max {_WORTH}"
    words = "the most worth served"
    of_worth = is_plain_worth = True

    def terms(self, layout: Layout, rows: Rows, prefix: str) -> Terms:
        """Return the aim's value as a linear expression."""
        return layout.worth()

    def value(self, answer: _Answer) -> float:
        """Return the aim's value for a solution."""
        return answer.worth


@dataclass(frozen=True)
class NetWorth(Aim):
    """An aim that maximises the worth (value) of the demand served minus a charge per rupee."""

    name = "most worth net of money"
    kind = "net_worth"
    formula = rf"\max {_WORTH} - \sum_t g_t (M_t - M_{{t-1}})"
    words = "the most worth, less a charge on money"
    of_worth = True
    # Charge on each rupee, in the program's unit of worth: one number, or one per year.
    least_gain: float | tuple[float, ...]
    of: MoneyKind = "subsidy_pkr"  # the money charged: public money drawn, or total cost

    @property
    def by_year(self) -> bool:
        """Whether the charge per rupee differs between years."""
        return isinstance(self.least_gain, tuple)

    def in_year(self, t: int, weights: Sequence[float]) -> NetWorth:
        """Return the aim of year `t` alone, with a charge on all money drawn by the end of `t`."""
        gains = np.broadcast_to(np.asarray(self.least_gain, float), len(weights))
        # In the charge ``sum of g_t (M_t - M_t-1)``, the coefficient of ``M_t`` is
        # ``g_t - g_t+1``. In the aim of the year alone, a kWh/day has weight 1.
        own = (gains - np.append(gains[1:], 0.0))[t] / weights[t]
        return replace(self, least_gain=max(float(own), 0.0))

    def terms(self, layout: Layout, rows: Rows, prefix: str) -> Terms:
        """Return the aim's value as a linear expression."""
        worth, value = layout.worth()
        column, must = self.money(layout)
        return np.concatenate([worth, column]), np.concatenate([value, -must])

    def value(self, answer: _Answer) -> float:
        """Return the aim's value for a solution."""
        if isinstance(self.least_gain, tuple):
            charge = float(np.array(self.least_gain) @ answer.drawn_pkr(self.of))
        else:
            charge = self.least_gain * answer.total_pkr(self.of)
        return answer.worth - charge

    def explained(self, worth_unit: str) -> str:
        """Return a description of the aim, with its numbers and unit."""
        each = ", ".join(f"{gain * 1e6:g}" for gain in np.ravel(self.least_gain).tolist())
        by_year = " in each year" if self.by_year else ""
        return f"the most worth, less a charge of {each} {worth_unit} for each PKR m{by_year}"

    def money(self, layout: Layout) -> Terms:
        """Return the charge on money as columns and coefficients."""
        years = (layout.options.offer.shape[1],)
        return layout.money(self.of, np.broadcast_to(np.asarray(self.least_gain, float), years))


@dataclass(frozen=True)
class LeastMoney(Aim):
    """An aim that minimises the public money drawn or the total cost."""

    name = "least money"
    kind = "least_money"
    formula = r"\min M"
    words = "the least public money"
    of_money = True
    own_unit = "PKR"
    of: MoneyKind = "subsidy_pkr"

    def terms(self, layout: Layout, rows: Rows, prefix: str) -> Terms:
        """Return the aim's value as a linear expression."""
        return self.money(layout)

    def value(self, answer: _Answer) -> float:
        """Return the aim's value for a solution."""
        return answer.total_pkr(self.of)

    def explained(self, worth_unit: str) -> str:
        """Return a description of the aim, with its numbers and unit."""
        return f"the least {MONEY[self.of]}, PKR"

    def money(self, layout: Layout) -> Terms:
        """Return the money to minimise (PKR) as columns and coefficients."""
        return layout.money(self.of)


@dataclass(frozen=True, eq=False)
class WorstShare(Aim):
    """An aim that maximises the share of demand served in the worst-served group."""

    name = "best worst share"
    kind = "worst_share"
    formula = r"\max \min_{g,s} \tfrac{\sum_{i \in g} x_{ijs}}{D_{gs}}"
    words = "the best service in the worst-served zone"
    own_unit = "share"
    groups: tuple[Floor, ...] = field()  # groups of demand; their required shares are ignored

    def terms(self, layout: Layout, rows: Rows, prefix: str) -> Terms:
        """Add and return a column for the worst share, which is at most every group's share."""
        share = layout.columns.more(f"{prefix}share", 0.0, 1.0)
        for group in self.groups:
            for s in group.holds_in(layout.slices):
                wanted = float(group.wanted(layout.demand_kwh)[s])
                if wanted > 0:
                    column, value = layout.energy_of(group, s)
                    # share - served / wanted <= 0
                    at, by = np.append(column, share), np.append(-value / wanted, 1.0)
                    rows.add_one("aim", at, by, upper=0.0)
        return np.array([share]), np.ones(1)

    def value(self, answer: _Answer) -> float:
        """Return the aim's value for a solution."""
        return min([1.0, *(share for group in self.groups for share in answer.shares(group))])


@dataclass(frozen=True)
class LeastRegret(Aim):
    """An aim that minimises the worst-case regret over the scenarios."""

    name = "least regret"
    kind = "least_regret"
    formula = r"\min \max_k (b_k - S_k)"
    words = "the lowest worst-case regret over the scenarios"
    of_scenarios = True
    from_best = True
    best: tuple[float, ...] = ()  # best values by scenario; if empty, the engine computes them

    def with_best(self, best: tuple[float, ...]) -> LeastRegret:
        """Return the aim with the best value of each scenario."""
        return LeastRegret(best)

    def terms(self, layout: Layout, rows: Rows, prefix: str) -> Terms:
        """Add and return a column that is at least the regret in every scenario."""
        if len(self.best) != len(layout.probabilities):
            what = "the highest worth that any plan reaches in each scenario is unknown"
            raise InputError("least regret", what, "solve the program to compute these values")
        unit = layout.worth_unit
        regret = layout.columns.more(f"{prefix}regret", 0.0, max((0.0, *self.best)) / unit)
        for k, best in enumerate(self.best):
            column, value = layout.worth(k)
            # served + regret >= best
            at, by = np.append(column, regret), np.append(value / unit, 1.0)
            rows.add_one("aim", at, by, lower=best / unit)
        return np.array([regret]), np.array([unit])

    def value(self, answer: _Answer) -> float:
        """Return the aim's value for a solution."""
        return float(max(0.0, (np.array(self.best) - answer.worth_of_scenarios).max()))

    def goal(self, layout: Layout) -> Goal:
        """Return the aim as a function of the worth in each scenario."""
        best = np.array(self.best)
        return lambda worth: -np.maximum((_spread(best, worth) - worth).max(axis=0), 0.0)


@dataclass(frozen=True)
class Tail(Aim):
    """An aim that improves the mean of the worst ``1 - alpha`` of all outcomes (CVaR)."""

    name = "best tail"
    kind = "tail"
    formula = r"\max \mathrm{CVaR}_{\alpha}"
    words = "the best average of the worst outcomes"
    of_scenarios = True
    alpha: float
    of: TailOf = "unserved"

    @property
    def less_is_better(self) -> bool:
        """Whether a smaller value is better."""
        return self.of == "unserved"

    def terms(self, layout: Layout, rows: Rows, prefix: str) -> Terms:
        """Return the mean of the worst outcomes: a level minus the weighted shortfalls below it."""
        unit = layout.worth_unit
        most = layout.most_worth_of_scenarios() / unit
        wanted = layout.wanted_of_scenarios() / unit
        count = 1.0 if self.of == "unserved" else 0.0
        top = float(wanted.max(initial=0.0)) * count
        level = layout.columns.more(f"{prefix}level", -top, float(most.max(initial=0.0)))
        short = []
        for k in range(len(layout.probabilities)):
            short.append(layout.columns.more(f"{prefix}short_{k}", 0.0, top + float(most.max())))
            column, value = layout.worth(k)
            # level - short <= served - wanted
            at = np.append(column, [level, short[k]])
            by = np.append(-value / unit, [1.0, -1.0])
            rows.add_one("aim", at, by, upper=-count * float(wanted[k]))
        unit *= -1.0 if self.less_is_better else 1.0
        weight = np.append(1.0, -layout.probabilities / (1 - self.alpha))
        return np.array([level, *short]), unit * weight

    def value(self, answer: _Answer) -> float:
        """Return the aim's value for a solution."""
        served, chance = answer.worth_of_scenarios, answer.probabilities
        if self.of == "served":
            return float(tail_mean(served, chance, self.alpha))
        return 0.0 - float(tail_mean(served - answer.wanted_of_scenarios, chance, self.alpha))

    def explained(self, worth_unit: str) -> str:
        """Return a description of the aim, with its numbers and unit."""
        return f"the best average of the worst {1 - self.alpha:.0%} of outcomes, {worth_unit}"

    def goal(self, layout: Layout) -> Goal:
        """Return the aim as a function of the worth in each scenario."""
        chance = layout.probabilities
        wanted = layout.wanted_of_scenarios() if self.of == "unserved" else np.zeros(len(chance))
        return lambda worth: tail_mean(worth - _spread(wanted, worth), chance, self.alpha)


@dataclass(frozen=True)
class ShortestDrives(Aim):
    """An aim that minimises the sum of kWh × minutes driven."""

    name = "shortest drives"
    kind = "shortest_drives"
    formula = r"\min \sum_{ijs} w_s\, t_{ij}\, x_{ijs}"
    words = "the shortest drives"
    of_drives = True
    own_unit = "kWh·min/day"

    def terms(self, layout: Layout, rows: Rows, prefix: str) -> Terms:
        """Return the aim's value as a linear expression."""
        return layout.drives()

    def value(self, answer: _Answer) -> float:
        """Return the aim's value for a solution."""
        return answer.over_pairs(answer.pairs.minutes)


@dataclass(frozen=True, eq=False)
class LeastCostToAll(Aim):
    """An aim that minimises the yearly cost of stations and of drivers' time."""

    name = "least cost to all"
    kind = "least_cost_to_all"
    formula = r"\min \sum_n c_n y_n + \sum_{ijs} w_s\, m_i\, t_{ij}\, x_{ijs}"
    words = "the least cost of stations and drivers' time together"
    of_drives = True
    of_stations = True
    own_unit = "PKR/year"
    # Yearly cost of each offer (PKR), by ``offer_id``; 0 for existing stations, whose cost is sunk.
    cost_pkr_year: Mapping[str, float]
    pkr_kwh_min: Mapping[str, float]  # by class: PKR a year for driving a kWh/day for a minute

    def terms(self, layout: Layout, rows: Rows, prefix: str) -> Terms:
        """Return the aim's value as a linear expression."""
        column, value = layout.drives(self.minute_of_classes(layout.instance))
        yearly = layout.options.of_offers(self.of_offers(layout.instance))
        yearly = yearly @ year_weights(layout.slices)
        return np.append(column, np.arange(len(yearly))), np.append(value, yearly)

    def value(self, answer: _Answer) -> float:
        """Return the aim's value for a solution."""
        return sum(self.parts(answer).values())

    def of_offers(self, instance: Instance) -> Floats:
        """Return the yearly cost of each offer of an instance (PKR)."""
        return np.array([self.cost_pkr_year[str(o)] for o in instance.offer_ids], dtype=float)

    def minute_of_classes(self, instance: Instance) -> Floats:
        """Return each class's yearly cost of drivers' time (PKR per kWh/day and minute driven)."""
        return np.array([self.pkr_kwh_min.get(k, 0.0) for k in instance.class_names], dtype=float)

    def parts(self, answer: _Answer) -> Mapping[str, float]:
        """Return the yearly cost of stations and of drivers' time (PKR a year)."""
        pairs = answer.pairs
        minute = self.minute_of_classes(answer.instance)[pairs.vehicle_class[pairs.row]]
        return {
            STATIONS: answer.yearly(self.of_offers(answer.instance)),
            DRIVERS_TIME: answer.over_pairs(minute * pairs.minutes),
        }


AIMS: tuple[type[Aim], ...] = (
    MostWorth, NetWorth, LeastMoney, WorstShare, LeastRegret, Tail, ShortestDrives, LeastCostToAll,
)  # fmt: skip


def tail_mean(outcome: Floats, probability: Floats, alpha: float) -> Floats:
    """Return the mean of the lowest outcomes, of total probability ``1 - alpha``, along axis 0.

    The lowest of three outcomes has probability 0.3. The mean of the worst half is:

    >>> float(tail_mean(np.array([4.0, 9.0, 20.0]), np.array([0.3, 0.5, 0.2]), 0.5))
    6.0
    """
    order = np.argsort(outcome, axis=0, kind="stable")
    share = probability[order]
    before = np.cumsum(share, axis=0) - share
    inside = np.clip(1 - alpha - before, 0.0, share)
    counted = np.where(inside > 0, np.take_along_axis(outcome, order, axis=0), 0.0)
    return np.asarray((inside * counted).sum(axis=0) / inside.sum(axis=0))


def _spread(values: Floats, worth: Floats) -> Floats:
    """Return `values` (one per scenario) in a shape that broadcasts over the array `worth`."""
    return values.reshape(-1, *([1] * (worth.ndim - 1)))
