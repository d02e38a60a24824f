"""Models and the adapters behind them."""

from wildmind.settings.env import env_list

# More folders of catalogue files, read after the built-in ones.
PROVIDERS_CATALOGUE_DIRS = env_list("WILDMIND_CATALOGUE_DIRS")
# Adapters from outside the house, as `kind=package.module:Class`.
PROVIDERS_EXTRA_ADAPTERS = env_list("WILDMIND_EXTRA_ADAPTERS")
