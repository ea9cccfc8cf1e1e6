"""Recount a plan from plain tables, independently of the code of the engine.

`recount` computes every figure of an `Account` again, with pandas and a transport problem of its
own, and names every mismatch. A plan that fails the recount is never written.
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
