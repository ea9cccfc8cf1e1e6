"""The engine: bounds, plans and proofs for any program. No other package imports HiGHS."""

from siting.engine.answer import AimProof, Answer
from siting.engine.clock import Progress
from siting.engine.fixed import assign, plan_of
from siting.engine.marginal import Marginal, lost_without
from siting.engine.proof import Proof
from siting.engine.solve import solve
from siting.engine.why_not import why_not

__all__ = [
    "AimProof",
    "Answer",
    "Marginal",
    "Progress",
    "Proof",
    "assign",
    "lost_without",
    "plan_of",
    "solve",
    "why_not",
]
