"""May it start? Budgets, approvals."""
