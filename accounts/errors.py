from core.errors import DomainError


class SignUpClosed(DomainError):
    code = "policy_denied"
    status = 403
    title = "Sign-up is closed on this site. Ask its operator for an account."
