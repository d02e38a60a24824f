"""Tasks by name. `renditions` has a queue of its own, so that pictures of an hour do not stand before what is due."""

from core.queueing import TaskRef

MAKE_RENDITIONS = TaskRef("assets.make_renditions", "renditions")
MEND_RENDITIONS = TaskRef("assets.mend_renditions", "maintenance")
