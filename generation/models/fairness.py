from django.db import models


class Lane(models.Model):
    """A class of customers, with what is known of it for steps on our processors (`_cpu`) and on the wire (`_io`).

    `v` is its virtual time, the highest tag that was served. `served` is how many slot-milliseconds it is ahead of the
    lane that is furthest behind its share; the conductors keep it small.
    """

    name = models.CharField(primary_key=True, max_length=10)
    v_cpu = models.BigIntegerField(default=0)
    v_io = models.BigIntegerField(default=0)
    served_cpu = models.BigIntegerField(default=0)
    served_io = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class Load(models.Model):
    """How many jobs of a pipeline a workspace has under way, and how many it made on `day` (UTC), its latest.

    Moved under the wallet's lock with the job that it counts, so admission reads a few rows instead of all jobs.
    `generation_recount` makes it again from the jobs.
    """

    pk = models.CompositePrimaryKey("workspace_id", "sandbox", "pipeline")
    workspace = models.ForeignKey("accounts.Workspace", models.CASCADE, db_index=False, related_name="+")
    sandbox = models.BooleanField()
    pipeline = models.CharField(max_length=20)
    live = models.PositiveIntegerField(default=0)
    day = models.DateField()
    accepted_today = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.live} {self.pipeline} of {self.workspace_id}"


class Window(models.Model):
    """How many jobs of a wallet may run at once (`most`), as its plan said last, and how many have a place.

    `weight` is the share inside the lane. Moved under the wallet's lock; `generation_recount` makes it again.
    """

    pk = models.CompositePrimaryKey("workspace_id", "sandbox")
    workspace = models.ForeignKey("accounts.Workspace", models.CASCADE, db_index=False, related_name="+")
    sandbox = models.BooleanField()
    most = models.PositiveIntegerField()
    weight = models.PositiveIntegerField(default=1)
    admitted = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.admitted} of {self.most} of {self.workspace_id}"


class Flow(models.Model):
    """A wallet inside a lane: the finish tags of its last steps on our processors and on the wire."""

    pk = models.CompositePrimaryKey("lane", "workspace_id", "sandbox")
    lane = models.CharField(max_length=10)
    workspace = models.ForeignKey("accounts.Workspace", models.CASCADE, db_index=False, related_name="+")
    sandbox = models.BooleanField()
    vfin_cpu = models.BigIntegerField()
    vfin_io = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.workspace_id} in {self.lane}"
