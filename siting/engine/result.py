"""The result of the solve for one aim."""

from __future__ import annotations

from dataclasses import dataclass

from siting.engine.proof import Stopped
from siting.engine.station_bound import Bounds
from siting.program.instance import Ints


@dataclass(frozen=True, eq=False)
class Result:
    """A choice, its value and bound in the aim's unit, why the solve ended, and the tolerance."""

    choice: Ints
    value: float
    bound: float
    stopped: Stopped
    nodes: int = 0
    guarantee: str = ""
    noise: float = 0.0
    bounds: Bounds | None = None  # bounds at the prices of the root's cuts


@dataclass(frozen=True)
class LeftOut:
    """Stations removed for too little gain: their offers, public money (PKR) and the value lost."""

    offers: tuple[str, ...] = ()
    subsidy_pkr: float = 0.0
    worth: float = 0.0


NOTHING = LeftOut()
