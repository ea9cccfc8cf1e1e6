"""What came of one aim."""

from __future__ import annotations

from dataclasses import dataclass

from siting.engine.proof import Stopped
from siting.program.instance import Ints


@dataclass(frozen=True, eq=False)
class Result:
    """A choice, its value in the aim's unit, a bound on any, why the solve ended, what is noise."""

    choice: Ints
    value: float
    bound: float
    stopped: Stopped
    nodes: int = 0
    guarantee: str = ""
    noise: float = 0.0


@dataclass(frozen=True)
class LeftOut:
    """Stations left out because they bring too little: their offers, money (PKR) and worth."""

    offers: tuple[str, ...] = ()
    subsidy_pkr: float = 0.0
    worth: float = 0.0


NOTHING = LeftOut()
