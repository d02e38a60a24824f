from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts import audit, workspaces
from accounts.models import User
from core.ids import from_public
from credits import replay
from credits.replay import Replay


class Command(BaseCommand):
    help = "Rebuilds a workspace's wallet from its journal, line by line. Exit 1 when a row says otherwise."

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--email", help="of a member; their first workspace is meant")
        whose.add_argument("--workspace", help="a public id: wsp_…")
        parser.add_argument("--sandbox", action="store_true")
        parser.add_argument("--quiet", action="store_true", help="print the result alone")
        parser.add_argument("--mend", action="store_true", help="make the wallet's own figures what the journal says")

    @transaction.atomic
    def handle(self, *, sandbox: bool, quiet: bool, mend: bool, **options: Any) -> None:
        workspace_id = _workspace(options)
        wallet_id = {kind: wallet for wallet, kind in replay.wallet_ids(workspace_id=workspace_id)}
        if sandbox not in wallet_id:
            raise CommandError("There is no such wallet.")
        replayed = Replay(wallet_id[sandbox])
        count = 0
        for line in replayed.lines():
            count += 1
            if not quiet:
                moved = f"{line.kind:<9}  {line.amount:>+10}  {line.balance:>10}"
                self.stdout.write(f"{line.at:%Y-%m-%d %H:%M:%S}  {moved}  {line.reference}")
        for difference in replayed.differences:
            self.stdout.write(difference)
        if replayed.differences and mend:
            replayed.mend()
            audit.record(
                action="wallet.mended", actor="command:replay_wallet", at=timezone.now(), workspace_id=workspace_id,
                target=f"wallet:{replayed.wallet_id}", reason="; ".join(replayed.differences),
            )  # fmt: skip
            self.stdout.write("mended: the journal's figures stand now")
        elif replayed.differences:
            raise CommandError(f"{len(replayed.differences)} rows say otherwise", returncode=1)
        self.stdout.write(
            f"{count} postings give a balance of {replayed.balance} and a debt of {replayed.debt}, as the rows say"
        )


def _workspace(options: dict[str, Any]) -> Any:
    if options["workspace"]:
        found = from_public("wsp", options["workspace"])
    else:
        user = User.objects.filter(email__iexact=options["email"]).first()
        found = workspaces.default_for(user_id=user.id) if user else None
    if found is None:
        raise CommandError("There is no such workspace.")
    return found
