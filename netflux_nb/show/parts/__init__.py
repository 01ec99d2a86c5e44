"""What every view is made of: HTML, text, tables, numbers, values, and the lines of a tree."""
