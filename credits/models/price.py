from django.db import models
from django.db.models import Q


class Price(models.Model):
    """One line of the rate card: what a unit of a model costs from a moment on, until a later line takes over.

    Rows are only ever added: UPDATE, DELETE and TRUNCATE are refused by a trigger. A mistake is mended by another line.
    """

    class Unit(models.TextChoices):
        IMAGE = "image"
        MEGAPIXEL = "megapixel"
        SECOND = "second"
        K_TOKENS = "1k_tokens", "1,000 tokens"
        K_CHARACTERS = "1k_characters", "1,000 characters"
        CALL = "call"

    class Source(models.TextChoices):
        CATALOGUE = "catalogue"
        OPERATOR = "operator"

    id = models.BigAutoField(primary_key=True)
    model = models.CharField(max_length=80, help_text="The model's id in the catalogue, without its pin.")
    unit = models.CharField(max_length=13, choices=Unit.choices)
    credits = models.DecimalField(max_digits=12, decimal_places=4, help_text="For one unit.")
    expression = models.CharField(max_length=300, blank=True, help_text="A multiplier over measures; empty means 1.")
    minimum = models.PositiveIntegerField(default=1, help_text="Whole credits that a step costs at least.")
    cost_usd_micros = models.PositiveBigIntegerField(default=0, help_text="What the provider charges us for one unit.")
    effective_from = models.DateTimeField()
    source = models.CharField(max_length=9, choices=Source.choices)
    actor = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "unit", "effective_from"], name="credits_price_once"),
            models.CheckConstraint(condition=~Q(model=""), name="credits_price_names_its_model"),
            models.CheckConstraint(
                condition=Q(credits__gt=0, credits__lte=1_000_000), name="credits_price_credits_within_bounds"
            ),
            models.CheckConstraint(
                condition=Q(minimum__gte=1, minimum__lte=1_000_000), name="credits_price_minimum_within_bounds"
            ),
            models.CheckConstraint(
                condition=Q(unit__in=["image", "megapixel", "second", "1k_tokens", "1k_characters", "call"]),
                name="credits_price_unit_known",
            ),
            models.CheckConstraint(
                condition=Q(source__in=["catalogue", "operator"]), name="credits_price_source_known"
            ),
        ]
        indexes = [models.Index(fields=["model", "-effective_from"], name="credits_price_of_model")]

    def __str__(self) -> str:
        return f"{self.model}: {self.credits} a {self.unit} from {self.effective_from:%Y-%m-%d %H:%M}"
