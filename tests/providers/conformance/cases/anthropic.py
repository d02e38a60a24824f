from tests.providers.conformance.case import Case, Sample
from tests.providers.servers.anthropic import AnthropicServer

_TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What does the fox do?"}]
CASES = [
    Case(
        kind="anthropic",
        server=AnthropicServer,
        samples=(
            # 11 tokens in at 0.1 and 4 out at 0.5 micro-dollars: 3.1, rounded up.
            Sample("claude-haiku-5-5", {"messages": _TALK, "max_tokens": 200}, "text/plain", cost_usd_micros=4),
            Sample("claude-sonnet-5-5", {"messages": _TALK[1:]}, "text/plain", cost_usd_micros=11 * 2 + 4 * 10),
            Sample("claude-opus-5-5", {"messages": _TALK, "max_tokens": 200}, "text/plain",
                   cost_usd_micros=11 * 4 + 4 * 20),
        ),
        refusals=("refused_200",),
        waits={"rate_limited": 7.0},
        quota=("quota", "spend_limit"),
        auth=("unauthorized", "forbidden"),
        gone=("gone",),
        streams="claude-haiku-5-5",
    ),
]  # fmt: skip
