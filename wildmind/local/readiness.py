"""Asks the web server whether it is ready, beside the supervision."""

import http.client
import threading
import time

from wildmind.local.ports import HOST

_EVERY_SECONDS = 0.1
_PATH = "/readyz"
_SHOWN = 400


class Probe:
    """`why_not` is a sentence about the last answer, for when it takes too long."""

    def __init__(self, port: int) -> None:
        self.why_not = "nothing answered yet"
        self._port = port
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    def _run(self) -> None:
        while not self._ask():
            time.sleep(_EVERY_SECONDS)
        self._ready.set()

    def _ask(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=5)
        try:
            connection.request("GET", _PATH)
            answer = connection.getresponse()
            body = answer.read(_SHOWN).decode("utf-8", "replace").strip()
        except (OSError, http.client.HTTPException) as error:
            self.why_not = f"no answer ({error})"
            return False
        finally:
            connection.close()
        self.why_not = f"answered {answer.status}: {body}"
        return answer.status == 200
