"""placeholder"""

from __future__ import annotations

from dataclasses import dataclass

from siting.engine.answer import TieBreak
from siting.engine.proof import Stopped
from siting.program.instance import Ints


@dataclass(frozen=True, eq=False)
class Result:
    """What came of one aim: a choice, its value, a bound on any, and why it ended."""

    choice: Ints
    value: float
    bound: float
    stopped: Stopped
    nodes: int = 0
    tie_break: TieBreak = "polished"
    guarantee: str = ""
