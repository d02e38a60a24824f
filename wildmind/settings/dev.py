"""The local run: loopback only, mails to a folder, forced failures allowed, no secret to set."""

from wildmind.settings.base import *
from wildmind.settings.base import DATA_DIR, STATIC_ROOT
from wildmind.settings.env import env_bool, env_secret, kept_secret

# Off, so that a local visitor meets the site's own error pages; tracebacks would also show prompts.
DEBUG = env_bool("WILDMIND_DEBUG", default=False)
SECRET_KEY = env_secret("WILDMIND_SECRET_KEY", default="") or kept_secret(DATA_DIR / "secret.key")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
WHITENOISE_USE_FINDERS = True
# Nothing is collected in a local run; WhiteNoise warns when the folder is not there.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_AUTOREFRESH = False
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = DATA_DIR / "mail"
# Other users of this machine may pass through the data folder, and must not read mails or pictures.
for _folder in (EMAIL_FILE_PATH, DATA_DIR / "media"):
    _folder.mkdir(mode=0o700, parents=True, exist_ok=True)
ACCOUNT_EMAIL_VERIFICATION = "optional"
GENERATION_DIRECTIVES_OUTSIDE_SANDBOX = True
SEED_DEMO_ALLOWED = True
