"""Award bids: choose the winners, and find the highest ask with which each bid would win."""

from siting.awards.award import award, award_to_folder
from siting.awards.award_page import Award

__all__ = ["Award", "award", "award_to_folder"]
