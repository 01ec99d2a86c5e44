"""Views of all runs of a record, read as a person's look reads them."""

from netflux_nb.core.errors import ArgumentError
from netflux_nb.record.reading import check, files, read_view


def views(folder):
    """Give them, the oldest first, as far as they are sound."""
    rows = [row for path in files(folder) for row in check(path).rows if "seq" in row]
    found = []
    for run in dict.fromkeys(row["run"] for row in rows):
        try:
            found.append(read_view(folder, run).view)
        except ArgumentError:  # damaged from its first line on
            continue
    return found
