"""The kernel that a notebook has: its settings, its place, its clock hand, its ■."""
