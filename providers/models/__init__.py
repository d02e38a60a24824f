from providers.models.model_card import ModelCard, ModelRevision

__all__ = ["ModelCard", "ModelRevision"]
