"""ElevenLabs' /v1: speech, music by prompt or plan, sound effects, models. Answers are the sounds themselves."""

import asyncio

from aiohttp import web

from tests.providers.servers import CALL, ProtocolServer, mp3, wav

_OGG = b"OggS" + b"\x00" * 400
_MUSIC = {"prompt", "composition_plan", "music_length_ms", "model_id", "seed", "force_instrumental", "finetune_id",
          "respect_sections_durations", "store_for_inpainting", "sign_with_c2pa"}  # fmt: skip
_SPEECH = {"text", "model_id", "language_code", "voice_settings", "pronunciation_dictionary_locators", "seed",
           "previous_text", "next_text", "previous_request_ids", "next_request_ids", "use_pvc_as_ivc",
           "apply_text_normalization", "apply_language_text_normalization", "audio_effects"}  # fmt: skip
_SOUND = {"text", "loop", "duration_seconds", "prompt_influence", "model_id"}
_CHUNK = {"text", "duration_ms", "positive_styles", "negative_styles", "context_adherence"}


class ElevenLabsServer(ProtocolServer):
    kind = "elevenlabs"

    def routes(self):
        return [
            web.post("/v1/text-to-speech/{voice}", self.speech),
            web.post("/v1/music", self.music),
            web.post("/v1/sound-generation", self.sound),
            web.get("/v1/models", self.models),
        ]

    def authorized(self, request):
        return request.headers.get("xi-api-key") == self.secret

    def failure(self, name, value):
        shapes: dict[str, tuple[int, str, dict[str, str]]] = {
            "unauthorized": (401, "invalid_api_key", {}),
            "quota": (401, "quota_exceeded", {}),
            "rate_limited": (429, "too_many_concurrent_requests", {"Retry-After": "2"}),
            "overloaded": (429, "system_busy", {}),
            "overloaded_503": (503, "", {}),
            "refused_prompt": (400, "bad_prompt", {}),
            "refused_plan": (422, "bad_composition_plan", {}),
            "voice": (404, "voice_not_found", {}),
            "too_long": (400, "max_character_limit_exceeded", {}),
            "server_error": (500, "", {}),
            "gone": (404, "model_not_found", {}),
        }
        if name == "invalid":
            return self._invalid("body", "music_length_ms")
        if name not in shapes:
            return None
        status, code, headers = shapes[name]
        detail = {"status": code, "message": "sorry"}
        if code.startswith("bad_"):
            detail["data"] = {"prompt_suggestion": "something of one's own"}
        return web.json_response({"detail": detail} if code else {"error": "oops"}, status=status, headers=headers)

    async def speech(self, request):
        body = request[CALL].body
        if unknown := set(body) - _SPEECH:
            return self._invalid("body", min(unknown))
        return await self._sound(request, credits=len(body["text"]) * 4 // 5)

    async def music(self, request):
        body = request[CALL].body
        if unknown := set(body) - _MUSIC:
            return self._invalid("body", min(unknown))
        if ("prompt" in body) == ("composition_plan" in body):
            return self._invalid("body", "prompt")
        if "prompt" in body:
            if "seed" in body or not 3_000 <= body["music_length_ms"] <= 600_000:
                return self._invalid("body", "music_length_ms")
            return await self._sound(request, credits=body["music_length_ms"] // 20)
        if {"music_length_ms", "force_instrumental"} & set(body):
            return self._invalid("body", "music_length_ms")
        chunks = body["composition_plan"]["chunks"]
        for chunk in chunks:
            lines = chunk["text"].splitlines()
            fits = 3_000 <= chunk["duration_ms"] <= 120_000 and len(lines) <= 30 and max(map(len, lines)) <= 200
            if set(chunk) - _CHUNK or not fits:
                return self.failure("refused_plan", 0)
        return await self._sound(request, credits=sum(chunk["duration_ms"] for chunk in chunks) // 20)

    async def sound(self, request):
        body = request[CALL].body
        if unknown := set(body) - _SOUND:
            return self._invalid("body", min(unknown))
        if not 0.5 <= body.get("duration_seconds", 1) <= 30:
            return self._invalid("body", "duration_seconds")
        return await self._sound(request, credits=1_200)

    async def models(self, _):
        return web.json_response([{"model_id": "eleven_v4", "can_do_text_to_speech": True}])

    def _invalid(self, *where):
        error = {"loc": list(where), "msg": "Input should be something else", "type": "value_error"}
        return web.json_response({"detail": [error]}, status=422)

    async def _sound(self, request, *, credits):
        await asyncio.sleep(self.seconds)
        form = request.query.get("output_format", "mp3_44100_128").partition("_")[0]
        kinds = {"mp3": (mp3(), "audio/mpeg"), "opus": (_OGG, "audio/ogg"), "wav": (wav(), "audio/wav"),
                 "pcm": (b"\0" * 400, "audio/pcm")}  # fmt: skip
        content, media_type = kinds[form]
        if self.strikes(request, "empty"):
            content = b""
        if self.strikes(request, "wrong_mime"):
            content = b"<html>sorry</html>"
        headers = {"request-id": "r-1", "song-id": "s-1"}
        if not self.strikes(request, "no_usage"):
            headers["character-cost"] = str(credits)
        return web.Response(body=content, content_type=media_type, headers=headers)
