"""Awards: bids chosen by the program, and the critical ask of each loser."""

from siting.awards.award import Award, award, award_to_folder

__all__ = ["Award", "award", "award_to_folder"]
