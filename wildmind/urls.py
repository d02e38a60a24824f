from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.cache import cache_control
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from core.styleguide import styleguide
from wildmind import views

api_v1: list[URLPattern | URLResolver] = [
    path("", include("accounts.api.urls")),
    path("", include("assets.api.urls")),
    path("", include("credits.api.urls")),
    path("", include("generation.api.urls")),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.landing, name="landing"),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.prometheus),
    path("api/v1/", include(api_v1)),
    path("api/docs", cache_control(max_age=0)(SpectacularSwaggerView.as_view(url_name="schema")), name="api-docs"),
    path("docs/errors/<str:code>", views.error_page, name="error-page"),
    path("accounts/", include("allauth.urls")),
    path("", include("insights.urls")),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("assets.urls")),
    path("", include("credits.urls")),
    path("", include("providers.urls")),
    path("", include("generation.urls")),
    *([path("styleguide", styleguide, name="styleguide")] if settings.DEBUG or settings.SEED_DEMO_ALLOWED else []),
]

handler400 = "wildmind.views.bad_request"
handler403 = "wildmind.views.forbidden"
handler404 = "wildmind.views.not_found"
handler500 = "wildmind.views.server_error"
