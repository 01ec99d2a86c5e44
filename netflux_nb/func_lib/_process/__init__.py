"""Child processes: shells and Python sessions behind walls, with their limits."""
