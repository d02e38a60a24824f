"""How an attempt fails by nobody's answer."""

from providers.errors import ProviderError


class Crashed(ProviderError):
    """The adapter made a mistake."""

    code = "internal"
    category = "internal"
    retry_same = 1
    public = "Something went wrong on our side."


class NeverArrived(ProviderError):
    """The provider proves that it never saw a submission whose answer was lost."""

    code = "never_arrived"
    category = "provider"
    retry_same = 2
    public = "The provider never got the job."
