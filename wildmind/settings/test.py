"""The suite: real PostgreSQL and Redis given by the environment, cheap password hashes, mails in memory."""

import os

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
