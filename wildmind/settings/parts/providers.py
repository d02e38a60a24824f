"""Models, the adapters behind them, and where calls may go."""

from wildmind.settings.env import env_list

# More folders of catalogue files, read after the built-in ones.
PROVIDERS_CATALOGUE_DIRS = env_list("WILDMIND_CATALOGUE_DIRS")
# Only these of the built-in models, by patterns such as `gpt-image-*`; none named is all of them.
PROVIDERS_MODELS = env_list("WILDMIND_MODELS")
# Adapters from outside the house, as `kind=package.module:Class`.
PROVIDERS_EXTRA_ADAPTERS = env_list("WILDMIND_EXTRA_ADAPTERS")
# Networks besides the public internet that calls to addresses of others (workspaces' endpoints, results) may go to.
OUTBOUND_PRIVATE_NETWORKS = env_list("WILDMIND_PRIVATE_NETWORKS")
# Keys that stored secrets are sealed with, newest first; beside them SECRET_KEY and its fallbacks.
SECRETS_KEYS = env_list("WILDMIND_SECRETS_KEYS")
