"""Policies on spending and approval: budgets, the daily cap, a person's yes."""
