"""What began lately is found by its place in the table. Built beside the running service: attempts may be many."""

from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("generation", "0011_outlook")]

    operations = [
        AddIndexConcurrently(
            "attempt",
            BrinIndex(autosummarize=True, fields=["started_at"], name="generation_attempt_recent", pages_per_range=16),
        ),
    ]
