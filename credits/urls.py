from django.urls import path

from credits import views

urlpatterns = [
    path("wallet", views.wallet, name="wallet"),
    path("wallet/statement.csv", views.statement_csv, name="wallet-statement-csv"),
    path("wallet/usage.csv", views.usage_csv, name="wallet-usage-csv"),
    path("wallet/notices", views.set_notices, name="wallet-notices"),
]
