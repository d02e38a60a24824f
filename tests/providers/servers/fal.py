"""fal's queue: requests by endpoint, status, result, cancel, and the key set that webhooks are signed by."""

import base64
import hashlib
import time
from uuid import uuid4

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.providers.servers import CALL, Cut, ProtocolServer, mp4, png

KEY = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
_PICTURE = {"prompt", "image_size", "num_images", "num_inference_steps", "guidance_scale", "seed", "sync_mode",
            "enable_safety_checker", "output_format", "acceleration"}  # fmt: skip
_PRO = {"prompt", "image_size", "seed", "safety_tolerance", "enable_safety_checker", "output_format", "sync_mode"}
_FILM = {"prompt", "negative_prompt", "duration", "aspect_ratio", "resolution", "generate_audio", "seed", "auto_fix"}
# By endpoint: what it takes, and what it must have.
ENDPOINTS = {
    "fal-ai/flux/schnell": (_PICTURE, {"prompt"}),
    "fal-ai/flux-2-pro": (_PRO, {"prompt"}),
    "fal-ai/flux-2-pro/edit": ({*_PRO, "image_urls"}, {"prompt", "image_urls"}),
    "fal-ai/veo3.1/fast": (_FILM, {"prompt"}),
    "fal-ai/veo3.1/fast/image-to-video": ({*_FILM, "image_url"}, {"prompt", "image_url"}),
}


def public(key):
    """A public key as a key set has it."""
    return base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")


class FalServer(ProtocolServer):
    kind = "fal"
    secret = "0123abcd-4567:89abcdef0123456789abcdef"
    # How one says that a result is not there yet: 400 with a sentence, or 202 with the status.
    early = "sentence"

    def routes(self):
        return [
            web.get("/.well-known/jwks.json", self.keys),
            web.get("/{owner}/{app}/requests/{id}/status", self.status),
            web.put("/{owner}/{app}/requests/{id}/cancel", self.cancel),
            web.get("/{owner}/{app}/requests/{id}", self.result),
            web.post("/{endpoint:.+}", self.asked),
        ]

    def authorized(self, request):
        open_to_all = request.path.startswith("/.well-known/")
        return open_to_all or request.headers.get("Authorization") == f"Key {self.secret}"

    def failure(self, name, value):
        policy = {"loc": ["body", "prompt"], "msg": "The content was flagged.", "type": "content_policy_violation",
                  "url": "https://docs.fal.ai/errors#content_policy_violation", "input": "…"}  # fmt: skip
        wrong = {"loc": ["body", "seed"], "msg": "Input should be a valid integer", "type": "int_parsing", "input": "x"}
        shapes = {
            "unauthorized": (401, "Cannot access application. Authentication is required.", {}),
            "quota": (403, "User is locked. Reason: Exhausted balance. Top up your balance.", {}),
            "refused_4xx": (422, [policy], {"X-Fal-Retryable": "false"}),
            "invalid": (422, [wrong], {"X-Fal-Retryable": "false"}),
            "rate_limited": (429, "Too many requests", {"Retry-After": "6"}),
            "gone": (404, "Application not found", {}),
            "server_error": (500, "Internal Server Error", {}),
            "bad_gateway": (502, "Bad Gateway", {}),
            "overloaded": (503, "Service Unavailable", {}),
        }
        if name not in shapes:
            return None
        status, detail, headers = shapes[name]
        return web.json_response({"detail": detail}, status=status, headers=headers)

    async def asked(self, request):
        body, endpoint = request[CALL].body, request.match_info["endpoint"]
        rule = ENDPOINTS.get(endpoint)
        if rule is None:
            return self.failure("gone", 0)
        takes, needs = rule
        size = body.get("image_size", {})
        if set(body) - takes or needs - set(body) or not isinstance(size, dict):
            return self.failure("invalid", 0)
        identity = str(uuid4())
        self.works[identity] = {
            "app": "/".join(endpoint.split("/")[:2]), "body": body, "due": time.monotonic() + self.seconds,
            "film": "veo" in endpoint, "looks": 0, "early": self.strikes(request, "early"),
            **{fault: self.strikes(request, fault) for fault in
               ("refused_200", "refused_later", "empty", "failed", "infra_failed", "invalid_later")},
        }  # fmt: skip
        if self.strikes(request, "cut_after"):
            raise Cut
        host = f"{self.url}/{self.works[identity]['app']}/requests/{identity}"
        return web.json_response({"request_id": identity, "gateway_request_id": identity, "response_url": host,
                                  "status_url": f"{host}/status", "cancel_url": f"{host}/cancel",
                                  "queue_position": 0})  # fmt: skip

    def _work(self, request):
        found = self.works.get(request.match_info["id"])
        app = f"{request.match_info['owner']}/{request.match_info['app']}"
        return found if found is not None and found["app"] == app else None

    async def status(self, request):
        work = self._work(request)
        if work is None:
            return self.failure("gone", 0)
        if self.strikes(request, "odd_status"):
            return web.json_response({"status": "REHEATING"}, status=202)
        if time.monotonic() < work["due"]:
            return web.json_response({"status": "IN_PROGRESS", "logs": []}, status=202)
        return web.json_response({"status": "COMPLETED", "metrics": {"inference_time": 1.2}})

    async def result(self, request):
        work = self._work(request)
        if work is None:
            return self.failure("gone", 0)
        work["looks"] += 1
        if work["early"] and work["looks"] == 1:
            if self.early == "sentence":
                return web.json_response({"detail": "Request is still in progress"}, status=400)
            return web.json_response({"status": "IN_PROGRESS"}, status=202)
        if (failed := self._failed(work)) is not None:
            return failed
        headers = {"x-fal-request-id": request.match_info["id"], "x-fal-served-from": "fal-1"}
        if not self.strikes(request, "no_usage"):
            headers["x-fal-billable-units"] = "8.008" if work["film"] else "1"
        return web.json_response(self._made(request, work), headers=headers)

    def _failed(self, work):
        if work["refused_later"]:
            return self.failure("refused_4xx", 0)
        if work["invalid_later"]:
            return self.failure("invalid", 0)
        if work["failed"]:
            fault = {"loc": ["body"], "msg": "Internal error", "type": "internal_server_error"}
            return web.json_response({"detail": [fault]}, status=500)
        if work["infra_failed"]:
            said = {"detail": "Runner could not be scheduled", "error_type": "runner_scheduling_failure"}
            return web.json_response(said, status=503)
        return None

    def _made(self, request, work):
        given = work["body"]
        if work["film"]:
            url = self._kept(request, mp4(), "video/mp4")
            return {"video": {"url": url, "content_type": "video/mp4", "file_name": "out.mp4", "file_size": 40}}
        size = given.get("image_size") or {"width": 1024, "height": 768}
        url = self._kept(request, png(width=size["width"], height=size["height"]), "image/png")
        images = [] if work["empty"] else [{"url": url, **size, "content_type": "image/png"}]
        return {"images": images, "seed": given.get("seed", 1), "has_nsfw_concepts": [work["refused_200"]],
                "timings": {"inference": 1.2}, "prompt": given["prompt"]}  # fmt: skip

    def _kept(self, request, content, media_type):
        if self.strikes(request, "foreign_host"):
            return "https://evil.example/out"
        return self.keep(content, media_type)

    async def cancel(self, request):
        work = self._work(request)
        if work is None:
            return web.json_response({"status": "NOT_FOUND"}, status=404)
        if time.monotonic() >= work["due"]:
            return web.json_response({"status": "ALREADY_COMPLETED"}, status=400)
        return web.json_response({"status": "CANCELLATION_REQUESTED"}, status=202)

    async def keys(self, _):
        return web.json_response({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": public(KEY)}]})


def signed(key, identity, body, at):
    """Headers as fal has them."""
    stamp = str(int(at.timestamp()))
    message = "\n".join((identity, "user-1", stamp, hashlib.sha256(body).hexdigest())).encode()
    return {"X-Fal-Webhook-Request-Id": identity, "X-Fal-Webhook-User-Id": "user-1",
            "X-Fal-Webhook-Timestamp": stamp, "X-Fal-Webhook-Signature": key.sign(message).hex()}  # fmt: skip
