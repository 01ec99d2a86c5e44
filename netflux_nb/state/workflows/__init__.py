"""Workflows: machines of states, which signals, outcomes and persons drive."""
