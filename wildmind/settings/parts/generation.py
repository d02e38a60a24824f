"""Jobs and their workers. Times are in the unit of the name."""

from wildmind.settings.env import counts, env_choice, env_int, env_list

# A worker that died is noticed after this long; it renews four times within it.
GENERATION_LEASE_SECONDS = env_int("WILDMIND_LEASE_SECONDS", default=15, minimum=2)
# How long a claimed step may wait for a worker to pick its message up.
GENERATION_PICKUP_SECONDS = env_int("WILDMIND_PICKUP_SECONDS", default=15, minimum=2)
# The net under lost nudges: how often the conductor looks without being asked.
GENERATION_TICK_MILLISECONDS = env_int("WILDMIND_TICK_MILLISECONDS", default=500, minimum=10)
GENERATION_MAX_ATTEMPTS = env_int("WILDMIND_MAX_ATTEMPTS", default=4, minimum=1)
# How unlike the asked model one may be that steps in when it cannot: by the word that catalogue files use, or none.
GENERATION_FALLBACK = env_choice(
    "WILDMIND_FALLBACK", default="family", among=("none", "same_weights", "family", "substitute")
)
# What work over a workspace's own connection costs, of the model's price; its provider bills the workspace itself.
GENERATION_OWN_CONNECTION_PERCENT = env_int("WILDMIND_OWN_CONNECTION_PERCENT", default=10, minimum=0, maximum=100)
# A call whose outcome nobody knows is made again elsewhere only if it can have cost no more than this.
GENERATION_UNKNOWN_MOST_USD_MICROS = env_int("WILDMIND_UNKNOWN_MOST_USD_MICROS", default=100_000, minimum=0)
# A step whose worker dies this often is poison and is not tried again.
GENERATION_MAX_LOST_LEASES = env_int("WILDMIND_MAX_LOST_LEASES", default=3, minimum=1)
GENERATION_DEADLINE_SECONDS = env_int("WILDMIND_DEADLINE_SECONDS", default=900, minimum=10)
# Shares of capacity under contention; an empty lane lends its share.
GENERATION_LANE_SHARES = {"enterprise": 5, "pro": 3, "free": 2}
# How many steps one process waits for at providers, all lanes together.
GENERATION_RUNNER_SLOTS = env_int("WILDMIND_RUNNER_SLOTS", default=500, minimum=1)
# How long a process that is to end waits for submissions under way.
GENERATION_LANDING_SECONDS = env_int("WILDMIND_LANDING_SECONDS", default=20, minimum=0)
# Brownout: expected seconds of waiting work for each slot at which levels 1 to 4 begin.
GENERATION_BROWNOUT_SECONDS = (
    env_int("WILDMIND_BROWNOUT_1_SECONDS", default=300, minimum=1),
    env_int("WILDMIND_BROWNOUT_2_SECONDS", default=600, minimum=1),
    env_int("WILDMIND_BROWNOUT_3_SECONDS", default=1800, minimum=1),
    env_int("WILDMIND_BROWNOUT_4_SECONDS", default=7200, minimum=1),
)
# Steps that may be under way at once over an adapter's connection, whatever the model; none named is no limit.
GENERATION_ADAPTER_CONCURRENCY = counts("WILDMIND_ADAPTER_CONCURRENCY", env_list("WILDMIND_ADAPTER_CONCURRENCY"))
