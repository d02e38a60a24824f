from django.db import models


class InvoiceLine(models.Model):
    """What a provider billed for a model in a month, as its invoice says. An empty model is what it billed in all."""

    kind = models.CharField(max_length=40, help_text="The adapter.")
    month = models.DateField(help_text="The first day of it.")
    model = models.CharField(max_length=80, blank=True)
    usd_micros = models.PositiveBigIntegerField()
    source = models.CharField(max_length=120, help_text="The file that it was read from.")
    imported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "month", "model"], name="providers_invoice_line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.month:%Y-%m} {self.model or 'in all'}"
