"""The networks that are trained, and the arithmetic of their steps."""
