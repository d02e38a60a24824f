from django.urls import path

from assets import views

urlpatterns = [
    path("gallery", views.gallery, name="gallery"),
    path("gallery/trash", views.trash_page, name="gallery-trash"),
    path("gallery/<str:public_id>", views.asset, name="asset"),
    path("gallery/<str:public_id>/restore", views.restore, name="asset-restore"),
    path("gallery/<str:public_id>/download", views.download, name="asset-download"),
    path("gallery/<str:public_id>/trash", views.trash, name="asset-trash"),
    path("media/<str:signature>/<int:until>/<path:storage_key>", views.media, name="media"),
]
