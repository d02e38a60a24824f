"""Production on loopback without TLS, and one model more: a no-op that costs nothing but the way to it."""

from wildmind.settings.production import *  # noqa: F403 - how Django's settings are layered
from wildmind.settings.production import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench"]
