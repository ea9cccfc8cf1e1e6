"""A nation on one budget: cities solved apart, money divided between them, and a certificate."""

from siting.nation.folder import read_nation
from siting.nation.nation import Nation
from siting.nation.plan import NationPlan

__all__ = ["Nation", "NationPlan", "read_nation"]
