"""A server that speaks OpenAI's words in one of the dialects in use: what it takes and how it fails differ."""

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from uuid import uuid4

from aiohttp import web

from tests.providers.servers import CALL, Cut, ProtocolServer, mp3, mp4, now_seconds, png, wav

_CHAT = {"model", "messages", "temperature", "seed", "stream"}
_IMAGE = {"model", "prompt", "n", "seed", "negative_prompt", "steps", "style", "quality"}
_FILM = {"model", "prompt", "seconds", "size", "input_reference"}
_NATIVE_FILM = {"model", "prompt", "duration", "resolution", "aspect_ratio", "generate_audio", "seed"}


@dataclass(frozen=True)
class Dialect:
    """One server's ways. `errors` is the shape of what fails: openai, azure, vllm, detail, string or openrouter."""

    auth: str = "bearer"
    errors: str = "openai"
    length: str = "max_tokens"
    stream_options: bool = True
    streams: bool = True
    usage: bool = True
    marks_end: bool = True
    gives_reason: bool = True
    size: str = "size"
    cost: float | None = None
    film: str = "multipart"
    query: dict[str, str] = field(default_factory=dict)
    extra: frozenset[str] = frozenset()


class CompatibleServer(ProtocolServer):
    kind = "openai_compatible"

    def __init__(self, dialect: Dialect | None = None) -> None:
        super().__init__()
        self.dialect = dialect or Dialect()

    def routes(self):
        return [
            web.post("/v1/images/generations", self.images),
            web.post("/v1/images/edits", self.images),
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/audio/speech", self.speech),
            web.post("/v1/videos", self.film),
            web.get("/v1/videos/{id}", self.film_status),
            web.get("/v1/videos/{id}/content", self.film_content),
            web.delete("/v1/videos/{id}", self.film_cancel),
            web.get("/v1/models", self.models),
        ]

    def authorized(self, request):
        if any(request.query.get(name) != value for name, value in self.dialect.query.items()):
            return False
        match self.dialect.auth:
            case "none":
                return "Authorization" not in request.headers
            case "bearer":
                return super().authorized(request)
            case header:
                return request.headers.get(header) == self.secret and "Authorization" not in request.headers

    def failure(self, name, value):
        shapes = {
            "unauthorized": (401, "invalid_api_key", {}),
            "rate_limited": (429, "rate_limit_exceeded", {"Retry-After": "3"}),
            "rate_limited_ms": (429, "rate_limit_exceeded", {"retry-after-ms": "1500"}),
            "quota": (402, "insufficient_credits", {}),
            "quota_429": (429, "insufficient_quota", {}),
            "invalid": (400, "invalid_value", {}),
            "server_error": (500, "server_error", {}),
            "overloaded": (503, "unavailable_error", {}),
            "gone": (404, "model_not_found", {}),
        }
        if name == "refused_4xx":
            return self._content_filter()
        if name == "refused_routed":
            error = {"code": 403, "message": "flagged", "metadata": {"reasons": ["violence"], "flagged_input": "…"}}
            return web.json_response({"error": error}, status=403)
        if name == "error_200":
            return web.json_response({"error": {"code": 429, "message": "upstream is busy"}}, status=200)
        if name not in shapes:
            return None
        status, word, headers = shapes[name]
        return web.json_response(self._said(status, word), status=status, headers=headers)

    def _said(self, status, word):
        match self.dialect.errors:
            case "string":
                return {"error": "sorry"}
            case "detail":
                return {"detail": "sorry"}
            case "vllm":
                return {"object": "error", "message": "sorry", "type": word, "param": None, "code": status}
            case "openrouter":
                return {"error": {"code": status, "message": "sorry"}, "user_id": "user_1"}
            case _:
                return {"error": {"message": "sorry", "type": word, "param": None, "code": word}}

    def _content_filter(self):
        verdicts = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": True, "severity": "high"}}
        error = {
            "message": "sorry", "type": None, "param": "prompt", "code": "content_filter", "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": verdicts},
        }  # fmt: skip
        return web.json_response({"error": error}, status=400)

    def _unknown(self, body, allowed):
        unknown = set(body) - allowed - self.dialect.extra
        if unknown:
            return web.json_response(self._said(400, "extra_forbidden"), status=400)
        return None

    async def images(self, request):
        body = request[CALL].body
        size = {"size"} if self.dialect.size == "size" else {"width", "height"}
        if refused := self._unknown(body, _IMAGE | size | {"response_format"}):
            return refused
        await asyncio.sleep(self.seconds)
        width, height = map(int, body["size"].split("x")) if "size" in body else (body["width"], body["height"])
        content = png(width=width, height=height)
        if body.get("response_format") == "url":
            host = "http://elsewhere.example" if self.strikes(request, "foreign_host") else None
            address = self.keep(content, "image/png")
            item = {"url": address if host is None else address.replace(self.url, host)}
        else:
            if self.strikes(request, "wrong_mime"):
                content = b"<html>sorry</html>"
            item = {"b64_json": base64.b64encode(content).decode()}
        data = [] if self.strikes(request, "empty") else [item]
        return web.json_response({"created": now_seconds(), "data": data})

    async def chat(self, request):
        body = request[CALL].body
        allowed = _CHAT | {self.dialect.length} | ({"stream_options"} if self.dialect.stream_options else set())
        if refused := self._unknown(body, allowed):
            return refused
        words = [] if self.strikes(request, "empty") else ["The ", "fox ", "sleeps."]
        finish = "content_filter" if self.strikes(request, "refused_200") else "stop"
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        if self.dialect.cost is not None:
            usage["cost"] = self.dialect.cost
        if not self.dialect.usage or self.strikes(request, "no_usage"):
            usage = None
        about = {"id": "chatcmpl-1", "created": now_seconds(), "model": body["model"]}
        if body.get("stream") and self.dialect.streams:
            return await self._streamed(request, about, words, finish, usage)
        await asyncio.sleep(self.seconds)
        choice = {"index": 0, "message": {"role": "assistant", "content": "".join(words)}, "finish_reason": finish}
        return web.json_response(
            {**about, "object": "chat.completion", "choices": [choice], **({"usage": usage} if usage else {})}
        )

    async def _streamed(self, request, about, words, finish, usage):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def say(event):
            event = {**about, "object": "chat.completion.chunk", **event}
            await response.write(f"data: {json.dumps(event)}\n\n".encode())

        # Routers keep a slow stream alive by comments.
        await response.write(b": PROCESSING\n\n")
        for number, word in enumerate(words):
            await say({"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
            if number == 0 and self.strikes(request, "cut_stream"):
                raise Cut
            if number == 0 and self.strikes(request, "error_stream"):
                await say({"error": {"code": 502, "message": "sorry"}, "choices": []})
                return response
        if self.dialect.gives_reason:
            await say({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if usage and (request[CALL].body.get("stream_options") or not self.dialect.stream_options):
            await say({"choices": [], "usage": usage})
        if self.dialect.marks_end:
            await response.write(b"data: [DONE]\n\n")
        return response

    async def speech(self, request):
        body = request[CALL].body
        if refused := self._unknown(body, {"model", "input", "voice", "response_format", "speed"}):
            return refused
        if body["response_format"] == "wav":
            return web.Response(body=wav(), content_type="audio/wav")
        return web.Response(body=mp3(), content_type="audio/mpeg")

    async def film(self, request):
        call = request[CALL]
        if (request.content_type == "multipart/form-data") != (self.dialect.film == "multipart"):
            return web.json_response(self._said(415, "unsupported_media_type"), status=415)
        if refused := self._unknown(call.body, _NATIVE_FILM if self.dialect.film == "native" else _FILM):
            return refused
        name = f"video_{uuid4().hex}"
        self.works[name] = {"at": time.monotonic(), "body": call.body, "cancelled": False,
                            "refused": self.strikes(request, "refused_late"),
                            "failed": self.strikes(request, "failed_late")}  # fmt: skip
        if self.strikes(request, "cut_after"):
            raise Cut
        return web.json_response({"id": name, "object": "video", "status": "queued", "progress": 0}, status=202)

    async def film_status(self, request):
        work = self.works.get(request.match_info["id"])
        if work is None:
            return self.failure("gone", 0)
        body = {"id": request.match_info["id"], "object": "video", "model": work["body"]["model"], "error": None,
                "progress": 40, "seconds": str(work["body"].get("seconds", work["body"].get("duration")))}  # fmt: skip
        if self.strikes(request, "odd_status"):
            return web.json_response({**body, "status": "reticulating"})
        if work["cancelled"]:
            return web.json_response({**body, "status": "cancelled"})
        if time.monotonic() - work["at"] < self.seconds:
            return web.json_response({**body, "status": "in_progress"})
        for reason, word in (("refused", "moderation_blocked"), ("failed", "video_generation_failed")):
            if work[reason]:
                return web.json_response({**body, "status": "failed", "error": {"code": word, "message": "sorry"}})
        self._finish(request, body)
        return web.json_response({**body, "status": "completed", "progress": 100})

    def _finish(self, request, body):
        if self.dialect.film == "native":
            address = self.keep(mp4(), "video/mp4")
            foreign = self.strikes(request, "foreign_host")
            body["unsigned_urls"] = [address.replace(self.url, "http://elsewhere.example") if foreign else address]
        if self.dialect.cost is not None:
            body["usage"] = {"cost": self.dialect.cost}
        if self.strikes(request, "no_usage"):
            del body["seconds"]

    async def film_content(self, request):
        if request.match_info["id"] not in self.works:
            return self.failure("gone", 0)
        wrong = self.strikes(request, "wrong_mime")
        return web.Response(body=b"<html>sorry</html>" if wrong else mp4(), content_type="video/mp4")

    async def film_cancel(self, request):
        self.works[request.match_info["id"]]["cancelled"] = True
        return web.json_response({"id": request.match_info["id"], "object": "video.deleted", "deleted": True})

    async def models(self, _):
        return web.json_response({"object": "list", "data": [{"id": "qwen3-8b-instruct", "object": "model"}]})
