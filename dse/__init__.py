"""Pareto design-space exploration for training Capsule Networks fast."""
