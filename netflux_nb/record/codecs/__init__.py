"""Codecs of large values: artifacts by their hash, tables, arrays and the texts in them."""
