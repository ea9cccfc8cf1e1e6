"""A nation on one budget: cities solved apart, money divided between them, and a certificate."""

from siting.nation.folder import read_nation
from siting.nation.nation import Nation
from siting.nation.plan import NationPlan
from siting.nation.questions import compare_nations, explain_city

__all__ = ["Nation", "NationPlan", "compare_nations", "explain_city", "read_nation"]
