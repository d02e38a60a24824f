from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from psycopg import sql

# What is only ever added to. A role that does not own them cannot switch their triggers off either.
JOURNALS = ("credits_posting", "credits_entry", "credits_price", "accounts_auditevent")


class Command(BaseCommand):
    help = "Gives a database role what the application needs, and no way to change the journals. Run as their owner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", required=True, help="an existing role, which web, workers and conductor use")

    @transaction.atomic
    def handle(self, *, role: str, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT rolsuper, pg_has_role(oid, current_user, 'MEMBER') FROM pg_roles WHERE rolname = %s", [role]
            )
            found = cursor.fetchone()
            if found is None:
                raise CommandError(f"There is no role {role!r}: CREATE ROLE it with LOGIN and a password first.")
            if found[0] or found[1]:
                raise CommandError(f"{role!r} is a superuser or the owner's own: nothing can be kept from it.")
            for statement in _STATEMENTS:
                cursor.execute(sql.SQL(statement).format(role=sql.Identifier(role)).as_string(cursor.connection))
            for table in JOURNALS:
                revoke = sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")
                cursor.execute(
                    revoke.format(table=sql.Identifier(table), role=sql.Identifier(role)).as_string(cursor.connection)
                )
        self.stdout.write(f"{role} may run the application and change nothing in {', '.join(JOURNALS)}")


# New tables of later migrations come with the same rights: run it again after an upgrade for their journals.
_STATEMENTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
)
