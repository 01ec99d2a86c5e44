"""What runs look like: views as text."""
