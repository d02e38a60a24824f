from typing import Any

from django.urls import path

from generation.consumers import GenerationsConsumer

websocket_urlpatterns: list[Any] = [path("ws/generations/", GenerationsConsumer.as_asgi())]  # type: ignore[arg-type]
