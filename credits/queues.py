from core.queueing import TaskRef

EXPIRE_LOTS = TaskRef("credits.expire_lots", "maintenance")
FORGET_QUOTES = TaskRef("credits.forget_quotes", "maintenance")
RECONCILE = TaskRef("credits.reconcile", "maintenance")
EXPIRE_HOLDS = TaskRef("credits.expire_holds", "maintenance")
RENEW_ALLOWANCES = TaskRef("credits.renew_allowances", "maintenance")
RAISE_NOTICES = TaskRef("credits.raise_notices", "maintenance")
SEND_NOTICES = TaskRef("credits.send_notices", "maintenance")
