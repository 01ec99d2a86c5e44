"""Texts for a person: made legible, paths of Nodes, short tracebacks."""
