"""Replicate's /v1: predictions by version, model and deployment, files, the list, cancel, account."""

import base64
import hmac
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from uuid import uuid4

from aiohttp import web

from tests.providers.servers import CALL, Cut, ProtocolServer, mp4, png

SDXL = "7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
# What each model takes, and how it answers: a text, a list or an object.
MODELS = {
    "black-forest-labs/flux-schnell": (
        {"prompt", "aspect_ratio", "num_outputs", "num_inference_steps", "seed", "output_format", "output_quality",
         "disable_safety_checker", "go_fast", "megapixels"}, "list"),
    "black-forest-labs/flux-2-pro": (
        {"prompt", "input_images", "aspect_ratio", "resolution", "width", "height", "safety_tolerance", "seed",
         "output_format", "output_quality"}, "text"),
    "bytedance/seedance-1-pro": (
        {"prompt", "image", "last_frame_image", "duration", "resolution", "aspect_ratio", "fps", "camera_fixed",
         "seed"}, "film"),
    SDXL: (
        {"prompt", "negative_prompt", "image", "mask", "width", "height", "num_outputs", "scheduler",
         "num_inference_steps", "guidance_scale", "prompt_strength", "seed", "refine", "high_noise_frac",
         "refine_steps", "apply_watermark", "lora_scale", "replicate_weights", "disable_safety_checker"}, "list"),
}  # fmt: skip
_TOP = {"version", "input", "webhook", "webhook_events_filter", "stream"}


class ReplicateServer(ProtocolServer):
    kind = "replicate"
    secret = "r8_0123456789abcdef0123456789abcdef"
    # Whether lists tell the webhook of each prediction, and how many predictions a page has.
    lists_webhooks = True
    page_size = 100

    def routes(self):
        return [
            web.post("/v1/predictions", self.by_version),
            web.post("/v1/models/{owner}/{name}/predictions", self.by_model),
            web.post("/v1/deployments/{owner}/{name}/predictions", self.by_model),
            web.get("/v1/predictions", self.listed),
            web.get("/v1/predictions/{id}", self.found),
            web.post("/v1/predictions/{id}/cancel", self.canceled),
            web.post("/v1/files", self.file),
            web.get("/v1/account", self.account),
        ]

    def is_billable(self, request):
        return request.method == "POST" and request.path.endswith("/predictions")

    def failure(self, name, value):
        shapes = {
            "unauthorized": (401, "Unauthenticated", "You did not pass a valid authentication token", {}),
            "rate_limited": (429, "", "Request was throttled. Your rate limit resets in ~30s.", {}),
            "rate_limited_header": (429, "", "Request was throttled.", {"Retry-After": "4"}),
            "quota": (402, "Insufficient credit", "You have insufficient credit to run this model.", {}),
            "gone": (404, "Not found", "The requested resource could not be found.", {}),
            "invalid": (422, "Input validation failed", "- input.seed: Invalid type. Expected: integer", {}),
            "server_error": (500, "Internal server error", "", {}),
            "bad_gateway": (502, "", "", {}),
            "overloaded": (503, "Service unavailable", "", {}),
        }
        if name not in shapes:
            return None
        status, title, detail, headers = shapes[name]
        body = {"detail": detail, "status": status, **({"title": title, "type": "about:blank"} if title else {})}
        return web.json_response(body, status=status, headers=headers)

    async def by_version(self, request):
        version = request[CALL].body.get("version", "").rpartition(":")[2]
        return await self._taken(request, version, model="stability-ai/sdxl", version=version)

    async def by_model(self, request):
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        return await self._taken(request, name, model=name, version="hidden")

    async def _taken(self, request, key, *, model, version):
        body = request[CALL].body
        if key not in MODELS:
            return self.failure("gone", 0)
        takes, shape = MODELS[key]
        if unknown := [*(set(body) - _TOP), *(set(body["input"]) - takes)]:
            return web.json_response({"title": "Input validation failed", "status": 422, "type": "about:blank",
                                      "detail": f"- input: Additional property {unknown[0]} is not allowed",
                                      "invalid_fields": [{"field": unknown[0]}]}, status=422)  # fmt: skip
        if "webhook" in body and not body["webhook"].startswith("https://"):
            return web.json_response({"title": "Input validation failed", "status": 422,
                                      "detail": "- webhook: must be a valid HTTPS URL"}, status=422)  # fmt: skip
        identity = uuid4().hex[:26]
        work = {"id": identity, "model": model, "version": version, "input": body["input"], "status": "starting",
                "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"), "shape": shape,
                "webhook": body.get("webhook"), "due": time.monotonic() + self.seconds,
                "fate": "succeeded"}  # fmt: skip
        for fault, error in (
            ("refused_failed", "NSFW content detected. Try running it again, or try a different prompt."),
            ("refused_e005", "The input or output was flagged as sensitive. Please try again. (E005)"),
            ("failed", "CUDA out of memory. (E1001)"),
        ):
            if self.strikes(request, fault):
                work |= {"fate": "failed", "error": error}
        if self.strikes(request, "aborted"):
            work["fate"] = "aborted"
        work["empty"] = self.strikes(request, "empty")
        self.works[identity] = work
        if self.strikes(request, "cut_after"):
            raise Cut
        return web.json_response(self._shown(request, work), status=201)

    def _shown(self, request, work):
        about = {name: work.get(name) for name in ("id", "model", "version", "input", "status", "created_at", "error")}
        host = f"{self.url}/v1/predictions/{work['id']}"
        about |= {"output": None, "logs": "", "metrics": {}, "data_removed": False, "source": "api",
                  "urls": {"get": host, "cancel": f"{host}/cancel"}}  # fmt: skip
        if work.get("webhook"):
            about["webhook"] = work["webhook"]
        if work["status"] in {"succeeded", "failed"} and not self.strikes(request, "no_usage"):
            about["metrics"] = {"predict_time": 4.0, "total_time": 4.5}
        if work["status"] == "succeeded":
            about["output"] = self._output(request, work)
        return about

    def _output(self, request, work):
        if work["empty"]:
            return []
        given = work["input"]
        if work["shape"] == "film":
            content, media_type = mp4(), "video/mp4"
        else:
            content, media_type = png(width=given.get("width", 1024), height=given.get("height", 1024)), "image/png"
        url = self.keep(content, media_type)
        if self.strikes(request, "foreign_host"):
            url = "https://evil.example/out.png"
        return [url] if work["shape"] == "list" else url

    async def found(self, request):
        work = self.works.get(request.match_info["id"])
        if work is None:
            return self.failure("gone", 0)
        if self.strikes(request, "odd_status"):
            return web.json_response({**self._shown(request, work), "status": "booting"})
        if work["status"] in {"starting", "processing"}:
            work["status"] = work["fate"] if time.monotonic() >= work["due"] else "processing"
        return web.json_response(self._shown(request, work))

    async def listed(self, request):
        newest = [*reversed(self.works.values())]
        start = int(request.query.get("cursor", 0))
        page = [self._shown(request, {**work, "status": "starting"}) for work in newest[start : start + self.page_size]]
        if not self.lists_webhooks:
            for item in page:
                item.pop("webhook", None)
        more = start + self.page_size
        following = f"{self.url}/v1/predictions?cursor={more}" if more < len(newest) else None
        return web.json_response({"previous": None, "next": following, "results": page},
                                 headers={"Date": format_datetime(datetime.now(UTC), usegmt=True)})  # fmt: skip

    async def canceled(self, request):
        work = self.works.get(request.match_info["id"])
        if work is None:
            return self.failure("gone", 0)
        if work["status"] in {"starting", "processing"}:
            work["status"] = "canceled"
        return web.json_response(self._shown(request, work))

    async def file(self, request):
        _, name, media_type, content = request[CALL].files[0]
        url = self.keep(content, media_type)
        return web.json_response({"id": uuid4().hex, "name": name, "content_type": media_type, "size": len(content),
                                  "urls": {"get": url}}, status=201)  # fmt: skip

    async def account(self, _):
        return web.json_response({"type": "organization", "username": "acme", "name": "Acme"})


def signed(secret, identity, body, at):
    """Headers as Standard Webhooks has them."""
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{identity}.{stamp}.".encode() + body, "sha256")).decode()
    return {"Webhook-Id": identity, "Webhook-Timestamp": stamp, "Webhook-Signature": f"v1,bm8= v1,{signature}"}
