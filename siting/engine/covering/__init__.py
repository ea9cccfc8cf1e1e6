"""Large coverings with one budget, with their own arrays, prices, cuts and search."""
