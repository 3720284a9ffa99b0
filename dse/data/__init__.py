"""Data sets: which images are trained on, chosen on and tested on."""
