from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "generation"

    def ready(self) -> None:
        from credits import reconciliation  # noqa: PLC0415 - needs the app registry

        reconciliation.watch("generation_violation")
