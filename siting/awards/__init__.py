"""Awards: bids chosen by the program, and the critical ask of each loser."""

from siting.awards.award import award, award_to_folder
from siting.awards.award_page import Award

__all__ = ["Award", "award", "award_to_folder"]
