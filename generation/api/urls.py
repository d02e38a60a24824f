from django.urls import path

from generation.api import models, queue, stream, views

urlpatterns = [
    path("models", models.Models.as_view()),
    path("models/<str:model>", models.Model.as_view()),
    path("queue", queue.Queue.as_view()),
    path("quotes", views.Quotes.as_view()),
    path("generations", views.Generations.as_view()),
    path("generations/<str:public_id>", views.Generation.as_view()),
    path("generations/<str:public_id>/attempts", views.Attempts.as_view()),
    path("generations/<str:public_id>/cancel", views.Cancel.as_view()),
    path("generations/<str:public_id>/events", stream.Events.as_view()),
    path("generations/<str:public_id>/retry", views.Retry.as_view()),
]
