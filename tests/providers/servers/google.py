"""Gemini's API: generateContent for pictures, interactions in the background, models, the keys of its webhooks."""

import asyncio
import base64
import time
from uuid import uuid4

from aiohttp import web

from tests.providers.servers import CALL, ProtocolServer, mp3, mp4, png, wav

SHAPES = {
    "1:1": (1024, 1024), "5:4": (1152, 928), "4:3": (1200, 896), "3:2": (1264, 848), "16:9": (1376, 768),
    "21:9": (1584, 672), "4:5": (928, 1152), "3:4": (896, 1200), "2:3": (848, 1264), "9:16": (768, 1376),
}  # fmt: skip
TIERS = {"1K": (1, 1120), "2K": (2, 1680), "4K": (4, 3780)}
_SOUNDS = {"audio/mp3": (mp3(), "audio/mpeg"), "audio/wav": (wav(), "audio/wav"),
           "audio/ogg_opus": (b"OggS" + b"\0" * 60, "audio/ogg")}  # fmt: skip
_FORMATS = {
    "video": {"type", "aspect_ratio", "delivery", "duration", "gcs_uri", "resolution"},
    "audio": {"type", "bit_rate", "delivery", "mime_type", "sample_rate"},
}
_INTERACTION = {
    "model", "background", "environment", "generation_config", "input", "labels", "previous_interaction_id",
    "response_format", "safety_settings", "service_tier", "store", "stream", "system_instruction", "tools",
    "webhook_config",
}  # fmt: skip
_REFUSAL = "The request violates Google's Responsible AI practices. Try rephrasing it."


def failed(status, word, message="sorry", *details):
    return web.json_response(
        {"error": {"code": status, "message": message, "status": word, "details": list(details)}}, status=status
    )


_BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
_OVER = "You exceeded your current quota, please check your plan and billing details."


def _quota(period, delay):
    name = f"GenerateRequestsPer{period}PerProjectPerModel"
    return (
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": name}]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
    )


_FAILURES = {
    "unauthorized": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", _BAD_KEY),
    "unauthenticated": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "forbidden": (403, "PERMISSION_DENIED"),
    "elsewhere": (400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    "rate_limited": (429, "RESOURCE_EXHAUSTED", _OVER, *_quota("Minute", "34s")),
    "rate_limited_short": (429, "RESOURCE_EXHAUSTED", _OVER, *_quota("Minute", "1.5s")),
    "quota": (429, "RESOURCE_EXHAUSTED", _OVER, *_quota("Day", "40s")),
    "balance": (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
    "refused_4xx": (400, "INVALID_ARGUMENT", _REFUSAL),
    "invalid": (400, "INVALID_ARGUMENT", "Invalid value at 'safety_settings'."),
    "server_error": (500, "INTERNAL"),
    "timed_out": (504, "DEADLINE_EXCEEDED"),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "gone": (404, "NOT_FOUND", "models/x is not found for API version v1."),
}


def failure(name):
    """Google's answer for a named failure, in Gemini's API and in Vertex alike."""
    return failed(*_FAILURES[name]) if name in _FAILURES else None


def unknown(body, allowed, where=""):
    """Google's refusal of fields that it does not know."""
    found = sorted(set(body) - allowed)
    return failed(400, "INVALID_ARGUMENT", f'Unknown name "{found[0]}"{where}: Cannot find field.') if found else None


class Pictures:
    """generateContent, the same for Gemini's API and Vertex."""

    async def generate(self, request):
        body = request[CALL].body
        refused = self._unknown_in(body)
        if refused is not None:
            return refused
        await asyncio.sleep(self.seconds)
        asked = body["generationConfig"]["imageConfig"]
        scale, tokens = TIERS[asked["imageSize"]]
        width, height = (side * scale for side in SHAPES[asked["aspectRatio"]])
        content = png(width=width, height=height)
        if self.strikes(request, "wrong_mime"):
            content = b"<html>sorry</html>"
        data = {"mimeType": "image/png", "data": base64.b64encode(content).decode()}
        # A draft, as models that think show them.
        draft = {"inlineData": {**data, "data": base64.b64encode(png()).decode()}, "thought": True}
        candidate = {"content": {"role": "model", "parts": [draft, {"text": "Here."}, {"inlineData": data}]},
                     "finishReason": "STOP"}  # fmt: skip
        usage = {"promptTokenCount": 6, "candidatesTokenCount": tokens, "thoughtsTokenCount": 40,
                 "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": tokens}]}  # fmt: skip
        answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "nano-banana-2.1-001",
                  "responseId": uuid4().hex}  # fmt: skip
        if self.strikes(request, "no_usage"):
            del answer["usageMetadata"]
        return web.json_response(self._instead(request) or answer)

    def _instead(self, request):
        """What comes when no picture does."""
        words = {"parts": [{"text": "I would rather not."}]}
        answers = {
            "blocked_prompt": {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
            "image_safety": {"candidates": [{"content": {"role": "model"}, "finishReason": "IMAGE_SAFETY"}]},
            "no_image": {"candidates": [{"finishReason": "NO_IMAGE"}]},
            "cut_short": {"candidates": [{"content": words, "finishReason": "MAX_TOKENS"}]},
            "only_words": {"candidates": [{"content": words, "finishReason": "STOP"}]},
            "empty": {"candidates": []},
        }
        return next((answer for fault, answer in answers.items() if self.strikes(request, fault)), None)

    def _unknown_in(self, body):
        config = body.get("generationConfig", {})
        return (
            unknown(body, {"contents", "generationConfig", "safetySettings", "systemInstruction", "tools", "labels"})
            or unknown(config, {"responseModalities", "imageConfig", "seed", "temperature"}, " at 'generation_config'")
            or unknown(config.get("imageConfig", {}), {"aspectRatio", "imageSize"}, " at 'image_config'")
        )


class GoogleServer(Pictures, ProtocolServer):
    kind = "google"
    secret = "AIzaSyTest0123456789abcdefghijklmnopqrs"

    def routes(self):
        return [
            web.post("/v1/models/{model}:generateContent", self.generate),
            web.post("/v1/interactions", self.create),
            web.get("/v1/interactions/{id}", self.look),
            web.post("/v1/interactions/{id}/cancel", self.stop),
            web.get("/v1/models", self.models),
            web.get("/.well-known/jwks.json", self.jwks),
        ]

    def is_billable(self, request):
        return request.method == "POST" and not request.path.endswith("/cancel")

    def authorized(self, request):
        return request.path.startswith("/.well-known/") or request.headers.get("x-goog-api-key") == self.secret

    def failure(self, name, value):
        return failure(name)

    async def create(self, request):
        body = request[CALL].body
        form = body.get("response_format", {})
        refused = unknown(body, _INTERACTION) or unknown(form, _FORMATS[form["type"]], " at 'response_format'")
        if refused is not None:
            return refused
        if "webhook_config" in body and not body.get("background"):
            return failed(400, "INVALID_ARGUMENT", "webhook_config needs background.")
        name = f"v1_{uuid4().hex}"
        self.works[name] = {"model": body["model"], "form": form, "at": time.monotonic(), "status": "in_progress"}
        return web.json_response({"id": name, "status": "in_progress", "model": body["model"], "steps": []})

    async def look(self, request):
        name = request.match_info["id"]
        work = self.works.get(name)
        if work is None:
            return failed(404, "NOT_FOUND", "Interaction not found.")
        body = {"id": name, "model": work["model"], "status": work["status"], "steps": []}
        if self.strikes(request, "odd_status"):
            return web.json_response({**body, "status": "pondering"})
        if work["status"] == "in_progress" and time.monotonic() - work["at"] < self.seconds:
            return web.json_response(body)
        return web.json_response({**body, **self._end(request, work)})

    def _end(self, request, work):
        if work["status"] == "cancelled":
            return {}
        if self.strikes(request, "failed_safety"):
            code = "https://ai.google.dev/errors/output_safety"
            return {"status": "failed", "errors": [{"code": code, "message": "sorry"}]}
        if self.strikes(request, "failed_step"):
            error = {"code": 3, "message": _REFUSAL}
            return {"status": "failed", "steps": [{"type": "model_output", "content": [], "error": error}]}
        if self.strikes(request, "failed_plainly"):
            return {"status": "failed", "errors": [{"code": "internal", "message": "sorry"}]}
        if self.strikes(request, "budget"):
            return {"status": "budget_exceeded"}
        work["status"] = "completed"
        content = [] if self.strikes(request, "empty") else self._content(request, work["form"])
        found = {"status": "completed", "steps": [{"type": "thought"}, {"type": "model_output", "content": content}]}
        if not self.strikes(request, "no_usage"):
            kind = work["form"]["type"]
            out = {"video": 46_336, "audio": 250}[kind]
            found["usage"] = {"total_input_tokens": 12, "total_output_tokens": out, "total_thought_tokens": 10,
                              "output_tokens_by_modality": [{"modality": kind, "tokens": out}]}  # fmt: skip
        return found

    def _content(self, request, form):
        if form["type"] == "audio":
            content, media_type = _SOUNDS[form["mime_type"]]
            if self.strikes(request, "wrong_mime"):
                content = b"<html>sorry</html>"
            data = base64.b64encode(content).decode()
            return [{"type": "text", "text": "Verse 1"}, {"type": "audio", "mime_type": media_type, "data": data}]
        url = self.keep(mp4(), "video/mp4")
        if self.strikes(request, "foreign_host"):
            url = "https://files.example.net/film.mp4"
        return [{"type": "video", "mime_type": "video/mp4", "uri": url}]

    async def stop(self, request):
        work = self.works.get(request.match_info["id"])
        if work is None:
            return failed(404, "NOT_FOUND")
        if work["status"] == "completed":
            return failed(400, "FAILED_PRECONDITION", "The interaction has ended.")
        work["status"] = "cancelled"
        return web.json_response({"id": request.match_info["id"], "status": "cancelled", "model": work["model"]})

    async def models(self, _):
        return web.json_response({"models": [{"name": "models/gemini-nano-banana-2.1"}]})

    async def jwks(self, _):
        return web.json_response({"keys": self.keys})

    # What its webhooks are signed with: set by the test that has the private half.
    keys: list = []
