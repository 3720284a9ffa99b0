"""Studies: asking Optuna, training, telling, and keeping all of it. The only place that knows Optuna."""
