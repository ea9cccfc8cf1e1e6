"""An independent recount of any plan from plain tables, without code of program or engine.

`recount` takes an `Account`, computes every figure again with pandas and its own transport problem,
and names every mismatch. A plan that fails is never written.
"""

from siting.verify.account import Account, Aim, AimKind, Decay, OtherPlan, ToAll, ViabilityGap
from siting.verify.award_recount import AwardAccount, Ceiling, award_faults
from siting.verify.certificate import BOUND, PROVABLE, Certified, certified
from siting.verify.recount import recount

__all__ = [
    "BOUND",
    "PROVABLE",
    "Account",
    "Aim",
    "AimKind",
    "AwardAccount",
    "Ceiling",
    "Certified",
    "Decay",
    "OtherPlan",
    "ToAll",
    "ViabilityGap",
    "award_faults",
    "certified",
    "recount",
]
