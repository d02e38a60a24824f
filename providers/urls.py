from django.urls import path

from providers import views

urlpatterns = [
    path("settings/connections", views.own, name="connections"),
    path("settings/connections/<str:public_id>/test", views.test, name="connection-test"),
    path("settings/connections/<str:public_id>/remove", views.remove, name="connection-remove"),
]
