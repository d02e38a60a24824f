"""Luma's Dream Machine /v1: pictures and films that are asked about, and the list of them."""

import time
from uuid import uuid4

from aiohttp import web

from tests.providers.servers import CALL, Cut, ProtocolServer, mp4, png

_RATIOS = {
    "1:1": (1024, 1024), "4:3": (1184, 880), "16:9": (1376, 768), "21:9": (1568, 672), "3:4": (880, 1184),
    "9:16": (768, 1376), "9:21": (672, 1568),
}  # fmt: skip
_TAKES = {
    "image": {"model", "prompt", "aspect_ratio", "callback_url", "character_ref", "format", "generation_type",
              "image_ref", "modify_image_ref", "style_ref", "sync", "sync_timeout"},
    "video": {"model", "prompt", "aspect_ratio", "callback_url", "duration", "generation_type", "keyframes", "loop",
              "resolution", "concepts"},
}  # fmt: skip
_MODELS = {"image": {"photon-1", "photon-flash-1"}, "video": {"ray-1-6", "ray-2", "ray-flash-2"}}


class LumaServer(ProtocolServer):
    kind = "luma"

    def routes(self):
        base = "/dream-machine/v1"
        return [
            web.post(f"{base}/generations/{{kind}}", self.submitted),
            web.get(f"{base}/generations/{{id}}", self.one),
            web.get(f"{base}/generations", self.every),
            web.get(f"{base}/credits", self.credits),
        ]

    def failure(self, name, value):
        shapes = {
            "unauthorized": (401, "Unauthorized"), "forbidden": (403, "Not authenticated"),
            "quota": (400, "Insufficient credits"), "quota_402": (402, "Payment required"),
            "refused_4xx": (400, "Prompt contains blacklisted words"),
            "invalid": (400, "Prompt is too short, minimum length is 3 characters"),
            "rate_limited": (429, "Too many requests"), "server_error": (500, "Internal Server Error"),
            "overloaded": (503, "Service Unavailable"),
        }  # fmt: skip
        if name not in shapes:
            return None
        status, detail = shapes[name]
        return web.json_response({"detail": detail}, status=status,
                                 headers={"Retry-After": "4"} if status == 429 else {})  # fmt: skip

    def _refusal(self, sentence):
        return web.json_response({"detail": sentence}, status=400)

    async def submitted(self, request):
        body, kind = request[CALL].body, request.match_info["kind"]
        if kind not in _TAKES:
            return web.json_response({"detail": "Not Found"}, status=404)
        if unknown := set(body) - _TAKES[kind]:
            return self._refusal(f"Unknown field: {min(unknown)}")
        if body.get("model") not in _MODELS[kind] or body.get("aspect_ratio", "16:9") not in _RATIOS:
            return self._refusal("Unknown model or shape")
        if kind == "video" and body.get("duration", "5s") not in {"5s", "9s"}:
            return self._refusal("Unknown duration")
        if kind == "image" and body.get("format", "jpg") not in {"jpg", "png"}:
            return self._refusal("Unknown format")
        if not 3 <= len(body.get("prompt", "")) <= 5_000:
            return self.failure("invalid", 0)
        name = str(uuid4())
        reasons = {"moderated_later": "Advanced prompt moderation failed", "failed": "Job failed"}
        reason = next((sentence for fault, sentence in reasons.items() if self.strikes(request, fault)), None)
        self.works[name] = {
            "kind": kind, "request": {**body, "generation_type": kind}, "reason": reason, "looks": 0,
            "url": self._file_of(request, kind, body), "ready_at": time.monotonic() + self.seconds,
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }  # fmt: skip
        if self.strikes(request, "cut_after"):
            raise Cut
        return web.json_response(self._as_seen(name, "queued"), status=201)

    def _file_of(self, request, kind, body):
        if self.strikes(request, "foreign_host"):
            return "https://elsewhere.example/file"
        if self.strikes(request, "wrong_mime"):
            return self.keep(b"<html>sorry</html>", "text/html")
        if kind == "video":
            return self.keep(mp4(), "video/mp4")
        width, height = _RATIOS[body.get("aspect_ratio", "16:9")]
        return self.keep(png(width=width, height=height), "image/png")

    def _as_seen(self, name, state):
        work = self.works[name]
        done = state == "completed"
        return {
            "id": name, "generation_type": work["kind"], "state": state,
            "failure_reason": work["reason"] if state == "failed" else None, "created_at": work["created_at"],
            "assets": {work["kind"]: work["url"], "progress_video": None} if done else None,
            "model": work["request"]["model"], "request": work["request"],
        }  # fmt: skip

    def _state(self, work):
        if work["looks"] < 2 or time.monotonic() < work["ready_at"]:
            return "dreaming"
        return "failed" if work["reason"] else "completed"

    async def one(self, request):
        name = request.match_info["id"]
        if name not in self.works:
            return web.json_response({"detail": "Generation not found"}, status=404)
        if self.strikes(request, "odd_status"):
            return web.json_response(self._as_seen(name, "daydreaming"))
        self.works[name]["looks"] += 1
        return web.json_response(self._as_seen(name, self._state(self.works[name])))

    async def every(self, request):
        limit, offset = int(request.query.get("limit", 10)), int(request.query.get("offset", 0))
        names = list(reversed(self.works))
        page = [self._as_seen(name, self._state(self.works[name])) for name in names[offset : offset + limit]]
        return web.json_response({"generations": page, "count": len(page), "limit": limit, "offset": offset,
                                  "has_more": offset + limit < len(names)})  # fmt: skip

    async def credits(self, _):
        return web.json_response({"credit_balance": 1234.5})
