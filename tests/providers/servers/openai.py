"""OpenAI's /v1: images, edits, chat completions with streaming, speech, moderations, models."""

import asyncio
import base64
import json
from typing import Any

from aiohttp import web

from tests.providers.servers import CALL, Cut, ProtocolServer, mp3, now_seconds, png, wav


class OpenAIServer(ProtocolServer):
    kind = "openai"

    def routes(self):
        return [
            web.post("/v1/images/generations", self.images),
            web.post("/v1/images/edits", self.images),
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/audio/speech", self.speech),
            web.post("/v1/moderations", self.moderations),
            web.get("/v1/models", self.models),
        ]

    def failure(self, name, value):
        shapes: dict[str, tuple[int, str, str, dict[str, str]]] = {
            "unauthorized": (401, "invalid_request_error", "invalid_api_key", {}),
            "forbidden": (403, "invalid_request_error", "unsupported_country_region_territory", {}),
            "rate_limited": (429, "requests", "rate_limit_exceeded", {"Retry-After": "3"}),
            "rate_limited_ms": (429, "requests", "rate_limit_exceeded", {"retry-after-ms": "1500"}),
            "quota": (429, "insufficient_quota", "insufficient_quota", {}),
            "refused_4xx": (400, "image_generation_user_error", "moderation_blocked", {}),
            "invalid": (400, "invalid_request_error", "invalid_value", {}),
            "server_error": (500, "server_error", "", {}),
            "bad_gateway": (502, "server_error", "", {}),
            "overloaded": (503, "server_error", "", {}),
            "gone": (404, "invalid_request_error", "model_not_found", {}),
        }
        if name not in shapes:
            return None
        status, kind, code, headers = shapes[name]
        error: dict[str, Any] = {"message": "sorry", "type": kind, "param": None, "code": code or None}
        if code == "moderation_blocked":
            error["moderation_details"] = {"moderation_stage": "input", "categories": ["violence"]}
        return web.json_response({"error": error}, status=status, headers=headers)

    async def images(self, request):
        body = request[CALL].body
        allowed = {"model", "prompt", "n", "size", "quality", "output_format", "output_compression", "background",
                   "moderation", "safety_identifier", "stream", "partial_images", "complexity"}  # fmt: skip
        if unknown := set(body) - allowed:
            return web.json_response(
                {"error": {"message": f"Unknown parameter: {unknown}", "type": "invalid_request_error",
                           "param": min(unknown), "code": "unknown_parameter"}}, status=400)  # fmt: skip
        width, height = map(int, body["size"].split("x"))
        if width % 16 or height % 16 or not 1 / 3 <= width / height <= 3:
            return self.failure("invalid", 0)
        await asyncio.sleep(self.seconds)
        content = png(width=width, height=height)
        if self.strikes(request, "wrong_mime"):
            content = b"<html>sorry</html>"
        if self.strikes(request, "truncated"):
            content = content[: len(content) // 2]
        data = [{"b64_json": base64.b64encode(content).decode()} for _ in range(int(body.get("n", 1)))]
        if self.strikes(request, "empty"):
            data = []
        answer = {"created": now_seconds(), "background": "opaque", "output_format": body.get("output_format", "png"),
                  "quality": "low", "size": body["size"], "data": data}  # fmt: skip
        if not self.strikes(request, "no_usage"):
            answer["usage"] = {"input_tokens": 5, "input_tokens_details": {"text_tokens": 5, "image_tokens": 0},
                               "output_tokens": 1056, "output_tokens_details": None, "total_tokens": 1061}  # fmt: skip
        return web.json_response(answer)

    async def chat(self, request):
        body = request[CALL].body
        words = ["The ", "fox ", "sleeps."]
        refused = self.strikes(request, "refused_200")
        if self.strikes(request, "empty"):
            words = []
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        if self.strikes(request, "no_usage"):
            usage = None
        if body.get("stream"):
            return await self._streamed(request, body, words, refused, usage)
        await asyncio.sleep(self.seconds)
        finish = "content_filter" if refused else "stop"
        message = {"role": "assistant", "content": None if refused else "".join(words)}
        return web.json_response({
            "id": "chatcmpl-1", "object": "chat.completion", "created": now_seconds(), "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage,
        })  # fmt: skip

    async def _streamed(self, request, body, words, refused, usage):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        about = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": now_seconds(),
            "model": body["model"],
        }

        async def say(choices, more=None):
            event = {**about, "choices": choices, "usage": more}
            await response.write(f"data: {json.dumps(event)}\n\n".encode())

        await say([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        for number, word in enumerate(words):
            await say([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
            if number == 0 and self.strikes(request, "cut_stream"):
                raise Cut
        if self.strikes(request, "unfinished_stream"):
            return response
        await say([{"index": 0, "delta": {}, "finish_reason": "content_filter" if refused else "stop"}])
        if (body.get("stream_options") or {}).get("include_usage"):
            await say([], usage)
        await response.write(b"data: [DONE]\n\n")
        return response

    async def speech(self, request):
        body = request[CALL].body
        if self.strikes(request, "empty"):
            return web.Response(body=b"", content_type="audio/mpeg")
        kinds = {"mp3": (mp3(), "audio/mpeg"), "wav": (wav(), "audio/wav"), "pcm": (b"\0" * 400, "audio/pcm")}
        content, media_type = kinds[body.get("response_format", "mp3")]
        return web.Response(body=content, content_type=media_type)

    async def moderations(self, request):
        body = request[CALL].body
        text = json.dumps(body["input"])
        flagged = "violence" in text
        return web.json_response({"id": "modr-1", "model": body["model"], "results": [{
            "flagged": flagged, "categories": {"violence": flagged, "hate": False},
            "category_scores": {"violence": 0.9 if flagged else 0.01, "hate": 0.0},
            "category_applied_input_types": {"violence": ["text"]},
        }]})  # fmt: skip

    async def models(self, _):
        return web.json_response({"object": "list", "data": [
            {"id": "gpt-image-2.5-flare-2026-09-08", "object": "model", "created": 1, "owned_by": "openai",
             "shutdown_date": None},
        ]})  # fmt: skip
