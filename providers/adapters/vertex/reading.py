"""Veo's operations in our terms."""

import re
from collections.abc import Mapping
from typing import Any

from providers import faults
from providers.adapters.google import failing
from providers.adapters.google.reading import decoded
from providers.contracts import Artifact, Done, Handle, Outcome, Refused, Running
from providers.errors import BadOutput, UnknownOutcome

_POLL_SECONDS = 10.0
# What addresses are made of: nothing else may be in it.
_NAME = re.compile(r"^projects/[\w.:-]+/locations/[\w-]+/publishers/google/models/[\w.-]+/operations/[\w-]+$")


def accepted(body: Mapping[str, Any]) -> Outcome:
    """The answer to a film that was ordered. Raises UnknownOutcome when it has no name to ask about."""
    name = body.get("name")
    if not isinstance(name, str) or not _NAME.match(name):
        raise UnknownOutcome("an operation without a name")
    return Running(Handle(1, {"operation": name}), _POLL_SECONDS)


def operation(body: Mapping[str, Any], handle: Handle) -> Outcome:
    """An operation as it stands. Raises ProviderError."""
    if not body.get("done"):
        return Running(handle, _POLL_SECONDS)
    if isinstance(body.get("error"), dict):
        return faults.refused_or_raised(failing.of_operation(body["error"]))
    answer = body.get("response") or {}
    videos = [item for item in answer.get("videos") or () if isinstance(item, dict)]
    if not videos:
        filtered = answer.get("raiMediaFilteredCount") or answer.get("raiMediaFilteredReasons")
        return Refused("output", ("filtered" if filtered else "empty",), "no film in the answer")
    first = videos[0]
    media_type = str(first.get("mimeType") or "video/mp4")
    if first.get("bytesBase64Encoded"):
        return Done((Artifact(media_type, decoded(first["bytesBase64Encoded"])),))
    if first.get("gcsUri"):
        return Done((Artifact(media_type, url=str(first["gcsUri"])),))
    raise BadOutput("A film that is nowhere.")
