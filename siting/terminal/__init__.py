"""Terminal output of plans, demand and frontiers, and of commands on stored runs."""
