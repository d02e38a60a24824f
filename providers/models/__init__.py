from providers.models.connection import Connection
from providers.models.invoice import InvoiceLine
from providers.models.model_card import ModelCard, ModelRevision

__all__ = ["Connection", "InvoiceLine", "ModelCard", "ModelRevision"]
