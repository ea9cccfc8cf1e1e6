"""Plan many cities on one budget: solve each city, divide the budget, and prove a bound."""

from siting.nation.division import Nation
from siting.nation.nation_plan import NationPlan
from siting.nation.questions import compare_nations, explain_city
from siting.nation.read_folder import read_nation
from siting.nation.verify_folder import verify_nation

__all__ = [
    "Nation", "NationPlan", "compare_nations", "explain_city", "read_nation", "verify_nation",
]  # fmt: skip
