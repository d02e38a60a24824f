"""Vertex AI: tokens of a service account, generateContent, Veo's long-running predictions, and a bucket."""

import base64
import json
import time
from urllib.parse import unquote
from uuid import uuid4

from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.providers.servers import CALL, ProtocolServer, mp4
from tests.providers.servers.google import _REFUSAL, Pictures, failed, failure, unknown

_PLACE = "/v1beta1/projects/{project}/locations/{location}/publishers/google/models"
_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
_PEM = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
_PARAMETERS = {
    "sampleCount", "durationSeconds", "aspectRatio", "resolution", "seed", "negativePrompt", "generateAudio",
    "personGeneration", "storageUri", "enhancePrompt", "compressionQuality",
}  # fmt: skip
_BUCKET = "gs://films/here"


class VertexServer(Pictures, ProtocolServer):
    kind = "vertex"

    def __init__(self, *, seconds: float = 0.0) -> None:
        super().__init__(seconds=seconds)
        self.tokens: list[str] = []
        self.refuses_tokens = False

    @property
    def secret(self):
        """The service account's key, as it is downloaded."""
        return json.dumps({
            "type": "service_account", "project_id": "wild-project", "private_key_id": "k1", "private_key": _PEM,
            "client_email": "maker@wild-project.iam.gserviceaccount.com", "token_uri": f"{self.url}/token",
        })  # fmt: skip

    def routes(self):
        return [
            web.post("/token", self.token),
            web.post(f"{_PLACE}/{{model}}:generateContent", self.generate),
            web.post(f"{_PLACE}/{{model}}:predictLongRunning", self.predict),
            web.post(f"{_PLACE}/{{model}}:fetchPredictOperation", self.fetch),
            web.get("/storage/v1/b/{bucket}/o/{name:.+}", self.stored),
        ]

    def is_billable(self, request):
        return request.path.endswith((":generateContent", ":predictLongRunning"))

    def authorized(self, request):
        said = request.headers.get("Authorization", "")
        return request.path == "/token" or said.removeprefix("Bearer ") in self.tokens

    def failure(self, name, value):
        return failure("unauthenticated" if name == "unauthorized" else name)

    async def token(self, request):
        form = await request.post()
        said, _, signature = form["assertion"].rpartition(".")
        _KEY.public_key().verify(_decoded(signature), said.encode(), padding.PKCS1v15(), hashes.SHA256())
        claims = json.loads(_decoded(said.partition(".")[2]))
        if self.refuses_tokens or claims["aud"] != f"{self.url}/token" or claims["exp"] - claims["iat"] > 3_600:
            return web.json_response({"error": "invalid_grant", "error_description": "sorry"}, status=400)
        self.tokens.append(f"ya29.{uuid4().hex}")
        return web.json_response({"access_token": self.tokens[-1], "expires_in": 3_599, "token_type": "Bearer"})

    async def predict(self, request):
        body, at = request[CALL].body, request.match_info
        refused = unknown(body, {"instances", "parameters"}) or unknown(body["parameters"], _PARAMETERS)
        if refused is not None:
            return refused
        if body["parameters"]["durationSeconds"] not in {4, 6, 8}:
            return self.failure("invalid", 0)
        model = f"projects/{at['project']}/locations/{at['location']}/publishers/google/models/{at['model']}"
        name = f"{model}/operations/{uuid4()}"
        self.works[name] = {"at": time.monotonic(), "parameters": body["parameters"]}
        return web.json_response({"name": name})

    async def fetch(self, request):
        name = request[CALL].body["operationName"]
        work = self.works.get(name)
        if work is None:
            return failed(404, "NOT_FOUND", "Operation not found.")
        if self.strikes(request, "odd_status"):
            return web.json_response({"name": name, "metadata": {"state": "PONDERING"}})
        if time.monotonic() - work["at"] < self.seconds:
            return web.json_response({"name": name})
        return web.json_response({"name": name, "done": True, **self._end(request, work)})

    def _end(self, request, work):
        errors = {"failed_policy": (3, _REFUSAL), "failed_plainly": (13, "sorry"), "failed_busy": (8, "sorry")}
        for fault, (code, message) in errors.items():
            if self.strikes(request, fault):
                return {"error": {"code": code, "message": message}}
        if self.strikes(request, "filtered"):
            return {"response": {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["Support codes: 58061214"]}}
        if self.strikes(request, "empty"):
            return {"response": {}}
        if work["parameters"].get("storageUri"):
            bucket = "gs://elsewhere" if self.strikes(request, "foreign_bucket") else _BUCKET
            return {"response": {"videos": [{"gcsUri": f"{bucket}/a b/sample_0.mp4", "mimeType": "video/mp4"}]}}
        content = b"<html>sorry</html>" if self.strikes(request, "wrong_mime") else mp4()
        film = {"bytesBase64Encoded": base64.b64encode(content).decode(), "mimeType": "video/mp4"}
        return {"response": {"raiMediaFilteredCount": 0, "videos": [film]}}

    async def stored(self, request):
        at = request.match_info
        if f"gs://{at['bucket']}/{unquote(at['name'])}" != f"{_BUCKET}/a b/sample_0.mp4":
            return failed(404, "NOT_FOUND")
        if self.strikes(request, "not_there_yet"):
            return failed(404, "NOT_FOUND")
        return web.Response(body=mp4(), content_type="video/mp4")


def _decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
