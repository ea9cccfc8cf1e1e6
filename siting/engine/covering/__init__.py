"""Large coverings on one budget: their own arrays, prices, cuts and search."""
