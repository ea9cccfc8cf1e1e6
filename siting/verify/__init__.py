"""Check plans again from plain tables, independently of the engine's code.

`recount` recomputes every figure of an `Account` with pandas and a separate transport problem, and
reports every figure that differs. A plan that fails the recount is never written.
"""

from siting.verify.account import Account, Aim, Decay, OtherPlan, ViabilityGap
from siting.verify.award_recount import AwardAccount, Ceiling, award_faults
from siting.verify.certificate import BOUND, certified
from siting.verify.recount import recount

__all__ = ["BOUND", "Account", "Aim", "AwardAccount", "Ceiling", "Decay", "OtherPlan",
           "ViabilityGap", "award_faults", "certified", "recount"]  # fmt: skip
