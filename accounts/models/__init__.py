from accounts.models.api_key import ApiKey
from accounts.models.audit_event import AuditEvent
from accounts.models.entitlement import Entitlement
from accounts.models.membership import Membership
from accounts.models.plan import Plan
from accounts.models.user import User
from accounts.models.workspace import Workspace

__all__ = ["ApiKey", "AuditEvent", "Entitlement", "Membership", "Plan", "User", "Workspace"]
