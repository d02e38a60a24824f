"""Files within a JSON body: where a plan's payload has `slot(n)`, the bytes of its n-th file stand in base64."""

import base64
from dataclasses import replace
from typing import Any

from providers.contracts import Ctx, WirePlan

_SLOT = "$file"


def slot(number: int) -> dict[str, int]:
    """What stands in a payload for the file with this number. No text that a person wrote can be one."""
    return {_SLOT: number}


async def filled(ctx: Ctx, plan: WirePlan) -> WirePlan:
    """The plan with its files in the payload, and none beside it."""
    if not plan.files:
        return plan
    found = [base64.b64encode(await ctx.read(part.media)).decode() for part in plan.files]
    return replace(plan, payload=_put(plan.payload, found), files=())


def _put(value: Any, files: list[str]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_SLOT}:
            return files[value[_SLOT]]
        return {name: _put(item, files) for name, item in value.items()}
    return [_put(item, files) for item in value] if isinstance(value, list) else value
