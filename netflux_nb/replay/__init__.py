"""A recorded run once more: replayed, resumed, forked, run again."""
