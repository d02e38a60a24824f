"""AWS Signature Version 4, by AWS's own code, for requests that our own client makes."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from providers.contracts import Connection
from providers.errors import AuthFailed

_SERVICE = "bedrock"
_USUAL_REGION = "us-west-2"


def region(connection: Connection) -> str:
    """The connection's region: as its options say, or as its address does (bedrock-runtime.eu-west-1.amazonaws.com)."""
    if connection.options.get("region"):
        return str(connection.options["region"])
    parts = (urlsplit(connection.base_url).hostname or "").split(".")
    return parts[1] if len(parts) > 2 and parts[0].startswith("bedrock") else _USUAL_REGION


def signed(connection: Connection, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with a signature over all of it. Raises AuthFailed when the secret is no pair of keys."""
    access, _, rest = connection.secret.reveal().partition(":")
    secret, _, session = rest.partition(":")
    if not access or not secret:
        raise AuthFailed("The secret is not of the form ACCESS:SECRET or ACCESS:SECRET:TOKEN.")
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    SigV4Auth(Credentials(access, secret, session or None), _SERVICE, region(connection)).add_auth(request)
    return dict(request.headers.items())
