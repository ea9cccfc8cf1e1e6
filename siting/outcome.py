"""The outcome of a program, as tables: the parts of its `Answer` that are needed after the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from siting.engine.answer import AimProof, Answer, Solved
from siting.engine.proof import Proof
from siting.errors import require_kind
from siting.tables import mean_drive_min

ENERGY_UNIT = "kWh/day"


class Line(NamedTuple):
    """A line of the headline: its ``run.json`` field, printed label and text."""

    field: str
    label: str
    text: str


@dataclass(frozen=True, eq=False, repr=False)
class Outcome(Solved):
    """The decisions of a plan, with their figures and what is proven about them.

    Parameters
    ----------
    model, proofs, offers, method, solver, solver_version, tie_break, guarantee
        As in `siting.Answer`.
    subsidy_pkr, cost_pkr, budget_pkr, demand_kwh_day, served_kwh_day
        As in `siting.Answer`, for the target year and the configuration's own demand.
    blocks
        The keys of the ``program`` section that are set, such as ``years`` or ``zone_floor``.
    aim
        The aims in words.
    service
        Energy that each site serves in the target year (`siting.tables.SERVICE`).
    slices
        The years and scenarios: ``slice``, ``year``, ``scenario``, ``weight``, ``probability``.
    built, services, demand
        For each ``slice``: the stations (``year``, ``site_id``, ``offer_id``), the energy that each
        site serves, and the demand.
    served
        One row per slice: ``year``, ``scenario``, ``demand_kwh_day``, ``served_kwh_day``,
        ``served_share``, ``worth``.
    money
        One row per year: ``year``, ``granted_pkr``, ``spent_pkr``; without years, a single row.
    paid
        Public money drawn by each site by the end of each year: ``site_id``, ``year``,
        ``subsidy_pkr``.
    floors
        One row per slice and floor on the share served: ``floor``, ``slice``, ``need_kwh_day``,
        ``served_kwh_day``, ``share``, ``served_share``.
    best
        The best value possible in each scenario: ``scenario``, ``best``. Empty unless an aim
        measures regret.
    limits
        How much of each limit is used: ``limit``, ``kind``, ``unit``, ``used``, ``at_least``,
        ``at_most``.
    lines
        Headline figures, each with its field, label and text.
    tables
        Further tables by name. Each is written as a CSV file.
    prices
        As in `siting.Answer`; a run folder does not store them.
    """

    model: str
    blocks: tuple[str, ...]
    aim: str
    proofs: tuple[AimProof, ...]
    offers: tuple[str, ...]
    subsidy_pkr: float
    cost_pkr: float
    budget_pkr: float
    demand_kwh_day: float
    served_kwh_day: float
    method: str
    solver: str
    solver_version: str
    tie_break: str
    guarantee: str
    service: pd.DataFrame
    slices: pd.DataFrame
    built: pd.DataFrame
    services: pd.DataFrame
    demand: pd.DataFrame
    served: pd.DataFrame
    money: pd.DataFrame
    paid: pd.DataFrame
    floors: pd.DataFrame
    best: pd.DataFrame
    limits: tuple[dict[str, Any], ...] = ()
    lines: tuple[Line, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    prices: pd.DataFrame | None = None

    @property
    def bound_kwh_day(self) -> float | None:
        """Upper bound on the energy that any plan can serve (kWh/day).

        None if no finite bound is proven, if the first aim is not energy, if there are several
        slices (years or scenarios), or if the value of energy decays with driving time.
        """
        energy = self.proofs[0].aim == "most worth" and self.proof.unit == ENERGY_UNIT
        if not energy or len(self.slices) > 1 or "decay" in self.blocks:
            return None
        return self.proof.bound if math.isfinite(self.proof.bound) else None

    @property
    def drives_min(self) -> tuple[float, float]:
        """Mean and 90th-percentile drive in the target year (min, weighted by energy), or NaN."""
        kwh = self.service["served_kwh_day"].to_numpy(dtype=float)
        minutes = self.service["travel_min"].to_numpy(dtype=float)
        if kwh.sum() <= 0:
            return math.nan, math.nan
        order = np.argsort(minutes, kind="stable")
        within = np.searchsorted(np.cumsum(kwh[order]), 0.9 * kwh.sum() * (1 - 1e-9))
        return mean_drive_min(kwh, minutes), float(minutes[order][min(within, len(order) - 1)])

    @property
    def subsidies(self) -> dict[str, float]:
        """Total public money drawn by each site (PKR), by ``site_id``."""
        last = self.paid.drop_duplicates("site_id", keep="last")
        return dict(zip(last["site_id"], last["subsidy_pkr"], strict=True))

    @property
    def drawn(self) -> dict[str, float]:
        """Total public money (PKR) drawn by each offer in place at the end, by ``offer_id``."""
        site = self.built.drop_duplicates("offer_id").set_index("offer_id")["site_id"]
        paid = self.subsidies
        return {offer: paid.get(site[offer], 0.0) for offer in self.offers}

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the outcome's tables by file name."""
        return {f"outcome_{name}": getattr(self, name) for name in FRAMES} | {
            f"table_{name}": frame for name, frame in self.tables.items()
        }

    def facts(self) -> dict[str, Any]:
        """Return all parts except the tables, as values for JSON."""
        proofs = [{"aim": one.aim, "proof": vars(one.proof)} for one in self.proofs]
        plain = {name: getattr(self, name) for name in FACTS}
        return plain | {"proofs": proofs, "tables": list(self.tables)}

    @classmethod
    def read(cls, facts: Mapping[str, Any], frame: Callable[[str], pd.DataFrame]) -> Outcome:
        """Return the outcome that a run folder stores.

        `facts` is the result of `Outcome.facts`, read from JSON. `frame` returns the table for a
        file name.
        """
        proofs = []
        for one in facts["proofs"]:
            # JSON has no infinity, so infinite values are stored as null.
            given = one["proof"].items()
            proof: dict[str, Any] = {k: math.inf if v is None else v for k, v in given}
            proofs.append(AimProof(one["aim"], Proof(**proof)))
        parts: dict[str, Any] = {name: facts[name] for name in FACTS}
        parts |= {name: tuple(facts[name]) for name in ("blocks", "offers", "limits")}
        parts["lines"] = tuple(Line(*map(str, line)) for line in facts["lines"])
        parts |= {name: frame(f"outcome_{name}") for name in FRAMES}
        tables = {name: frame(f"table_{name}") for name in facts["tables"]}
        return cls(**parts, proofs=tuple(proofs), tables=tables)


def outcome_of(answer: Answer, *, aim: str = "", blocks: Sequence[str] = ()) -> Outcome:
    """Return the plan, the figures and the proofs of an answer as plain tables.

    Parameters
    ----------
    answer
        Result of `siting.engine.solve`.
    aim
        The aims in words; their names by default.
    blocks
        The keys of the ``program`` section that are set.
    """
    require_kind("answer", answer, Answer, "give the result of siting.solve")
    program, instance = answer.program, answer.program.instance
    names = [one.name for one in program.slices]
    slices = answer.served[["slice", "year", "scenario"]].assign(
        weight=[one.weight for one in program.slices],
        probability=[one.probability for one in program.slices],
    )
    services = [answer.service(name) for name in names]
    classes = np.array(instance.class_names, dtype=object)
    rows = pd.DataFrame(
        {
            "demand_id": instance.demand_ids.astype(str),
            "cell_id": instance.cell_ids[instance.demand_cell].astype(str),
            "vehicle_class": classes[instance.demand_class].astype(str),
        }
    )
    wanted = [rows.assign(demand_kwh_day=program.demand_kwh[:, s]) for s in range(len(names))]
    reference = next((aim.best for aim in program.aims if aim.best), ())
    # An entry with share 0 is not a floor, but a group of the aim `WorstShare`.
    floors = answer.floor_table
    scenarios = program.scenario_plan.names if program.scenario_plan else ()
    best = pd.DataFrame({"scenario": scenarios[: len(reference)]})
    return Outcome(
        **{name: getattr(answer, name) for name in _SAME},
        blocks=tuple(blocks),
        aim=aim or ", then ".join(one.aim for one in answer.proofs),
        service=services[-1],
        slices=slices,
        services=_by_slice(names, services),
        demand=_by_slice(names, wanted),
        paid=_paid(answer),
        floors=floors[floors["share"] > 0].reset_index(drop=True),
        best=best.assign(best=list(reference[: len(best)])).astype({"best": float}),
    )


def _by_slice(names: Sequence[str], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    parts = pd.concat(dict(zip(names, tables, strict=True)), names=["slice"])
    return parts.reset_index("slice").reset_index(drop=True).astype({"slice": "str"})


def _paid(answer: Answer) -> pd.DataFrame:
    """Return the public money (PKR) drawn by each site up to the end of each year."""
    program, instance = answer.program, answer.program.instance
    years = program.year_plan.years if program.year_plan else (None,)
    rows = []
    for t, year in enumerate(years):
        offer = program.options.offer[answer.choice, t]
        offer = np.sort(offer[offer >= 0])
        money = instance.offer_subsidy if program.gap is None else answer.paid[:, t]
        ids = instance.site_ids[instance.offer_site[offer]].tolist()
        rows += [(s, year, pkr) for s, pkr in zip(ids, money[offer].tolist(), strict=True)]
    table = pd.DataFrame(rows, columns=["site_id", "year", "subsidy_pkr"])
    return table.astype({"site_id": "str", "year": "Int64", "subsidy_pkr": float})


# Fields common to an answer and its outcome.
_SAME = (
    "model", "proofs", "offers", "subsidy_pkr", "cost_pkr", "budget_pkr", "demand_kwh_day",
    "served_kwh_day", "method", "solver", "solver_version", "tie_break", "guarantee", "built",
    "served", "money", "prices",
)  # fmt: skip
FRAMES = tuple(f.name for f in fields(Outcome) if f.type == "pd.DataFrame")
_APART = (*FRAMES, "proofs", "tables", "prices")
FACTS = tuple(f.name for f in fields(Outcome) if f.name not in _APART)
