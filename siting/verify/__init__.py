"""One recount of any plan, from plain tables alone: no code is shared with program or engine.

`recount` takes an `Account`, works every figure out anew with pandas and a transport problem of its
own, and names all that does not hold. A plan that fails is never written.
"""

from siting.verify.account import Account, Aim, AimKind, Decay, OtherPlan, ToAll, ViabilityGap
from siting.verify.certificate import BOUND, PROVABLE, Certified, certified
from siting.verify.recount import recount

__all__ = [
    "BOUND",
    "PROVABLE",
    "Account",
    "Aim",
    "AimKind",
    "Certified",
    "Decay",
    "OtherPlan",
    "ToAll",
    "ViabilityGap",
    "certified",
    "recount",
]
