"""Training from expected counts: the loop, its solvers and schedules."""
