from django.db import models


class Lane(models.Model):
    """A class of customers: `v` is its virtual time, the highest tag that was served."""

    name = models.CharField(primary_key=True, max_length=10)
    v = models.BigIntegerField(default=0)

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


class Flow(models.Model):
    """A workspace inside a lane: the finish tag of its last step. Its row is locked by its own submissions only."""

    pk = models.CompositePrimaryKey("lane", "workspace_id")
    lane = models.CharField(max_length=10)
    workspace = models.ForeignKey("accounts.Workspace", models.CASCADE, db_index=False, related_name="+")
    vfin = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.workspace_id} in {self.lane}"
