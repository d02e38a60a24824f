from django.urls import path

from assets.api import views

urlpatterns = [
    path("assets", views.Assets.as_view()),
    path("assets/<str:public_id>", views.Asset.as_view()),
    path("assets/<str:public_id>/content", views.Content.as_view()),
]
