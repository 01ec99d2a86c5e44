"""A Function's version as a value: its digest, and whether that covers everything it reaches."""

from __future__ import annotations

from dataclasses import dataclass, field

# Ends the text of a version that is not whole, in every record since the first.
_IN_PART = "?"


@dataclass(frozen=True, slots=True)
class Version:
    """A digest of a Function, and whether all that its code reaches went into it."""

    digest: str
    # One that is not never counts as unchanged.
    is_whole: bool = True
    # What could not be hashed, by name; a record does not keep it.
    unhashed: tuple[str, ...] = field(default=(), compare=False)

    @property
    def short(self) -> str:
        """As much of the digest as a person reads."""
        return self.digest[:8]

    @property
    def text(self) -> str:
        """The form in a record; `version_in` reads it."""
        return self.digest if self.is_whole else f"{self.digest}{_IN_PART}"


def version_in(text: object) -> Version | None:
    """Read the version that a line or a row of a record holds; None where it holds none."""
    if not isinstance(text, str) or not text:
        return None
    digest = text.removesuffix(_IN_PART)
    return Version(digest, digest == text)
