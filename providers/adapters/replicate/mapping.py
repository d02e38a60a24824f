"""Our terms as a prediction's input. A model is asked for by its version's hash, by its name or by a deployment."""

from typing import Any

from providers.adapters import declared
from providers.contracts import CanonicalRequest, Revision, WirePlan


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The prediction to make. Raises InvalidParams.

    `upstream` has one of `version` (64 hexadecimal digits, which never change their meaning), `model` (`owner/name`,
    for the models that Replicate keeps up itself) and `deployment` (`owner/name`).
    """
    asked = declared.asked(revision, request)
    upstream = revision.spec["upstream"]
    payload: dict[str, Any] = {"input": dict(asked.payload)}
    if version := upstream.get("version"):
        payload["version"] = version
        path = "/predictions"
    elif deployment := upstream.get("deployment"):
        path = f"/deployments/{deployment}/predictions"
    else:
        path = f"/models/{upstream['model']}/predictions"
    about = {
        "deadline": request.deadline,
        "kept": {
            "media_type": asked.media_type,
            **{name: asked.task[name] for name in ("output", "refused_when", "every") if name in asked.task},
        },
    }
    return WirePlan(payload, path, files=asked.files, notes=asked.notes, about=about)
