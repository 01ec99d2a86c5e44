"""Functions: their kinds, arguments, prompts, schemas and versions."""
