"""Runway's API of 2024-11-06: tasks by endpoint and model, with what each takes and nothing else."""

import time
from uuid import uuid4

from aiohttp import web

from tests.providers.servers import CALL, Cut, ProtocolServer, mp4, png

_FILM = {"model", "promptText", "ratio", "duration", "seed", "contentModeration", "outputFormat"}
# By endpoint and model: what it takes, what it needs, its ratios, and credits for a call or a second.
_WIDE = {"1280:720", "720:1280", "1104:832", "960:960", "832:1104", "1584:672"}
_SEEDANCE = {"992:432", "854:480", "752:560", "640:640", "560:752", "480:854", "1470:630", "1280:720", "1112:834",
             "960:960", "834:1112", "720:1280", "2206:946", "1920:1080", "1664:1248", "1440:1440", "1248:1664",
             "1080:1920"}  # fmt: skip
_PICTURE = {"1024:1024", "1080:1080", "1168:880", "1360:768", "1440:1080", "1080:1440", "1808:768", "1920:1080",
            "1080:1920", "2112:912", "1280:720", "720:1280", "720:720", "960:720", "720:960", "1680:720"}  # fmt: skip
_AD = {"1280:720", "720:1280", "960:960", "834:1112", "1920:1080", "1080:1920", "1440:1440", "1248:1664"}
RULES = {
    ("text_to_video", "gen4.5"): (_FILM, {"duration", "promptText", "ratio"}, {"1280:720", "720:1280"}, 12),
    ("image_to_video", "gen4.5"): ({*_FILM, "promptImage"}, {"duration", "promptImage", "promptText", "ratio"}, _WIDE,
                                   12),
    ("text_to_video", "seedance2_5"): ({*_FILM, "audio", "draft", "references", "referenceAudio"}, set(), _SEEDANCE,
                                       36),
    ("image_to_video", "seedance2_5"): ({*_FILM, "audio", "draft", "promptImage", "referenceAudio"}, {"promptImage"},
                                        _SEEDANCE, 36),
    ("text_to_image", "gen4_image"): ({"model", "promptText", "ratio", "seed", "referenceImages", "contentModeration"},
                                      {"promptText", "ratio"}, _PICTURE, 8),
    ("product_ad", None): ({"version", "productImages", "audio", "duration", "productInfo", "ratio", "styleImages",
                            "userConcept"}, {"productImages", "version"}, _AD, 50),
}  # fmt: skip


class RunwayServer(ProtocolServer):
    kind = "runway"
    secret = "key_0123456789abcdef0123456789abcdef"

    def routes(self):
        return [
            *(web.post(f"/v1/{name}", self.asked) for name in ("text_to_image", "text_to_video", "image_to_video")),
            web.post("/v1/recipes/{name}", self.asked),
            web.get("/v1/tasks/{id}", self.task),
            web.delete("/v1/tasks/{id}", self.deleted),
            web.get("/v1/organization", self.organization),
        ]

    def failure(self, name, value):
        shapes = {
            "unauthorized": (401, "The API key is invalid.", {}),
            "rate_limited": (429, "Too many requests", {"Retry-After": "7"}),
            "quota": (400, "You do not have enough credits to run this task.", {}),
            "invalid": (400, "Validation of body failed", {}),
            "no_version": (400, "The X-Runway-Version header is required.", {}),
            "gone": (404, "Not found", {}),
            "server_error": (500, "Internal error", {}),
            "bad_gateway": (502, "Bad gateway", {}),
            "overloaded": (503, "Service temporarily unavailable", {}),
        }
        if name not in shapes:
            return None
        status, error, headers = shapes[name]
        body = {"error": error}
        if name == "invalid":
            body |= {"issues": [{"code": "unrecognized_keys", "path": [], "message": "Unrecognized key(s) in object"}],
                     "docUrl": "https://docs.dev.runwayml.com/"}  # fmt: skip
        return web.json_response(body, status=status, headers=headers)

    async def asked(self, request):
        body = request[CALL].body
        if request.headers.get("X-Runway-Version") != "2024-11-06":
            return self.failure("no_version", 0)
        endpoint = request.match_info.get("name") or request.path.rpartition("/")[2]
        rule = RULES.get((endpoint, body.get("model")))
        if rule is None:
            return self.failure("invalid", 0)
        takes, needs, ratios, credits = rule
        length = body.get("duration")
        wrong = (
            set(body) - takes or needs - set(body) or body.get("ratio", next(iter(ratios))) not in ratios
            or not (length is None or (isinstance(length, int) and 2 <= length <= 15))
            or (body.get("model") in {"gen4.5", "gen4_image"} and len(body["promptText"].encode("utf-16-le")) > 2_000)
        )  # fmt: skip
        if wrong:
            return self.failure("invalid", 0)
        identity = str(uuid4())
        bill = credits if endpoint == "text_to_image" else credits * (length or 5)
        work = {"due": time.monotonic() + self.seconds, "credits": bill, "ratio": body.get("ratio"), "looks": 0,
                "picture": endpoint == "text_to_image", "over": None, "code": None,
                "empty": self.strikes(request, "empty"), "throttled": self.strikes(request, "throttled")}  # fmt: skip
        for fault, code in (
            ("refused_input", "SAFETY.INPUT.TEXT"), ("refused_output", "SAFETY.OUTPUT.VIDEO"),
            ("failed", "INTERNAL.BAD_OUTPUT.CODE01"), ("bad_asset", "ASSET.INVALID"),
        ):  # fmt: skip
            if self.strikes(request, fault):
                work["code"] = code
        self.works[identity] = work
        if self.strikes(request, "cut_after"):
            raise Cut
        return web.json_response({"id": identity})

    async def task(self, request):
        identity = request.match_info["id"]
        work = self.works.get(identity)
        if work is None:
            return self.failure("gone", 0)
        about = {"id": identity, "createdAt": "2026-11-28T10:00:00.000Z"}
        work["looks"] += 1
        waits = {"estimatedCost": {"credits": work["credits"]}}
        if self.strikes(request, "odd_status"):
            return web.json_response({**about, **waits, "status": "SCHEDULING"})
        if work["over"] is None and work["throttled"] and work["looks"] < 4:
            return web.json_response({**about, **waits, "status": "THROTTLED"})
        if work["over"] is None and time.monotonic() < work["due"]:
            return web.json_response({**about, **waits, "status": "RUNNING", "progress": 0.4})
        work["over"] = work["over"] or ("FAILED" if work["code"] else "SUCCEEDED")
        cost = {} if self.strikes(request, "no_usage") else {"cost": {"credits": work["credits"]}}
        if work["over"] == "FAILED":
            refunded = {"cost": {"credits": 0}} if work["code"].startswith("INTERNAL") else cost
            return web.json_response({**about, **refunded, "status": "FAILED", "failure": "It did not work out.",
                                      "failureCode": work["code"]})  # fmt: skip
        if work["over"] == "CANCELLED":
            return web.json_response({**about, "cost": {"credits": 0}, "status": "CANCELLED"})
        return web.json_response({**about, **cost, "status": "SUCCEEDED", "output": self._output(request, work)})

    def _output(self, request, work):
        if work["empty"]:
            return []
        if self.strikes(request, "foreign_host"):
            return ["https://evil.example/out.mp4"]
        if not work["picture"]:
            return [self.keep(mp4(), "video/mp4")]
        width, height = map(int, work["ratio"].split(":"))
        return [self.keep(png(width=width, height=height), "image/png")]

    async def deleted(self, request):
        work = self.works.get(request.match_info["id"])
        if work is None:
            return self.failure("gone", 0)
        if work["over"] is None:
            work["over"] = "CANCELLED"
        else:
            del self.works[request.match_info["id"]]
        return web.Response(status=204)

    async def organization(self, _):
        return web.json_response({"creditBalance": 1234, "tier": {"maxMonthlyCreditSpend": 9000000, "models": {}},
                                  "usage": {"models": {}}})  # fmt: skip
