"""Figures as files, drawn by matplotlib."""
