"""Agents at work: their Node, the loop that is driven, the lanes to providers, streamed pieces."""
