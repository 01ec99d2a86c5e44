"""The record: events on disk, read back, kept, bundled and queried."""
