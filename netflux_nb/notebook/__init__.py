"""The door: cells to Functions, magics, completion, live views, what ■ means."""
