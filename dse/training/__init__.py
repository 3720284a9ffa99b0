"""Data, networks and the reference training loop: the only part of dse that imports torch."""
