"""The suite: real PostgreSQL and Redis given by the environment, cheap password hashes, mails in memory."""

import os
from urllib.parse import urlsplit, urlunsplit

# Each xdist worker has a Redis database of its own. Here, since no later place is before every setting is read.
if worker := os.environ.get("PYTEST_XDIST_WORKER", ""):
    _parts = urlsplit(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
    os.environ["REDIS_URL"] = urlunsplit(_parts._replace(path=f"/{1 + int(worker.removeprefix('gw'))}"))

from wildmind.settings.dev import *
from wildmind.settings.dev import DATA_DIR, DATABASES

DEBUG = False
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# One data folder per xdist worker: files of one test are not those of another.
MEDIA_ROOT = DATA_DIR / "test-media" / os.environ.get("PYTEST_XDIST_WORKER", "main")
# A pool would keep connections to the test database open when it is dropped.
DATABASES["default"]["OPTIONS"].pop("pool", None)

# The others have tests of their own: each test would begin with writing all of them down.
PROVIDERS_MODELS = ["sketch-*"]
