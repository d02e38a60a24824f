"""Counted the jobs that existed. 0013 does it now: the function also makes what only 0013 brings."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("generation", "0006_load")]

    operations = [migrations.RunSQL(migrations.RunSQL.noop, migrations.RunSQL.noop)]
