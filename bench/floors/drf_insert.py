"""A bare insert with DRF: token authentication, a model serializer, one row. Nothing is priced, held or announced."""

from django.urls import path
from rest_framework import generics, serializers
from rest_framework.authentication import TokenAuthentication
from rest_framework.permissions import IsAuthenticated

from bench.floors.models import Row


class RowSerializer(serializers.ModelSerializer[Row]):
    class Meta:
        model = Row
        fields = ["id", "prompt", "model", "n", "width", "height", "state", "created_at"]
        read_only_fields = ["id", "state", "created_at"]


class Rows(generics.CreateAPIView[Row]):
    queryset = Row.objects.all()
    serializer_class = RowSerializer
    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)

    def perform_create(self, serializer: serializers.BaseSerializer[Row]) -> None:
        serializer.save(owner=self.request.user)


urlpatterns = [path("rows", Rows.as_view())]
