"""Amazon Bedrock's InvokeModel: signatures worked out by hand, Stability's pictures, Nova's texts."""

import asyncio
import base64
import hashlib
import hmac
from urllib.parse import quote

from aiohttp import web

from tests.providers.servers import CALL, ProtocolServer, png

_STABILITY = {"prompt", "mode", "aspect_ratio", "output_format", "seed", "negative_prompt", "image", "strength"}
_NOVA = {"messages", "system", "inferenceConfig", "toolConfig", "schemaVersion", "additionalModelRequestFields"}
_RATIOS = {"16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"}
_FAILURES = {
    "unauthorized": (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    "expired": (403, "ExpiredTokenException", "The security token included in the request is expired"),
    "forbidden": (403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    "legacy": (403, "AccessDeniedException", "Access denied. This Model is marked by provider as Legacy."),
    "rate_limited": (429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "quota_day": (429, "ThrottlingException", "Too many tokens per day, please wait before trying again."),
    "quota": (400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account."),
    "refused_4xx": (400, "ValidationException", "This request has been blocked by our content filters."),
    "invalid": (400, "ValidationException", "Malformed input request, please reformat your input and try again."),
    "unknown_model": (400, "ValidationException", "The provided model identifier is invalid."),
    "gone": (404, "ResourceNotFoundException", "This model version has reached the end of its life."),
    "timed_out": (408, "ModelTimeoutException", "The request took too long to process."),
    "model_error": (424, "ModelErrorException", "The request failed due to an error while processing the model."),
    "server_error": (500, "InternalServerException", "An internal server error occurred."),
    "overloaded": (503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
}


class BedrockServer(ProtocolServer):
    kind = "bedrock"
    secret = "AKIATEST0123456789AB:wJalrXUtnFEMI/K7MDENG+bPxRfiCYTESTKEY01:FwoGZXIvYXdzEtest=="

    def routes(self):
        return [web.post("/model/{model}/invoke", self.invoke)]

    def authorized(self, request):
        return True

    def failure(self, name, value):
        if name not in _FAILURES:
            return None
        status, kind, message = _FAILURES[name]
        where = ":http://internal.amazon.com/coral/com.amazon.bedrock/"
        return web.json_response({"message": message}, status=status, headers={"x-amzn-ErrorType": kind + where})

    async def invoke(self, request):
        body = request[CALL].body
        if not self._is_signed(request, await request.read()):
            return self.failure("unauthorized", 0)
        model = request.match_info["model"]
        if not model.startswith(("stability.", "global.amazon.")):
            return self.failure("unknown_model", 0)
        allowed = _STABILITY if model.startswith("stability.") else _NOVA
        if set(body) - allowed:
            return self.failure("invalid", 0)
        await asyncio.sleep(self.seconds)
        return self._picture(request, body) if allowed is _STABILITY else self._text(request, body)

    def _picture(self, request, body):
        if body["mode"] == "text-to-image" and body["aspect_ratio"] not in _RATIOS:
            return self.failure("invalid", 0)
        reasons = {"filtered_prompt": "Filter reason: prompt", "filtered_output": "Filter reason: output image",
                   "filtered_input": "Filter reason: input image", "inference_error": "Inference error"}  # fmt: skip
        for fault, reason in reasons.items():
            if self.strikes(request, fault):
                return web.json_response({"finish_reasons": [reason]})
        content = b"<html>sorry</html>" if self.strikes(request, "wrong_mime") else png(width=1024, height=1024)
        images = [] if self.strikes(request, "empty") else [base64.b64encode(content).decode()]
        return web.json_response({"seeds": [body.get("seed", 1)], "finish_reasons": [None], "images": images})

    def _text(self, request, body):
        stop = "content_filtered" if self.strikes(request, "filtered_text") else "end_turn"
        content = [] if self.strikes(request, "empty") else [{"reasoningContent": {}}, {"text": "A fox."}]
        answer = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": stop}
        if not self.strikes(request, "no_usage"):
            answer["usage"] = {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12}
        return web.json_response(answer)

    def _is_signed(self, request, body):
        """AWS's Signature Version 4, from its description."""
        access, secret, session = self.secret.split(":", 2)
        said = request.headers.get("Authorization", "")
        algorithm, _, rest = said.partition(" ")
        fields = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        scope = fields.get("Credential", "").split("/")
        if algorithm != "AWS4-HMAC-SHA256" or scope[0] != access or len(scope) != 5:
            return False
        names = fields["SignedHeaders"].split(";")
        if request.headers.get("X-Amz-Security-Token") != session or "host" not in names:
            return False
        lines = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in names)
        path = quote(request.raw_path.partition("?")[0], safe="/~")
        canonical = "\n".join((request.method, path, "", lines, ";".join(names), hashlib.sha256(body).hexdigest()))
        stamp, digest = request.headers["X-Amz-Date"], hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{secret}".encode()
        for part in scope[1:]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        text = "\n".join((algorithm, stamp, "/".join(scope[1:]), digest))
        return hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), fields["Signature"])
