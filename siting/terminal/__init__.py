"""Terminal output: a plan, a demand, a frontier, and answers about stored runs."""
