"""`python -m deploy.standins.vk`: the stand-in as a process of its own, with one page to comment on."""

from __future__ import annotations

import asyncio
import signal

import click
import msgspec

from deploy.standins.vk.methods import Access
from deploy.standins.vk.standin import VkStandin


@click.command()
@click.option("--port", default=0, help="On 127.0.0.1; any free one unless given.")
@click.option("--group", default=456, help="Number of the community.")
@click.option("--name", default="Администрация Светлогорска", help="Its name.")
@click.option("--posts", default=3, help="Posts on its wall, numbered from 1.")
def main(port: int, group: int, name: str, posts: int) -> None:
    """Runs until SIGTERM or Ctrl-C; says on standard output where it is, in one line of JSON. Its tokens are called
    `community`, `user` and `service`."""
    asyncio.run(_serve(port, group, name, posts))


async def _serve(port: int, group: int, name: str, posts: int) -> None:
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with VkStandin(port=port) as standin:
        owner = standin.world.group(group, name)
        for number in range(1, posts + 1):
            standin.world.thing("wall", owner, number)
        standin.tokens |= {
            "community": Access(kind="community", group=group),
            "user": Access(kind="user", group=group, user=1),
            "service": Access(kind="service"),
        }
        click.echo(msgspec.json.encode({"address": standin.address, "page": f"vk:-{group}"}))
        await stop.wait()


if __name__ == "__main__":
    main()
