"""The audit trail is only ever added to, whoever runs the statement."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION accounts_audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                -- A workspace that is erased leaves its trail without its name.
                IF TG_OP = 'UPDATE' AND NEW.workspace_id IS NULL
                    AND to_jsonb(NEW) - 'workspace_id' = to_jsonb(OLD) - 'workspace_id' THEN
                    RETURN NEW;
                END IF;
                RAISE EXCEPTION 'The audit trail is append-only.' USING ERRCODE = 'restrict_violation';
            END $$;
            CREATE TRIGGER accounts_auditevent_append_only BEFORE UPDATE OR DELETE ON accounts_auditevent
                FOR EACH ROW EXECUTE FUNCTION accounts_audit_refuse_change();
            """,
            "DROP TRIGGER accounts_auditevent_append_only ON accounts_auditevent; "
            "DROP FUNCTION accounts_audit_refuse_change;",
        )
    ]
