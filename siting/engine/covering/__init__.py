"""A solver for large coverings with one budget: arrays, prices, cuts and search."""
