from django.urls import path

from generation import views, webhooks

urlpatterns = [
    path("hooks/providers/<uuid:token>", webhooks.provider, name="provider-webhook"),
    path("studio", views.studio, name="studio"),
    path("studio/quote", views.quote, name="studio-quote"),
    path("studio/jobs/<str:public_id>", views.job, name="job"),
    path("studio/jobs/<str:public_id>/card", views.card, name="job-card"),
    path("studio/jobs/<str:public_id>/cancel", views.cancel, name="job-cancel"),
    path("studio/jobs/<str:public_id>/retry", views.retry, name="job-retry"),
]
