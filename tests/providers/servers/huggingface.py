"""Hugging Face's router, and an endpoint that serves one model at its own address."""

import asyncio
from http import HTTPStatus

from aiohttp import web

from tests.providers.servers import CALL, ProtocolServer, png

_PARAMETERS = {"width", "height", "seed", "negative_prompt", "num_inference_steps", "guidance_scale"}


class HuggingFaceServer(ProtocolServer):
    kind = "huggingface"
    secret = "hf_0123456789abcdefghij"

    def routes(self):
        return [
            web.post("/hf-inference/models/{owner}/{name}", self.picture),
            web.post("/endpoint", self.picture),
            web.get("/endpoint/health", self.health),
            web.get("/v1/models", self.health),
        ]

    def failure(self, name, value):
        shapes = {
            "unauthorized": (401, "Invalid username or password.", {}),
            "forbidden": (403, "This authentication method does not have sufficient permissions.", {}),
            "rate_limited": (429, "Too many requests", {"Retry-After": "12"}),
            "quota": (402, "You have exceeded your monthly included credits.", {}),
            "invalid": (400, ["Error in `parameters.width`: ensure this value is less than 2048"], {}),
            "unprocessable": (422, "Unprocessable", {}),
            "server_error": (500, "CUDA out of memory", {}),
            "overloaded": (503, "Service Unavailable", {}),
            "gone": (404, "Model not found", {}),
            "retired": (410, "The requested model is deprecated and no longer supported", {}),
        }
        if name == "loading":
            error = {"error": "Model is currently loading", "estimated_time": value or 31.5}
            return web.json_response(error, status=HTTPStatus.SERVICE_UNAVAILABLE)
        if name not in shapes:
            return None
        status, error, headers = shapes[name]
        return web.json_response({"error": error}, status=status, headers=headers)

    async def picture(self, request):
        body = request[CALL].body
        parameters = body.get("parameters", {})
        if set(body) - {"inputs", "parameters"} or set(parameters) - _PARAMETERS or not body.get("inputs"):
            return self.failure("invalid", 0)
        await asyncio.sleep(self.seconds)
        content = png(width=parameters.get("width", 1024), height=parameters.get("height", 1024))
        if self.strikes(request, "wrong_mime"):
            return web.Response(text="<html>sorry</html>", content_type="text/html")
        if self.strikes(request, "empty"):
            content = b""
        headers = {} if self.strikes(request, "no_usage") else {"x-compute-time": "4.5", "x-compute-type": "gpu"}
        return web.Response(body=content, content_type="image/png", headers=headers)

    async def health(self, _):
        return web.json_response({"object": "list", "data": []})
