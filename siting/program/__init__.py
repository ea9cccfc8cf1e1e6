"""The mathematics of siting: what a plan must hold to and what it aims at, made of blocks."""
