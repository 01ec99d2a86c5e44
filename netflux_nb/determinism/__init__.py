"""What may vary in a run: declared, weighed, kept in a ledger, and judged."""
