"""Runs one notebook as one DVC stage."""
