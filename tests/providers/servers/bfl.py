"""Black Forest Labs' /v1: pictures and edits, all asked about, with signed webhooks."""

import hashlib
import hmac
import json
import time
from uuid import uuid4

from aiohttp import web

from tests.providers.servers import CALL, Cut, ProtocolServer, png

_CREDITS = {
    "flux-2-pro": (3, 1.5), "flux-2-max": (7, 3), "flux-2-flex": (5, 5), "flux-2-klein-9b": (1.5, 0.2),
}  # fmt: skip
_TAKES = {
    "prompt", "width", "height", "seed", "safety_tolerance", "output_format", "webhook_url", "webhook_secret",
    "input_image", *(f"input_image_{number}" for number in range(2, 9)),
}  # fmt: skip


class BFLServer(ProtocolServer):
    kind = "bfl"

    def routes(self):
        return [
            web.get("/v1/get_result", self.result),
            web.get("/v1/credits", self.credits),
            web.post("/v1/{model}", self.submitted),
        ]

    def authorized(self, request):
        return request.headers.get("x-key") == self.secret

    def failure(self, name, value):
        shapes = {
            "unauthorized": (401, {"error": "unauthorized", "message": "Invalid API key"}),
            "forbidden": (403, {"detail": "Not authenticated - Invalid Authentication"}),
            "quota": (402, {"detail": "Insufficient credits"}),
            "rate_limited": (429, {"error": "rate_limit_exceeded", "message": "Too many", "retry_after": 5}),
            "rate_limited_header": (429, {"detail": "You have exceeded your limit of active tasks"}),
            "invalid": (400, {"detail": "sorry"}),
            "server_error": (500, {"detail": "Internal Server Error"}),
            "overloaded": (503, {"detail": "Service Unavailable"}),
        }
        if name not in shapes:
            return None
        status, body = shapes[name]
        headers = {"Retry-After": "9"} if name == "rate_limited_header" else {}
        return web.json_response(body, status=status, headers=headers)

    def _unprocessable(self, field, sentence):
        detail = [{"loc": ["body", field], "msg": sentence, "type": "value_error"}]
        return web.json_response({"detail": detail}, status=422)

    async def submitted(self, request):
        body, model = request[CALL].body, request.match_info["model"]
        if model not in _CREDITS:
            return web.json_response({"detail": "Not Found"}, status=404)
        if (wrong := self._wrong(body)) is not None:
            return wrong
        width, height = body.get("width", 1024), body.get("height", 1024)
        name = str(uuid4())
        content, media_type = png(width=width, height=height), "image/png"
        if self.strikes(request, "wrong_mime"):
            content, media_type = b"<html>sorry</html>", "text/html"
        status = next(
            (word for fault, word in (("request_moderated", "Request Moderated"),
                                      ("content_moderated", "Content Moderated"), ("failed", "Error"))
             if self.strikes(request, fault)), "Ready")  # fmt: skip
        url = self.keep(content, media_type)
        if self.strikes(request, "foreign_host"):
            url = "https://elsewhere.example/picture.png"
        self.works[name] = {
            "status": status, "sample": url, "ready_at": time.monotonic() + self.seconds, "looks": 0,
            "seed": body.get("seed", 42),
        }  # fmt: skip
        if self.strikes(request, "cut_after"):
            raise Cut
        answer = {"id": name, "polling_url": f"{self.url}/v1/get_result?id={name}"}
        if self.strikes(request, "foreign_polling"):
            answer["polling_url"] = f"https://bfl.ai.elsewhere.example/v1/get_result?id={name}"
        costs = {} if self.strikes(request, "no_usage") else self._costs(model, body, width * height)
        return web.json_response({**answer, **costs})

    def _wrong(self, body):
        """What the provider would say against a body, or None."""
        if unknown := set(body) - _TAKES:
            return self._unprocessable(min(unknown), "extra fields not permitted")
        width, height = body.get("width", 1024), body.get("height", 1024)
        if width % 16 or height % 16 or width < 64 or height < 64:
            return self._unprocessable("width", "must be a multiple of 16")
        if width * height > 4_194_304:
            return self._unprocessable("width", "at most 4 megapixels")
        if "webhook_secret" in body and "webhook_url" not in body:
            return self._unprocessable("webhook_secret", "goes with a webhook_url")
        return None

    def _costs(self, model, body, pixels):
        first, more = _CREDITS[model]
        pictures = sum(key.startswith("input_image") for key in body)
        output_mp = -(-pixels // 1_048_576)
        return {"cost": first + more * (output_mp - 1 + pictures), "input_mp": float(pictures),
                "output_mp": float(output_mp)}  # fmt: skip

    async def result(self, request):
        name = request.query.get("id", "")
        found = self.works.get(name)
        if found is None:
            return web.json_response({"id": name, "status": "Task not found", "result": None}, status=404)
        found["looks"] += 1
        answer = {"id": name, "status": "Pending", "result": None, "progress": None, "details": None}
        if self.strikes(request, "odd_status"):
            answer["status"] = "Reticulating"
        elif found["looks"] > 1 and time.monotonic() >= found["ready_at"]:
            answer["status"] = found["status"]
            if found["status"] == "Ready":
                answer["result"] = {"sample": found["sample"], "prompt": "…", "seed": found["seed"]}
            elif found["status"].endswith("Moderated"):
                answer["details"] = {"Moderation Reasons": ["Safety Filter"]}
        return web.json_response(answer)

    async def credits(self, _):
        return web.json_response({"credits": 123.4})


def signed(secret, name, at):
    """A webhook: its headers and its body."""
    body = json.dumps({"id": name, "status": "Ready", "result": {"sample": "https://delivery.bfl.ai/x", "seed": 42},
                       "timestamp": at.isoformat()}).encode()  # fmt: skip
    mark = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-BFL-Signature": f"sha256={mark}", "Content-Type": "application/json"}, body
