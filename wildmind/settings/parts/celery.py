"""Celery carries ids; PostgreSQL is the truth. Nothing here may make a lost message a lost job."""

from wildmind.settings import broker
from wildmind.settings.env import env_str
from wildmind.settings.parts.generation import GENERATION_PICKUP_SECONDS

REDIS_URL = env_str("REDIS_URL", default="redis://127.0.0.1:6379/0")

_BROKER_URL = env_str("WILDMIND_BROKER_URL", default=REDIS_URL)
broker.check(_BROKER_URL)
_SQS = _BROKER_URL.startswith("sqs:")
CELERY_BROKER_URL = broker.sqs_url() if _SQS else _BROKER_URL
# Celery's own stops when a poll fails.
CELERY_BROKER_TRANSPORT = "wildmind.sqs:Transport" if _SQS else None
CELERY_BROKER_TRANSPORT_OPTIONS = (
    broker.sqs_options(pickup_seconds=GENERATION_PICKUP_SECONDS) if _SQS else broker.redis_options()
)
# SQS cannot tell all workers at once.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = not _SQS
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TASK_CREATE_MISSING_QUEUES = True
# Celery would close the whole connection pool before and after each task: a new server process and new plans for
# every message. The task gives its connection back to the pool itself.
CELERY_DB_REUSE_MAX = 1_000_000
