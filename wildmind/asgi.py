"""Sockets and event streams in production; these and all else in the local run, from one process."""

from typing import Any, cast

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter, URLRouter

from wildmind.wsgi import application as _site

# Pages and REST calls run in threads, as under a WSGI server: Django's own ASGI handler takes several times as long for
# them, and one at a time.
_THREADS = 8
_pages = WSGIMiddleware(cast(Any, _site), workers=_THREADS)

from channels.auth import AuthMiddlewareStack  # noqa: E402 - needs Django set up
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from generation.api.stream import Streams  # noqa: E402
from wildmind.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": Streams(_pages),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
