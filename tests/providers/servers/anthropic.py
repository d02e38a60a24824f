"""Anthropic's /v1: messages with streaming, models."""

import asyncio
import json

from aiohttp import web

from tests.providers.servers import CALL, Cut, ProtocolServer

_KNOWN = {"model", "messages", "max_tokens", "system", "metadata", "stream", "stop_sequences", "thinking"}


class AnthropicServer(ProtocolServer):
    kind = "anthropic"

    def __init__(self, *, auth: str = "bearer", version: str = "2026-10-21") -> None:
        super().__init__()
        self.auth, self.version = auth, version

    def routes(self):
        return [web.post("/v1/messages", self.messages), web.get("/v1/models", self.models)]

    def authorized(self, request):
        if self.auth == "x-api-key":
            return request.headers.get("x-api-key") == self.secret
        return super().authorized(request)

    def failure(self, name, value):
        shapes = {
            "unauthorized": (401, "authentication_error", "", {}),
            "forbidden": (403, "permission_error", "", {}),
            "rate_limited": (429, "rate_limit_error", "", {"retry-after": "7"}),
            "quota": (402, "billing_error", "", {}),
            "spend_limit": (429, "rate_limit_error", "contract_spend_limit_reached", {}),
            "invalid": (400, "invalid_request_error", "", {}),
            "too_large": (413, "request_too_large", "", {}),
            "server_error": (500, "api_error", "", {}),
            "timeout": (504, "timeout_error", "", {}),
            "overloaded": (529, "overloaded_error", "", {}),
            "gone": (404, "not_found_error", "", {}),
        }
        if name not in shapes:
            return None
        status, kind, code, headers = shapes[name]
        error = {"type": kind, "message": "sorry", **({"details": {"error_code": code}} if code else {})}
        return web.json_response(
            {"type": "error", "error": error, "request_id": "req_1"}, status=status, headers=headers
        )

    async def messages(self, request):
        body = request[CALL].body
        if request.headers.get("anthropic-version") != self.version or set(body) - _KNOWN or not self._proper(body):
            return self.failure("invalid", 0)
        refused = self.strikes(request, "refused_200")
        words = [] if refused or self.strikes(request, "empty") else ["The ", "fox ", "sleeps."]
        usage = {"input_tokens": 11, "cache_read_input_tokens": 0, "cache_creation_input_tokens": None,
                 "output_tokens": 4, "service_tier": "standard"}  # fmt: skip
        if self.strikes(request, "no_usage"):
            usage = {}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [],
                   "stop_reason": None, "stop_sequence": None, "stop_details": None, "usage": usage}  # fmt: skip
        end = {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None}
        if refused:
            details = {"type": "refusal", "category": "bio", "explanation": None}
            end = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
        if body.get("stream"):
            return await self._streamed(request, message, words, end)
        await asyncio.sleep(self.seconds)
        content = [{"type": "thinking", "thinking": "", "signature": "c2ln"}]
        content += [{"type": "text", "text": "".join(words)}] if words else []
        return web.json_response({**message, **end, "content": content})

    def _proper(self, body):
        roles = [message["role"] for message in body["messages"]]
        return body.get("max_tokens") and set(roles) <= {"user", "assistant"} and roles[-1] == "user"

    async def _streamed(self, request, message, words, end):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)

        async def say(kind, **event):
            text = json.dumps({"type": kind, **event})
            await response.write(f"event: {kind}\ndata: {text}\n\n".encode())

        usage = message["usage"]
        await say("message_start", message={**message, "usage": {**usage, **({"output_tokens": 1} if usage else {})}})
        await say("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""})
        await say("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm"})
        await say("content_block_stop", index=0)
        await say("ping")
        await say("content_block_start", index=1, content_block={"type": "text", "text": ""})
        for number, word in enumerate(words):
            await say("content_block_delta", index=1, delta={"type": "text_delta", "text": word})
            if number == 0 and self.strikes(request, "cut_stream"):
                raise Cut
            if number == 0 and self.strikes(request, "error_stream"):
                await say("error", error={"type": "overloaded_error", "message": "sorry"})
                return response
        await say("content_block_stop", index=1)
        await say("something_new", index=1)
        if self.strikes(request, "unfinished_stream"):
            return response
        more = {"output_tokens": usage["output_tokens"], "input_tokens": None} if usage else {}
        await say("message_delta", delta=end, usage=more)
        await say("message_stop")
        return response

    async def models(self, _):
        model = {"id": "claude-haiku-5-5", "type": "model", "display_name": "Claude Haiku 5.5"}
        return web.json_response({"data": [model], "has_more": False, "first_id": None, "last_id": None})
