"""Reruns of recorded runs: replay, resume, fork, and rerun of what changed."""
