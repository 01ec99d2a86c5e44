"""Functions that agents need every day, one file each."""
