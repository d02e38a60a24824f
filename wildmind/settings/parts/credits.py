"""Credit economy. Amounts are whole credits; durations are in the unit of the name."""

from wildmind.settings.env import env_int

# What a person who signs up is given, and for how long it lasts.
CREDITS_WELCOME_AMOUNT = env_int("WILDMIND_WELCOME_CREDITS", default=200, minimum=0)
CREDITS_WELCOME_LIFETIME_DAYS = env_int("WILDMIND_WELCOME_LIFETIME_DAYS", default=90, minimum=1)
CREDITS_SANDBOX_AMOUNT = env_int("WILDMIND_SANDBOX_CREDITS", default=10_000, minimum=0)
# A hold outlives the slowest pipeline (video, 30 min) or the sweeper would void live work.
CREDITS_HOLD_TTL_MINUTES = env_int("WILDMIND_HOLD_TTL_MINUTES", default=120, minimum=30)
CREDITS_QUOTE_TTL_SECONDS = env_int("WILDMIND_QUOTE_TTL_SECONDS", default=900, minimum=30)
# A plan's last lot waits this long for the renewal that rolls it over before the rest is booked as expired.
CREDITS_RENEWAL_WAIT_DAYS = env_int("WILDMIND_RENEWAL_WAIT_DAYS", default=7, minimum=0)
# What a credit is worth to the operator, in millionths of a dollar: margins are reckoned by it.
CREDITS_USD_MICROS = env_int("WILDMIND_CREDIT_USD_MICROS", default=10_000, minimum=1)
# Owners are told once when a wallet falls below this, unless their workspace chose another; 0 tells nobody.
CREDITS_LOW_BALANCE = env_int("WILDMIND_LOW_BALANCE_CREDITS", default=50, minimum=0)
