"""Counts the jobs that exist."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("generation", "0006_load")]

    operations = [migrations.RunSQL("SELECT generation_recount(now())", "DELETE FROM generation_load")]
