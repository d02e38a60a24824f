"""Stored media: on disk below the data folder, or in any S3-speaking store."""

from typing import Any

from wildmind.settings.env import env_int, env_secret, env_str

WILDMIND_S3_BUCKET = env_str("WILDMIND_S3_BUCKET", default="")


def _default_storage() -> dict[str, Any]:
    if not WILDMIND_S3_BUCKET:
        return {"BACKEND": "assets.storage.LocalStorage"}
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": WILDMIND_S3_BUCKET,
            "endpoint_url": env_str("WILDMIND_S3_ENDPOINT", default="") or None,
            "region_name": env_str("WILDMIND_S3_REGION", default="us-east-1"),
            "access_key": env_secret("WILDMIND_S3_ACCESS_KEY", default="") or None,
            "secret_key": env_secret("WILDMIND_S3_SECRET_KEY", default="") or None,
            "addressing_style": env_str("WILDMIND_S3_ADDRESSING", default="auto"),
            "signature_version": "s3v4",
            "default_acl": "private",
            "querystring_auth": True,
            "file_overwrite": True,
        },
    }


STORAGES: dict[str, dict[str, Any]] = {
    "default": _default_storage(),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# A link to a file works at least this long and at most twice as long, so that browsers can cache it.
ASSETS_LINK_SECONDS = env_int("WILDMIND_LINK_SECONDS", default=600, minimum=30)
