"""Pages and the API in production: Django's WSGI handler costs a sixth of its ASGI handler."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wildmind.settings.production")
application = get_wsgi_application()
