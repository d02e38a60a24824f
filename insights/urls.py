from django.urls import path

from insights import views

urlpatterns = [
    path("status", views.status, name="status"),
    path("status.json", views.status_json, name="status-json"),
    # Before the admin's own addresses, which answer everything below /admin/.
    path("admin/operations/", views.operations, name="operations"),
]
