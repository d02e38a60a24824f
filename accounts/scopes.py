"""The scopes of keys and what a member's role allows. Names are public and never change."""

SCOPES = (
    "generations:read",
    "generations:write",
    "assets:read",
    "assets:write",
    "wallet:read",
    "models:read",
    "webhooks:write",
    "keys:write",
    "workspace:admin",
)
# What a key gets when nobody chose: enough to generate, not enough to make more keys.
DEFAULT_SCOPES = ("generations:read", "generations:write", "assets:read", "assets:write", "wallet:read", "models:read")

_READ = frozenset(scope for scope in SCOPES if scope.endswith(":read"))
_ALL = frozenset(SCOPES)
SCOPES_OF_ROLE = {
    "owner": _ALL,
    "admin": _ALL,
    "member": _ALL - {"workspace:admin", "webhooks:write"},
    "viewer": _READ,
}
