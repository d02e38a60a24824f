from django.apps import AppConfig


class CreditsConfig(AppConfig):
    name = "credits"

    def ready(self) -> None:
        from accounts import workspaces  # noqa: PLC0415 - needs the app registry
        from credits import ledger  # noqa: PLC0415

        workspaces.provision_with(ledger.open_wallets)
