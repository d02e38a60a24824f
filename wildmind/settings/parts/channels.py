"""Cache, sessions and push over Redis."""

from wildmind.settings.parts.celery import REDIS_URL

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "wm",
    }
}
# Signed-in people keep their session when the cache is flushed or away.
SESSION_ENGINE = "accounts.sessions"
# There is no channel layer: sockets hear `core.push`, one subscription for the whole process.
PUSH_PREFIX = "wm:push:"
