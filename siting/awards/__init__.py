"""Award bids: choose the winners with the program, and compute each bid's critical ask."""

from siting.awards.award import award, award_to_folder
from siting.awards.award_page import Award

__all__ = ["Award", "award", "award_to_folder"]
