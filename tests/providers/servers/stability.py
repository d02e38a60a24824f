"""Stability's /v2beta: pictures, edits, larger pictures, music. Forms only; results of slow work are asked for."""

import asyncio
import base64
import time
from uuid import uuid4

from aiohttp import web

from tests.providers.servers import CALL, Cut, ProtocolServer, mp3, png, wav

_COMMON = {"output_format"}
_RATIOS = {
    "1:1": (1024, 1024), "16:9": (1344, 768), "21:9": (1536, 640), "2:3": (832, 1216), "3:2": (1216, 832),
    "4:5": (896, 1088), "5:4": (1088, 896), "9:16": (768, 1344), "9:21": (640, 1536),
}  # fmt: skip
_STYLED = {"prompt", "negative_prompt", "seed", "style_preset"}
# What each address takes and what it cannot do without; files are marked with @.
_TAKES = {
    "generate/ultra": (_STYLED | {"aspect_ratio", "@image", "strength"}, {"prompt"}),
    "generate/core": (_STYLED | {"aspect_ratio"}, {"prompt"}),
    "generate/sd3": (_STYLED | {"aspect_ratio", "@image", "strength", "mode", "model", "cfg_scale"}, {"prompt"}),
    "edit/erase": ({"@image", "@mask", "grow_mask", "seed"}, {"@image"}),
    "edit/inpaint": (_STYLED | {"@image", "@mask", "grow_mask"}, {"@image", "prompt"}),
    "edit/outpaint": (
        {"@image", "left", "right", "up", "down", "creativity", "prompt", "seed", "style_preset"}, {"@image"}),
    "edit/search-and-replace": (
        _STYLED | {"@image", "search_prompt", "grow_mask"}, {"@image", "prompt", "search_prompt"}),
    "edit/remove-background": ({"@image"}, {"@image"}),
    "edit/replace-background-and-relight": (
        {"@subject_image", "@background_reference", "@light_reference", "background_prompt", "foreground_prompt",
         "negative_prompt", "preserve_original_subject", "original_background_depth", "keep_original_background",
         "light_source_direction", "light_source_strength", "seed"}, {"@subject_image"}),
    "upscale/fast": ({"@image"}, {"@image"}),
    "upscale/conservative": ({"@image", "prompt", "negative_prompt", "seed", "creativity"}, {"@image", "prompt"}),
    "upscale/creative": (
        {"@image", "prompt", "negative_prompt", "seed", "creativity", "style_preset"}, {"@image", "prompt"}),
}  # fmt: skip
_SOUNDS = {"prompt", "model", "duration", "seed", "steps", "cfg_scale"}
_LATER = {"edit/replace-background-and-relight", "upscale/creative"}


class StabilityServer(ProtocolServer):
    kind = "stability"

    def routes(self):
        return [
            web.post("/v2beta/stable-image/{group}/{name}", self.picture),
            web.post("/v2beta/audio/stable-audio-2/{name}", self.sound),
            web.get("/v2beta/results/{id}", self.result),
            web.get("/v1/user/balance", self.balance),
        ]

    def failure(self, name, value):
        shapes = {
            "unauthorized": (401, "unauthorized"), "forbidden": (403, "forbidden"), "quota": (402, "payment_required"),
            "refused_4xx": (403, "content_moderation"), "invalid": (400, "bad_request"),
            "too_large": (413, "payload_too_large"), "unprocessable": (422, "unprocessable_entity"),
            "rate_limited": (429, "rate_limit_exceeded"), "rate_limited_told": (429, "rate_limit_exceeded"),
            "server_error": (500, "internal_error"), "overloaded": (503, "service_unavailable"),
        }  # fmt: skip
        if name not in shapes:
            return None
        status, code = shapes[name]
        headers = {"Retry-After": "7"} if name == "rate_limited_told" else {}
        return self._error(status, code, "sorry", headers)

    def _error(self, status, code, sentence, headers=None):
        return web.json_response(
            {"id": uuid4().hex, "name": code, "errors": [sentence]}, status=status, headers=headers
        )

    def _wrong(self, request, takes, needs):
        """What the provider would say against a form, or None."""
        call = request[CALL]
        if not isinstance(call.body, dict):
            return self._error(400, "bad_request", "content-type: must be multipart/form-data")
        if request.headers.get("Accept") not in {"application/json", "image/*", "audio/*"}:
            return self._error(400, "bad_request", "accept: must be application/json, image/* or audio/*")
        given = {*call.body, *(f"@{part[0]}" for part in call.files)}
        if unknown := given - takes - _COMMON:
            return self._error(400, "bad_request", f"{min(unknown)}: unexpected field")
        if missing := needs - given:
            return self._error(400, "bad_request", f"{min(missing)}: required")
        seed = int(call.body.get("seed", 0))
        if not 0 <= seed <= 4_294_967_294:
            return self._error(400, "bad_request", "seed: must be between 0 and 4294967294")
        return None

    async def picture(self, request):
        call, path = request[CALL], f"{request.match_info['group']}/{request.match_info['name']}"
        if path not in _TAKES:
            return self._error(404, "not_found", "no such address")
        takes, needs = _TAKES[path]
        wrong = self._wrong(request, takes, needs) or self._contradiction(path, call)
        if wrong is not None:
            return wrong
        answer = self._answer(request, "result" if path in _LATER else "image", self._drawn(request, call))
        if path not in _LATER:
            await asyncio.sleep(self.seconds)
            return web.json_response(answer)
        name = uuid4().hex
        self.works[name] = {"answer": answer, "ready_at": time.monotonic() + self.seconds, "looks": 0}
        if self.strikes(request, "cut_after"):
            raise Cut
        return web.json_response({"id": name}, status=202 if path == "upscale/creative" else 200)

    def _contradiction(self, path, call):
        files = {part[0] for part in call.files}
        if path.startswith("generate/") and "image" in files and "aspect_ratio" in call.body:
            return self._error(400, "bad_request", "aspect_ratio: not with an image")
        if path.startswith("generate/") and ("image" in files) != ("strength" in call.body):
            return self._error(400, "bad_request", "strength: goes with an image")
        if path == "edit/outpaint" and not any(int(call.body.get(edge, 0)) for edge in ("left", "right", "up", "down")):
            return self._error(400, "bad_request", "at least one of left, right, up, down")
        if path == "edit/remove-background" and call.body.get("output_format") == "jpeg":
            return self._error(400, "bad_request", "output_format: must be png or webp")
        return None

    def _drawn(self, request, call):
        width, height = _RATIOS[call.body.get("aspect_ratio", "1:1")]
        content = png(width=width, height=height)
        if self.strikes(request, "wrong_mime"):
            return b"<html>sorry</html>"
        return content[: len(content) // 2] if self.strikes(request, "truncated") else content

    def _answer(self, request, key, content):
        answer = {key: base64.b64encode(content).decode(), "finish_reason": "SUCCESS", "seed": 343940597}
        if self.strikes(request, "filtered"):
            answer["finish_reason"] = "CONTENT_FILTERED"
        if self.strikes(request, "empty"):
            answer[key] = ""
        return answer

    async def result(self, request):
        found = self.works.get(request.match_info["id"])
        if found is None:
            return self._error(404, "not_found", "no such result")
        if self.strikes(request, "odd_status"):
            return web.json_response({"id": request.match_info["id"], "status": "marinating"})
        found["looks"] += 1
        if found["looks"] < 2 or time.monotonic() < found["ready_at"]:
            return web.json_response({"id": request.match_info["id"], "status": "in-progress"}, status=202)
        return web.json_response(found["answer"])

    async def sound(self, request):
        name = request.match_info["name"]
        if name not in {"text-to-audio", "audio-to-audio"}:
            return self._error(404, "not_found", "no such address")
        more = {"@audio", "strength"} if name == "audio-to-audio" else set()
        wrong = self._wrong(request, _SOUNDS | more, {"prompt"} | (more - {"strength"}))
        if wrong is not None:
            return wrong
        body = request[CALL].body
        if not 1 <= int(body.get("duration", 190)) <= 190:
            return self._error(400, "bad_request", "duration: must be between 1 and 190")
        content = wav() if body.get("output_format") == "wav" else mp3()
        return web.json_response(self._answer(request, "audio", content))

    async def balance(self, _):
        return web.json_response({"credits": 123.4})
