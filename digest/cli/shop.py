"""Opens what a command works with: settings, log, database at this release's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from digest.workshop import Workshop


def open_shop(*, quiet: bool = False, **overrides: object) -> Workshop:
    """A workshop on the settings in force; the database is made or brought up to date first.

    A setting that is no setting is warned of, and unless it is `quiet` an encoder that waits for `digest encoder`.
    """
    from digest import log
    from digest.cli.output import warn
    from digest.settings import load, unknown_names
    from digest.workshop import Workshop

    settings = load(**overrides)
    log.configure(settings.log_level, settings.log_format)
    for name in unknown_names():
        warn(f"{name} is not a setting and is ignored: see the table of settings in the README.")
    shop = Workshop(settings)
    if command := click.get_current_context(silent=True):
        command.call_on_close(shop.database.dispose)
    shop.database.upgrade()
    shop.follow()
    if not quiet and (notice := shop.notice()):
        warn(notice)
    return shop


def stop_when_told(shop: Workshop) -> None:
    """Let SIGTERM and Ctrl-C end the work after the mails that are under way; a second Ctrl-C ends it at once."""
    import signal

    def told(_number: int, _frame: object) -> None:
        shop.stopping.set()
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)


def refuse_scaled(shop: Workshop, command: str) -> None:
    """Raises ConfigurationError where workers do what `command` would do a second time."""
    from digest.errors import ConfigurationError

    if shop.settings.broker_url:
        raise ConfigurationError(
            f"DIGEST_BROKER_URL is set, so the work is done by `digest worker` and `digest beat`: unset it to use "
            f"`digest {command}`."
        )
