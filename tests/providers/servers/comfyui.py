"""ComfyUI's server, as 0.3 runs: a queue and a history in memory, files by /view. A proxy in front asks for a token."""

import asyncio
import time
from pathlib import PurePosixPath

from aiohttp import web

from tests.providers.servers import CALL, Cut, ProtocolServer, png

# What the nodes of the test workflows take: a type, and for numbers their bounds.
_NODES = {
    "CheckpointLoaderSimple": {"ckpt_name": ["tiny.safetensors"]},
    "CLIPTextEncode": {"text": str, "clip": list},
    "EmptyLatentImage": {"width": (16, 16_384), "height": (16, 16_384), "batch_size": (1, 4_096)},
    "KSampler": {"seed": (0, 2**64 - 1), "steps": (1, 10_000), "cfg": (0, 100), "sampler_name": ["euler"],
                 "scheduler": ["normal"], "denoise": (0, 1), "model": list, "positive": list, "negative": list,
                 "latent_image": list},
    "VAEDecode": {"samples": list, "vae": list},
    "VAEEncode": {"pixels": list, "vae": list},
    "LoadImage": {"image": str},
    "SaveImage": {"images": list, "filename_prefix": str},
}  # fmt: skip


class ComfyUIServer(ProtocolServer):
    kind = "comfyui"
    # As servers of before 2025 do.
    names_itself = False
    ends_when_the_queue_is_read = False

    def reset(self):
        super().reset()
        self.names_itself = self.ends_when_the_queue_is_read = False

    def routes(self):
        return [
            web.get("/system_stats", self.stats),
            web.post("/upload/image", self.upload),
            web.post("/prompt", self.prompt),
            web.get("/history/{id}", self.history),
            web.get("/queue", self.queue),
            web.post("/queue", self.change_queue),
            web.post("/interrupt", self.interrupt),
            web.get("/view", self.view),
        ]

    def is_billable(self, request):
        return request.method == "POST" and request.path == "/prompt"

    def failure(self, name, value):
        proxy = {"unauthorized": (401, {}), "forbidden": (403, {}), "rate_limited": (429, {"Retry-After": "3"}),
                 "overloaded": (503, {}), "server_error": (500, {}), "bad_gateway": (502, {})}  # fmt: skip
        if name in proxy:
            status, headers = proxy[name]
            return web.Response(status=status, text="<html>sorry</html>", headers=headers)
        if name == "gone":
            errors = {"4": _node_error("CheckpointLoaderSimple", "value_not_in_list", "ckpt_name", "lost.safetensors")}
            return _not_taken(errors)
        return None

    async def stats(self, _):
        return web.json_response({"system": {"comfyui_version": "0.3.64", "os": "posix"}, "devices": []})

    async def upload(self, request):
        (part,) = request[CALL].files
        subfolder = request[CALL].body.get("subfolder", "")
        self.files[f"{subfolder}/{part[1]}"] = (part[3], part[2])
        return web.json_response({"name": part[1], "subfolder": subfolder, "type": "input"})

    async def prompt(self, request):
        body = request[CALL].body
        graph = body["prompt"]
        if errors := self._faults(graph):
            return _not_taken(errors)
        if not any(node["class_type"] == "SaveImage" for node in graph.values()):
            return web.json_response(
                {"error": {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": "",
                           "extra_info": {}}, "node_errors": {}}, status=400)  # fmt: skip
        job = None if self.names_itself else body.get("prompt_id")
        job = job or f"job-{len(self.works)}"
        self.works[job] = {"graph": graph, "at": time.monotonic(), "cancelled": False}
        if self.strikes(request, "cut_after"):
            raise Cut
        return web.json_response({"prompt_id": job, "number": len(self.works), "node_errors": {}})

    async def history(self, request):
        job = request.match_info["id"]
        work = self.works.get(job)
        if work is None or not self._over(work):
            return web.json_response({})
        if self.strikes(request, "odd_status"):
            return web.json_response({job: {"outputs": {}, "status": {"status_str": "pondering", "completed": False}}})
        status = {"status_str": "success", "completed": True, "messages": [["execution_start", {}]]}
        outputs = self._outputs(work["graph"])
        if self.strikes(request, "failed"):
            outputs, error = {}, {"node_id": "3", "node_type": "KSampler", "exception_type": "torch.OutOfMemoryError",
                                  "exception_message": "a fox", "traceback": []}  # fmt: skip
            status = {"status_str": "error", "completed": False, "messages": [["execution_error", error]]}
        return web.json_response({job: {"prompt": [1, job, work["graph"], {}, []], "outputs": outputs,
                                        "status": status, "meta": {}}})  # fmt: skip

    async def queue(self, _):
        if self.ends_when_the_queue_is_read:
            self.seconds = 0.0
        waiting = [job for job, work in self.works.items() if not self._over(work)]
        items = [[number, job, self.works[job]["graph"], {}, []] for number, job in enumerate(waiting)]
        return web.json_response({"queue_running": items[:1], "queue_pending": items[1:]})

    async def change_queue(self, request):
        for job in request[CALL].body.get("delete", ()):
            self.works.pop(job, None)
        return web.Response(status=200)

    async def interrupt(self, request):
        self.works.pop(request[CALL].body.get("prompt_id"), None)
        return web.Response(status=200)

    async def view(self, request):
        if self._take("file_404"):
            return web.Response(status=404)
        if "file_redirect" in self.standing:
            return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/secret"})
        name = f"{request.query['subfolder']}/{request.query['filename']}"
        content, media_type = self.files.get(name, (b"", ""))
        if "wrong_mime" in self.standing:
            content = b"<html>sorry</html>"
        await asyncio.sleep(0)
        return web.Response(body=content, content_type=media_type) if content else web.Response(status=404)

    def _over(self, work):
        return time.monotonic() - work["at"] >= self.seconds

    def _outputs(self, graph):
        """What the workflow saves: the size that it says, or that of the picture that it was given."""
        found = {}
        for number, node in graph.items():
            if node["class_type"] == "SaveImage":
                path = PurePosixPath(node["inputs"]["filename_prefix"] + "_00001_.png")
                size = next((node["inputs"] for node in graph.values() if "width" in node["inputs"]), {})
                content = png(width=size.get("width", 256), height=size.get("height", 256))
                self.files[str(path)] = (content, "image/png")
                saved = {"filename": path.name, "subfolder": str(path.parent), "type": "output"}
                preview = {"filename": "other_00001_.png", "subfolder": "", "type": "temp"}
                found[number] = {"images": [preview, saved]}
        return found

    def _faults(self, graph):
        """What the server finds wrong with each node before anything runs."""
        found = {}
        for number, node in graph.items():
            takes = _NODES[node["class_type"]]
            for name, value in node["inputs"].items():
                kind = takes[name]
                if isinstance(kind, list) and value not in kind:
                    found[number] = _node_error(node["class_type"], "value_not_in_list", name, value)
                elif isinstance(kind, tuple) and not kind[0] <= value <= kind[1]:
                    found[number] = _node_error(node["class_type"], "value_smaller_than_min", name, value)
                elif name == "image" and kind is str and value not in self.files:
                    found[number] = _node_error(node["class_type"], "custom_validation_failed", name, value)
        return found


def _node_error(class_type, kind, name, value):
    error = {"type": kind, "message": "Value not right", "details": name,
             "extra_info": {"input_name": name, "received_value": value}}  # fmt: skip
    return {"errors": [error], "dependent_outputs": ["9"], "class_type": class_type}


def _not_taken(errors):
    error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "details": "",
             "extra_info": {}}  # fmt: skip
    return web.json_response({"error": error, "node_errors": errors}, status=400)
