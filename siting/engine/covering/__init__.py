"""Solver for large covering problems with one budget: prices, cuts and search."""
