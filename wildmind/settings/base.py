"""What is the same everywhere. Parts hold the settings of one concern each; every one is in docs/configuration.md."""

from pathlib import Path

import django_stubs_ext

from wildmind.settings.env import env_list, env_str

# `ModelAdmin[Lot]` and the like are plain classes at run time without this.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(env_str("WILDMIND_DATA_DIR", default=str(BASE_DIR / ".local"))).resolve()

DEBUG = False
SITE_NAME = env_str("WILDMIND_SITE_NAME", default="Wildmind")
SITE_URL = env_str("WILDMIND_SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env_list("WILDMIND_ALLOWED_HOSTS")

INSTALLED_APPS = [
    "wildmind",
    "core",
    "accounts",
    "credits",
    "providers",
    "assets",
    "moderation",
    "generation",
    "billing",
    "insights",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "guardian",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
]

MIDDLEWARE = [
    "core.telemetry.RequestIdMiddleware",
    "core.paths.ApiSlashMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "wildmind.middleware.DomainErrorMiddleware",
]

ROOT_URLCONF = "wildmind.urls"
WSGI_APPLICATION = "wildmind.wsgi.application"
ASGI_APPLICATION = "wildmind.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["core.templatetags.ui"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "wildmind.context.site",
            ],
        },
    },
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]

from wildmind.settings.parts.accounts import *
from wildmind.settings.parts.assets import *
from wildmind.settings.parts.billing import *
from wildmind.settings.parts.celery import *
from wildmind.settings.parts.channels import *
from wildmind.settings.parts.credits import *
from wildmind.settings.parts.database import *
from wildmind.settings.parts.generation import *
from wildmind.settings.parts.logging import *
from wildmind.settings.parts.providers import *
from wildmind.settings.parts.rest import *
from wildmind.settings.parts.security import *
