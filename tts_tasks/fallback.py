"""What to try when a provider fails: the next one in the ranking, for the whole narration.

One voice speaks a narration from its first sentence to its last; what the other one spoke stays in
the library, and costs nothing when it is asked again. A provider that was asked for by name, or has
the only voice asked for, is not replaced.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from tts_tasks.errors import EngineError, EngineUnavailableError, NarrationError
from tts_tasks.request import AUTO, NarrationRequest
from tts_tasks.values import Script

logger = logging.getLogger(__name__)


def is_the_providers(error: NarrationError) -> bool:
    """Return whether another provider may do better: the text is not to blame."""
    return isinstance(error, EngineUnavailableError) or (
        isinstance(error, EngineError) and error.retryable
    )


def others(script: Script) -> list[str]:
    """Return who else could speak a narration, the best first."""
    usable = (verdict.provider for verdict in script.ranking if verdict.is_usable)
    return [provider for provider in usable if provider != script.provider]


def next_request(
    request: NarrationRequest, script: Script | None, error: NarrationError
) -> NarrationRequest | None:
    """Return the request with which another provider is tried; ``None`` if nobody else may be.

    Args:
        request: what failed.
        script: who was to speak it; ``None`` if that was not even found out.
        error: what went wrong.
    """
    if script is None or request.provider != AUTO or not is_the_providers(error):
        return None
    remaining = others(script)
    if not remaining:
        return None
    logger.warning("%s failed (%s): %s is tried", script.provider, error, remaining[0])
    return replace(request, failed={**request.failed, script.provider: error.message})
