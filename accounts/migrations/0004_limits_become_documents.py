"""The built-in plans, and every workspace's own limits as overrides where they differ from those of its plan.

A label that is none of the built-in plans becomes a plan of its own with the limits of `free`, so nobody's limits
change. Undone, the columns have what holds then.
"""

from django.db import migrations

# As of this migration; `accounts/plans.yaml` is where the present ones are.
_PLANS = """
INSERT INTO accounts_plan (slug, name, position, is_default, created_at, updated_at, limits) VALUES
('free', 'Free', 10, true, now(), now(),
    '{"lane": "free", "weight": 1, "max_running": 4, "max_queued": 100, "max_live_by_pipeline": {"video": 2},
      "daily_jobs": null, "daily_jobs_by_pipeline": {}, "daily_credits": null, "max_pixels": 4194304,
      "max_duration_seconds": 60, "retention_days": null, "models": null}'),
('pro', 'Pro', 20, false, now(), now(),
    '{"lane": "pro", "weight": 1, "max_running": 16, "max_queued": 500, "max_live_by_pipeline": {"video": 10},
      "daily_jobs": null, "daily_jobs_by_pipeline": {}, "daily_credits": null, "max_pixels": 16777216,
      "max_duration_seconds": 300, "retention_days": null, "models": null}'),
('enterprise', 'Enterprise', 30, false, now(), now(),
    '{"lane": "enterprise", "weight": 1, "max_running": 64, "max_queued": 5000, "max_live_by_pipeline": {},
      "daily_jobs": null, "daily_jobs_by_pipeline": {}, "daily_credits": null, "max_pixels": null,
      "max_duration_seconds": null, "retention_days": null, "models": null}')
"""
_LABELS = """
INSERT INTO accounts_plan (slug, name, position, is_default, created_at, updated_at, limits)
SELECT DISTINCT e.plan, initcap(e.plan), 100, false, now(), now(), p.limits
FROM accounts_entitlement e JOIN accounts_plan p ON p.slug = 'free'
WHERE NOT EXISTS (SELECT 1 FROM accounts_plan q WHERE q.slug = e.plan)
"""
_TO_OVERRIDES = """
UPDATE accounts_entitlement e SET overrides = coalesce((
    SELECT jsonb_object_agg(v.name, v.value)
    FROM (VALUES ('lane', to_jsonb(e.lane)), ('weight', to_jsonb(e.weight)),
        ('max_running', to_jsonb(e.max_running)), ('max_queued', to_jsonb(e.max_queued))) AS v (name, value)
    WHERE p.limits -> v.name IS DISTINCT FROM v.value), '{}')
FROM accounts_plan p WHERE p.slug = e.plan
"""
_TO_COLUMNS = """
UPDATE accounts_entitlement e SET lane = l.limits ->> 'lane', weight = least((l.limits ->> 'weight')::integer, 32767),
    max_running = least((l.limits ->> 'max_running')::integer, 32767),
    max_queued = least((l.limits ->> 'max_queued')::integer, 32767)
FROM (SELECT o.workspace_id, p.limits || o.overrides AS limits
    FROM accounts_entitlement o JOIN accounts_plan p ON p.slug = o.plan) AS l
WHERE l.workspace_id = e.workspace_id
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_plan")]

    operations = [
        migrations.RunSQL(_PLANS, "DELETE FROM accounts_plan"),
        migrations.RunSQL(_LABELS, migrations.RunSQL.noop),
        migrations.RunSQL(_TO_OVERRIDES, _TO_COLUMNS),
    ]
