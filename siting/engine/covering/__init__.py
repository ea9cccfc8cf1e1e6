"""A solver of large coverings with one budget: arrays, prices, cuts and search."""
