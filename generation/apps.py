from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "generation"

    def ready(self) -> None:
        from credits import subjects  # noqa: PLC0415 - needs the app registry
        from generation import selectors  # noqa: PLC0415

        subjects.register("job", subjects.Kind(prefix="gen", url_name="job", reachable=selectors.reachable))
