"""Agents at work: their Node, the driver of their loop, lanes to providers, streaming."""
