from django.urls import path

from credits.api import views

urlpatterns = [
    path("wallet", views.Wallet.as_view()),
    path("wallet/transactions", views.Transactions.as_view()),
    path("usage", views.Usage.as_view()),
]
