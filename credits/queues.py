from core.queueing import TaskRef

EXPIRE_LOTS = TaskRef("credits.expire_lots", "maintenance")
