"""Filters of the statement for what is rare in it, without reading past every generation."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("credits", "0007_watch_known_wallets")]

    operations = [
        AddIndexConcurrently(
            "posting",
            models.Index(
                fields=["wallet", "-id"], condition=~Q(kind__in=["capture", "void"]), name="credits_posting_rare"
            ),
        )
    ]
