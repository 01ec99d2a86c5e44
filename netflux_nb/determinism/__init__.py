"""Sources of variation in a run: declared, budgeted, kept in a ledger, and judged."""
