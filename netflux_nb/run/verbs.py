"""What a Function can be asked beside a call, by the names that it has there."""

from ..show.source import python_of as source
from .history import history
from .mapped import map_rows as map
from .preview import preview

__all__ = ["history", "map", "preview", "source"]
