"""What solves a program: bounds, plans and proofs, on HiGHS; the only room that knows solvers."""
