from django.urls import path

from credits import views

urlpatterns = [path("wallet", views.wallet, name="wallet")]
