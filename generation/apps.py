from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "generation"

    def ready(self) -> None:
        from credits import reconciliation, subjects  # noqa: PLC0415 - needs the app registry
        from generation import selectors  # noqa: PLC0415

        reconciliation.watch("generation_violation")
        subjects.register("job", subjects.Kind(prefix="gen", url_name="job", reachable=selectors.reachable))
