"""What a study shows beyond its noise."""
