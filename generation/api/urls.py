from django.urls import path

from generation.api import views

urlpatterns = [
    path("quotes", views.Quotes.as_view()),
    path("generations", views.Generations.as_view()),
    path("generations/<str:public_id>", views.Generation.as_view()),
    path("generations/<str:public_id>/attempts", views.Attempts.as_view()),
    path("generations/<str:public_id>/cancel", views.Cancel.as_view()),
    path("generations/<str:public_id>/retry", views.Retry.as_view()),
]
