"""The retries of a request to a model: which faults may pass, how often, after what pause."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from .errors import ModelError
from .messages import ModelReply, ModelRequest

# As the seed has it: eight tries, three seconds, doubled, at most thirty.
MAX_ATTEMPTS = 8
FIRST_PAUSE_S = 3.0
LONGEST_PAUSE_S = 30.0
# A server that asks for a longer pause has run out of something: a person should hear of it.
LONGEST_RETRY_AFTER_S = 300.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait, then go on: a fault that may pass was met."""

    seconds: float
    error: ModelError
    attempt: int


def with_retries(request: ModelRequest) -> Generator[ModelRequest | Pause, object, ModelReply]:
    """Yield a request until its reply is sent, and a `Pause` after each fault that may pass.

    Raise the `ModelError` that was sent, where no other attempt is worth while.
    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        answer = yield request
        if isinstance(answer, ModelReply):
            return answer
        assert isinstance(answer, ModelError)
        if not answer.retryable or attempt == (answer.max_attempts or MAX_ATTEMPTS):
            raise answer
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1))
        if answer.retry_after_s is not None:
            if answer.retry_after_s > LONGEST_RETRY_AFTER_S:
                raise answer
            pause = max(answer.retry_after_s, 0.0)
        yield Pause(pause, answer, attempt)
    raise AssertionError("the loop above returns or raises")
