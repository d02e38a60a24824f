"""The least that waiting for a provider costs: a bare client on one event loop, without rows, money or files.

`python -m bench.floors.waits --url URL --jobs N [--looking]` prints the seconds until the last result is there. With
`--looking` it submits and looks each second, as a client without a public address does.
"""

import argparse
import asyncio
import time
from uuid import uuid4

import aiohttp
import orjson
import uvloop

_LOOK_SECONDS = 1.0


async def run(url: str, *, jobs: int, looking: bool) -> float:
    """Seconds from the first request to the last result."""
    one = _look if looking else _wait
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(one(session, url) for _ in range(jobs)))
        return time.perf_counter() - began


async def _wait(session: aiohttp.ClientSession, url: str) -> None:
    await _call(session, "POST", f"{url}/v1/images")


async def _look(session: aiohttp.ClientSession, url: str) -> None:
    work = await _call(session, "POST", f"{url}/v1/jobs")
    while work["status"] == "running":
        await asyncio.sleep(_LOOK_SECONDS)
        work = await _call(session, "GET", f"{url}/v1/jobs/{work['id']}")


async def _call(session: aiohttp.ClientSession, method: str, url: str) -> dict[str, str]:
    body = orjson.dumps({"prompt": f"a fox, {uuid4()}", "token": str(uuid4())}) if method == "POST" else None
    async with session.request(method, url, data=body, headers={"Content-Type": "application/json"}) as answer:
        found: dict[str, str] = orjson.loads(await answer.read())
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description="A bare client of the slow provider.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--looking", action="store_true")
    options = parser.parse_args()
    print(f"{uvloop.run(run(options.url, jobs=options.jobs, looking=options.looking)):.3f}")


if __name__ == "__main__":
    main()
