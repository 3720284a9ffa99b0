"""What to do with a study: pick a point of it by a rule, and compare it with another study. Frames in, nouns out."""
