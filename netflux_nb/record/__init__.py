"""The memory: what happened, kept as it happened."""
