"""What a run leaves behind: curves, trials, objectives, environment and tables."""
