"""Money in is optional: without a gateway's key the site hides it and operators grant credits."""

from wildmind.settings.env import env_secret

STRIPE_SECRET_KEY = env_secret("WILDMIND_STRIPE_SECRET_KEY", default="")
BILLING_ENABLED = bool(STRIPE_SECRET_KEY)
