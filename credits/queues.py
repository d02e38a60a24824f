from core.queueing import TaskRef

EXPIRE_LOTS = TaskRef("credits.expire_lots", "maintenance")
FORGET_QUOTES = TaskRef("credits.forget_quotes", "maintenance")
