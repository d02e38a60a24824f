from django.apps import AppConfig


class WildmindConfig(AppConfig):
    name = "wildmind"

    def ready(self) -> None:
        # Makes our Celery the current application in every process; its tasks load in workers alone.
        from wildmind import celery, sentry  # noqa: F401, PLC0415 - needs the app registry

        sentry.start()
