"""Cache and push over Redis."""

from wildmind.settings.parts.celery import REDIS_URL

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "wm",
    }
}
# Signed-in people keep their session when the cache is flushed.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
# The core layer drops messages above 100 a process and, with redis-py 8, closes idle sockets after 5 s.
PUSH_PREFIX = "wm"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}], "prefix": PUSH_PREFIX},
    }
}
