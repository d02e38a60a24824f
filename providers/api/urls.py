from django.urls import path

from providers.api import views

urlpatterns = [
    path("models", views.Models.as_view()),
    path("models/<str:model>", views.Model.as_view()),
]
