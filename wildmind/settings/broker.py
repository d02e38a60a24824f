"""Which broker carries Celery's messages, and how it is spoken to."""

import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from wildmind.local.children import QUEUES
from wildmind.settings.env import env_int, env_secret, env_str

REDIS_SCHEMES = ("redis", "rediss")
# A poll that waits longer is cut off by Celery's client after 20 s, and with it the message that comes just then.
_LONGEST_WAIT_SECONDS = 15
_LONGEST_QUEUE_NAME = 80
# Messages are hints: an old one is found to be stale and thrown away, so there is no use in keeping it for days.
_KEEP_SECONDS = 3600


def redis_options() -> dict[str, Any]:
    """Short time-outs: nobody waits for a hint."""
    return {
        "visibility_timeout": 3600,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "global_keyprefix": "wm:",
    }


def check(url: str) -> None:
    """Raises ImproperlyConfigured for a broker that nothing here is tested with."""
    scheme = urlsplit(url).scheme
    if scheme in REDIS_SCHEMES:
        return
    if scheme != "sqs":
        raise ImproperlyConfigured(
            f"WILDMIND_BROKER_URL starts with {scheme!r}: it must be redis://, rediss:// or sqs://."
        )
    if url.rstrip("/") != "sqs:":
        raise ImproperlyConfigured(
            "WILDMIND_BROKER_URL=sqs:// stands alone: name the region, the server and the keys by WILDMIND_SQS_REGION, "
            "WILDMIND_SQS_ENDPOINT, WILDMIND_SQS_ACCESS_KEY and WILDMIND_SQS_SECRET_KEY."
        )
    if find_spec("pycurl") is None:
        raise ImproperlyConfigured(
            "WILDMIND_BROKER_URL=sqs:// needs the packages of requirements-sqs.txt: install them with --require-hashes."
        )


def sqs_url() -> str:
    """The address as Celery wants it: keys and server in one. Without keys boto3 looks for them itself."""
    access, secret = (
        env_secret("WILDMIND_SQS_ACCESS_KEY", default=""),
        env_secret("WILDMIND_SQS_SECRET_KEY", default=""),
    )
    if bool(access) != bool(secret):
        raise ImproperlyConfigured(
            "WILDMIND_SQS_ACCESS_KEY and WILDMIND_SQS_SECRET_KEY belong together: set both, or neither."
        )
    keys = f"{quote(access, safe='')}:{quote(secret, safe='')}@" if access else ""
    return f"sqs://{keys}{urlsplit(_endpoint()).netloc}"


def sqs_options(*, pickup_seconds: int) -> dict[str, Any]:
    """Celery's transport options. A taken message stays hidden for two pickup leases: by then its step is with
    somebody, or was sent anew, and the message that comes back finds nothing to do."""
    prefix = env_str("WILDMIND_SQS_QUEUE_PREFIX", default="wildmind-")
    names = [queue_name(prefix, queue) for queue in QUEUES.split(",")]
    if not re.fullmatch(r"[A-Za-z0-9_-]*", prefix) or max(map(len, names)) > _LONGEST_QUEUE_NAME:
        raise ImproperlyConfigured(
            f"WILDMIND_SQS_QUEUE_PREFIX={prefix!r} cannot begin a queue's name: SQS allows letters, digits, - and _, "
            f"and {_LONGEST_QUEUE_NAME} characters in all."
        )
    options = {
        "region": env_str("WILDMIND_SQS_REGION", default="us-east-1"),
        "is_secure": not _endpoint().startswith("http://"),
        "queue_name_prefix": prefix,
        "visibility_timeout": 2 * pickup_seconds,
        "wait_time_seconds": env_int("WILDMIND_SQS_WAIT_SECONDS", default=10, minimum=0, maximum=_LONGEST_WAIT_SECONDS),
        # Never 0: a worker without a free slot would ask itself without a pause.
        "polling_interval": env_int("WILDMIND_SQS_POLL_MILLISECONDS", default=100, minimum=10) / 1000,
        "sqs-creation-attributes": {"MessageRetentionPeriod": str(_KEEP_SECONDS)},
        "client-config": {"connect_timeout": 2, "read_timeout": 5, "retries": {"total_max_attempts": 2}},
    }
    if base := _address("WILDMIND_SQS_QUEUES_URL", env_str("WILDMIND_SQS_QUEUES_URL", default="")):
        options["predefined_queues"] = {name: {"url": f"{base}/{name}"} for name in names}
    return options


def queue_name(prefix: str, queue: str) -> str:
    """What a queue of ours is called at SQS, which knows no dots: `generation.free` is `generation-free`."""
    return f"{prefix}{queue}".replace(".", "-")


def _endpoint() -> str:
    endpoint = _address("WILDMIND_SQS_ENDPOINT", env_str("WILDMIND_SQS_ENDPOINT", default=""))
    if urlsplit(endpoint).path:
        raise ImproperlyConfigured(f"WILDMIND_SQS_ENDPOINT={endpoint!r} has a path: it takes a server alone.")
    return endpoint


def _address(name: str, value: str) -> str:
    value = value.rstrip("/")
    if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
        raise ImproperlyConfigured(f"{name}={value!r} is no address: it must start with http:// or https://.")
    return value
