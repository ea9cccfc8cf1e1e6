"""Awards: the program chooses among bids, and gives each bid its critical ask."""

from siting.awards.award import award, award_to_folder
from siting.awards.award_page import Award

__all__ = ["Award", "award", "award_to_folder"]
