"""`python -m deploy.standins`: all stand-ins in one process."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.standins.command import KEEP, PORT, run


@click.command()
@click.option("--vk-port", type=PORT, envvar="OTKLIK_STANDIN_VK_PORT", default=8011, show_default=True)
@click.option("--telegram-port", type=PORT, envvar="OTKLIK_STANDIN_TELEGRAM_PORT", default=8012, show_default=True)
@click.option("--max-port", type=PORT, envvar="OTKLIK_STANDIN_MAX_PORT", default=8013, show_default=True)
@click.option("--ok-port", type=PORT, envvar="OTKLIK_STANDIN_OK_PORT", default=8014, show_default=True)
@KEEP
def main(vk_port: int, telegram_port: int, max_port: int, ok_port: int, keep: Path | None) -> None:
    """Test doubles of VK, Telegram, MAX and Odnoklassniki on 127.0.0.1, each with one page to comment on."""
    run({"vk": vk_port, "telegram": telegram_port, "max": max_port, "ok": ok_port}, keep)


if __name__ == "__main__":
    main(prog_name="python -m deploy.standins")
