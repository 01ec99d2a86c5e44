"""Magics: cells to Functions, `%nf` and its verbs, completion, questions to a person."""
