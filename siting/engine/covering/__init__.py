"""Large coverings with one budget: arrays, prices, cuts and search of their own."""
