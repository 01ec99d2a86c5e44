"""Parts of every view: HTML, text, tables, numbers, values, and the outline of a tree."""
