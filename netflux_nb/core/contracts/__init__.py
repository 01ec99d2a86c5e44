"""What a Function may touch, and values that never change: versions of a state."""
