"""Production: every secret from the environment or a file, TLS expected in front."""

from django.core.exceptions import ImproperlyConfigured

from wildmind.settings.base import *
from wildmind.settings.base import ALLOWED_HOSTS, SITE_URL
from wildmind.settings.env import env_bool, env_int, env_secret, env_str

SECRET_KEY = env_secret("WILDMIND_SECRET_KEY")
if len(SECRET_KEY) < 50 or SECRET_KEY.startswith("local-only"):
    raise ImproperlyConfigured("WILDMIND_SECRET_KEY must be at least 50 characters and not the local default.")
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured("WILDMIND_ALLOWED_HOSTS is empty: name the hosts that the site answers to.")

STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Off only behind a proxy on the same host that already speaks TLS, or in a trial on loopback.
_TLS = env_bool("WILDMIND_TLS", default=True)
SECURE_SSL_REDIRECT = _TLS
SESSION_COOKIE_SECURE = _TLS
CSRF_COOKIE_SECURE = _TLS
SECURE_HSTS_SECONDS = env_int("WILDMIND_HSTS_SECONDS", default=31_536_000, minimum=0) if _TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _TLS
_PROXIED = env_bool("WILDMIND_BEHIND_PROXY", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _PROXIED else None
# Sign-in limits count clients, not the proxy in front of them.
ALLAUTH_TRUSTED_PROXY_COUNT = env_int("WILDMIND_TRUSTED_PROXIES", default=1 if _PROXIED else 0, minimum=0)
# Joining the browsers' preload list binds the whole domain for years: the operator's decision, not ours.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
CSRF_TRUSTED_ORIGINS = [SITE_URL]

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = env_str("WILDMIND_SMTP_HOST", default="localhost")
EMAIL_PORT = env_int("WILDMIND_SMTP_PORT", default=587, minimum=1, maximum=65535)
EMAIL_HOST_USER = env_str("WILDMIND_SMTP_USER", default="")
EMAIL_HOST_PASSWORD = env_secret("WILDMIND_SMTP_PASSWORD", default="")
EMAIL_USE_TLS = env_bool("WILDMIND_SMTP_TLS", default=True)
DEFAULT_FROM_EMAIL = env_str("WILDMIND_MAIL_FROM", default="webmaster@localhost")
# A mail server that does not answer must not keep a worker.
EMAIL_TIMEOUT = 20
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
GENERATION_DIRECTIVES_OUTSIDE_SANDBOX = False
SEED_DEMO_ALLOWED = False
