"""Terminal output: a plan, a demand, a frontier, and questions to stored runs."""
