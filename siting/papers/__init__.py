"""Papers for a plan's approval, connections, licences and tender, as Word files."""

from siting.papers.papers import KINDS, write_paper

__all__ = ["KINDS", "write_paper"]
