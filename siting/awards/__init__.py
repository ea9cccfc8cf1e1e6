"""Who is awarded: bids chosen by the program, and what each loser could have asked."""

from siting.awards.award import Award, award, award_to_folder

__all__ = ["Award", "award", "award_to_folder"]
