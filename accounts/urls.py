from django.urls import path

from accounts import views

urlpatterns = [
    path("settings", views.workspace, name="workspace"),
    path("settings/api-keys", views.keys, name="api-keys"),
    path("settings/api-keys/<str:public_id>/revoke", views.revoke_key, name="api-key-revoke"),
]
