"""Runners: who has the runs of a study trained."""
