"""Contracts of Functions with a state, and values that never change."""
