"""Make covering instances of the synthetic city: S, M, L, and any size between them.

Candidates cost 0.7 to 1.6 million rupees, and the subsidy is the whole cost. A demand is covered by
the candidates that its drivers can reach in ten minutes (eight for L). `arrays` needs only numpy
and scipy, so a peer in a separate environment gets the same instance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import made_city

if TYPE_CHECKING:
    from siting import Instance

MILLION = 1e6


@dataclass(frozen=True)
class Size:
    """The size of an instance: corners per side, sites, demands, minutes, budget in millions."""

    side: int
    sites: int
    demands: int
    minutes: float
    budget: float


SIZES = {
    "S": Size(made_city.SIDE, 500, 5_000, 10, 10),
    "M": Size(made_city.SIDE, 2_000, 20_000, 10, 16),
    "L": Size(made_city.SIDE, 5_000, 100_000, 8, 30),
    "tiny": Size(120, 60, 500, 5, 6),
}


@dataclass(frozen=True, eq=False)
class Arrays:
    """A covering instance: minutes (demands x sites), weights, costs in millions, and budget."""

    minutes: Any
    weight: np.ndarray
    cost: np.ndarray
    budget: float

    @property
    def pairs(self) -> int:
        """Pairs of a demand and a site that covers it."""
        return int(self.minutes.nnz)


def arrays(size: Size) -> Arrays:
    """Return an instance as arrays."""
    city = made_city.make_city(size.side)
    places = made_city.make_places(city, size.sites, size.demands)
    seconds = made_city.within(city, places, size.minutes * 60)
    seconds.data /= 60
    return Arrays(seconds, places.weight, places.cost, size.budget)


def size_of(name: str) -> Size:
    """Return a size by its name, or from a text ``side,sites,demands,minutes,budget``."""
    if name in SIZES:
        return SIZES[name]
    side, sites, demands, minutes, budget = name.split(",")
    return Size(int(side), int(sites), int(demands), float(minutes), float(budget))


def instance(of: Arrays) -> Instance:
    """Return the package's instance with one offer per site, one class and one charger group."""
    from siting import Instance

    demands, sites = of.minutes.shape
    offer = np.arange(sites)
    return Instance(
        demand_ids=_ids("d", demands),
        demand_kwh=of.weight.copy(),
        demand_class=np.zeros(demands, dtype=np.int64),
        demand_cell=np.arange(demands),
        class_names=("car",),
        group_names=("dc",),
        uses=np.ones((1, 1), dtype=bool),
        cell_ids=_ids("c", demands),
        site_ids=_ids("s", sites),
        offer_ids=_ids("s", sites),
        offer_site=offer,
        offer_capacity=np.full((sites, 1), float(of.weight.sum())),
        offer_cost=of.cost * MILLION,
        offer_subsidy=of.cost * MILLION,
        offer_existing=np.zeros(sites, dtype=bool),
        offer_bundle=np.full(sites, "", dtype=object),
        offer_opens=np.zeros(sites, dtype=np.int64),
        reach_start=of.minutes.indptr.astype(np.int64),
        reach_site=of.minutes.indices.astype(np.int64),
        reach_min=of.minutes.data.copy(),
        budget_pkr=of.budget * MILLION,
    )


def _ids(letter: str, number: int) -> np.ndarray:
    return np.array([f"{letter}{i:07d}" for i in range(number)], dtype=object)


def value_of(of: Arrays, taken: np.ndarray) -> tuple[float, float]:
    """Return the weight that some sites cover, and their cost in millions."""
    covered = np.diff(of.minutes[:, taken].tocsr().indptr) > 0
    return float(of.weight[covered].sum()), float(of.cost[taken].sum())
