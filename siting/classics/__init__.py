"""The classic location models: p-median, p-center, set cover, maximal cover, facility location."""
