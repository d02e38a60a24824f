"""A Django project as the tutorials make it, with the product's connection pool so that pooling is no difference."""

import os
import secrets

from wildmind.settings.parts.database import DATABASES

__all__ = ["DATABASES"]

# Celery closes a pool with every task; without one it closes a connection, which is the usual case and the cheaper.
if not os.environ.get("BENCH_WITH_POOL"):
    DATABASES["default"]["OPTIONS"].pop("pool")
SECRET_KEY = secrets.token_urlsafe(50)
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "bench.floors.drf_insert"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
BROKER_URL = os.environ["BENCH_BROKER_URL"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework.authtoken",
    "bench.floors",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
