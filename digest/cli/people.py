"""Commands on subscribers and their interest profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from digest.cli.output import JSON, Group, print_json, print_table
from digest.cli.shop import open_shop

if TYPE_CHECKING:
    from datetime import datetime

    from digest.tables import Profile, Subscriber

YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(cls=Group)
def subscribers() -> None:
    """Add, list, show and remove subscribers; pause their editions, and let them sign in."""


@subscribers.command("add")
@click.argument("email")
@click.option("--name", default="", help="Shown in the mail's To line.")
@click.option("--zone", default="UTC", show_default=True, help="IANA time zone, e.g. Europe/Paris.")
@click.option("--hour", default=7, show_default=True, help="Hour of the edition in that zone, 0 to 23.")
@click.option("--papers", type=int, help="Papers in an edition. Default: DIGEST_PAPERS_PER_EDITION.")
@click.option("--active", is_flag=True, help="Mail at once: this person has asked for it. Otherwise they are pending.")
def add_subscriber(email: str, papers: int | None, active: bool, **fields: Any) -> None:
    """Add a subscriber.

    Example: digest subscribers add ada@example.org --name "Ada" --zone Europe/Paris --hour 7 --active
    """
    from digest.clock import utc_now
    from digest.subscribers import optin

    shop = open_shop()
    count = shop.settings.papers_per_edition if papers is None else papers
    newcomer = optin.Newcomer(email, papers=count, active=active, **fields)
    with shop.database.session() as session:
        added = optin.add(session, newcomer, utc_now())
    click.echo(f"{added.email} is {added.status.value}. Next: digest profiles add {added.email} --text “…”")
    if not active:
        click.echo(f"No mail goes out before: digest subscribers activate {added.email}")


@subscribers.command("activate")
@click.argument("email")
def activate_subscriber(email: str) -> None:
    """Let mail go out to a pending subscriber, who has asked for it."""
    from digest.clock import utc_now
    from digest.subscribers import optin

    with open_shop().database.session() as session:
        found = optin.find(session, email)
        optin.activate(found, utc_now())
    click.echo(f"{found.email} is {found.status.value}.")


@subscribers.command("pause")
@click.argument("email")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Day whose edition comes again, e.g. 2026-12-31."
)
def pause_subscriber(email: str, until: datetime | None) -> None:
    """Send a subscriber no editions until a day, or until they are resumed."""
    from digest.clock import utc_now
    from digest.subscribers import optin, schedule

    with open_shop().database.session() as session:
        found = optin.find(session, email)
        schedule.pause(session, found, until.date() if until else None, utc_now())
    when = f"until {until:%Y-%m-%d}" if until else f"until: digest subscribers resume {found.email}"
    click.echo(f"{found.email} is {found.status.value} {when}")


@subscribers.command("resume")
@click.argument("email")
def resume_subscriber(email: str) -> None:
    """End a subscriber's pause; an edition that fell into it comes with the next run."""
    from digest.clock import utc_now
    from digest.subscribers import optin, schedule

    with open_shop().database.session() as session:
        found = optin.find(session, email)
        schedule.resume(session, found, utc_now())
    click.echo(f"{found.email} is {found.status.value}.")


@subscribers.command("sign-in-link")
@click.argument("email")
def sign_in_link(email: str) -> None:
    """Print a fresh link that signs a subscriber in, for an installation whose mail does not work yet.

    It works once, and whoever has it within 30 minutes is in: hand it to nobody else. Links that were mailed before
    are void.
    """
    from digest.clock import utc_now
    from digest.composing.letters import link_to
    from digest.subscribers import links, optin

    shop = open_shop()
    with shop.database.session() as session:
        token = links.issue(session, optin.find(session, email), "sign-in", utc_now())
    click.echo(link_to(shop.sender, "sign-in", token))


@subscribers.command("list")
@JSON
def list_subscribers(as_json: bool) -> None:
    """List all subscribers."""
    from digest.subscribers import optin

    with open_shop().database.session(write=False) as session:
        rows = [_person(subscriber) for subscriber in optin.listing(session)]
    if as_json:
        print_json(rows)
        return
    cells = [
        [row["email"], row["status"], f"{row['hour']:02}:00 {row['zone']}", row["next_edition_at"]] for row in rows
    ]
    print_table(("address", "status", "at", "next edition"), cells, "No subscribers yet: digest subscribers add EMAIL")


@subscribers.command("show")
@click.argument("email")
@JSON
def show_subscriber(email: str, as_json: bool) -> None:
    """Show one subscriber with their interests."""
    from digest.subscribers import optin
    from digest.subscribers import profiles as interests

    with open_shop().database.session(write=False) as session:
        found = optin.find(session, email)
        row = _person(found) | {"profiles": [_interest(p) for p in interests.listing(session, found)]}
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        if name != "profiles":
            click.echo(f"{name.replace('_', ' '):<20} {value}")
    for interest in row["profiles"]:
        click.echo(f"{'interest':<20} {interest['name']}: {interest['text']}")


@subscribers.command("remove")
@click.argument("email")
@YES
def remove_subscriber(email: str, yes: bool) -> None:
    """Erase a subscriber and everything that names them."""
    from digest import questions
    from digest.clock import utc_now
    from digest.subscribers import optin, privacy

    shop = open_shop()
    with shop.database.session(write=False) as session:
        found = optin.find(session, email)
    if not yes:
        click.confirm(f"Erase {found.email} with all profiles, editions and votes?", abort=True)
    with shop.database.session() as session:
        privacy.erase(session, found, utc_now())
    questions.forget_files(shop, found)
    click.echo(f"{found.email} is erased.")


@click.group(cls=Group)
def profiles() -> None:
    """Add, edit, list, show and remove interest profiles."""


FIELDS = (
    click.option("--text", default="", help="What to look for, in a sentence or more."),
    click.option("--against", default="", help="What is not wanted, in a sentence or more."),
    click.option(
        "--like", "liked", multiple=True, metavar="ID", help="A paper as an example: arXiv id, DOI, link or #number."
    ),
    click.option("--dislike", "disliked", multiple=True, metavar="ID", help="A paper as a counter-example."),
    click.option("--category", "categories", multiple=True, help="Only papers of this arXiv category, or of none."),
    click.option("--require", "required", multiple=True, metavar="PHRASE", help="Only papers with one such phrase."),
    click.option("--keyword", "keywords", multiple=True, metavar="PHRASE", help="Papers with this phrase move up."),
    click.option(
        "--mute",
        "muted",
        multiple=True,
        metavar="WORD",
        help="Never a paper with this word or phrase, or not before a day: “word until 2026-12-31”.",
    ),
    click.option("--author", "authors", multiple=True, metavar="NAME", help="Papers by this author move up."),
    click.option("--balance", default=0.3, show_default=True, help="Share of the trend in the score, 0 to 0.6."),
    click.option("--weight", default=1.0, show_default=True, help="Share of the edition beside other interests."),
)


def what_an_interest_says(command: Callable[..., None]) -> Callable[..., None]:
    """The options by which an interest is described."""
    for option in reversed(FIELDS):
        command = option(command)
    return command


@profiles.command("add")
@click.argument("email")
@click.option("--name", help="Name of the interest. Default: the first words of its text.")
@what_an_interest_says
def add_profile(email: str, name: str | None, **fields: Any) -> None:
    """Give a subscriber an interest. The options may be combined; --like to --author may be given again.

    Example: digest profiles add ada@example.org --name Mamba --text "state space models" --mute survey
    """
    from digest.clock import utc_now
    from digest.subscribers import optin
    from digest.subscribers import profiles as interests

    first = fields["text"] or next(iter(fields["keywords"] or fields["categories"] or fields["authors"]), "Examples")
    interest = interests.Interest(name or interests.name_from(first), **fields)
    with open_shop().database.session() as session:
        subscriber = optin.find(session, email)
        profile = interests.add(session, subscriber, interest, utc_now())
    click.echo(f"{subscriber.email} has the interest “{profile.name}”. Next: digest preview {subscriber.email}")


@profiles.command("edit")
@click.argument("email")
@click.argument("interest")
@click.option("--name", help="A new name.")
@what_an_interest_says
@click.pass_context
def edit_profile(context: click.Context, /, email: str, interest: str, **fields: Any) -> None:
    """Change one interest. An option that is given replaces what was there; the others stay.

    Example: digest profiles edit ada@example.org Mamba --mute "survey until 2026-12-31"
    """
    from dataclasses import replace

    from click.core import ParameterSource

    from digest.clock import utc_now
    from digest.subscribers import optin
    from digest.subscribers import profiles as interests

    given = {
        name: value
        for name, value in fields.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    with open_shop().database.session() as session:
        profile = interests.find(session, optin.find(session, email), interest)
        wanted = replace(interests.describe(session, profile), **given)
        patient = not {"liked", "disliked"} & set(given)
        profile = interests.change(session, profile, wanted, utc_now(), patient=patient)
    click.echo(f"{email} has the interest “{profile.name}”. Next: digest preview {email}")


@profiles.command("list")
@click.argument("email")
@JSON
def list_profiles(email: str, as_json: bool) -> None:
    """List a subscriber's interests."""
    from digest.subscribers import optin
    from digest.subscribers import profiles as interests

    with open_shop().database.session(write=False) as session:
        rows = [_interest(profile) for profile in interests.listing(session, optin.find(session, email))]
    if as_json:
        print_json(rows)
        return
    cells = [[row["name"], row["text"], ", ".join(row["categories"]), ", ".join(row["muted"])] for row in rows]
    print_table(("name", "text", "categories", "muted"), cells, f"No interests yet: digest profiles add {email}")


@profiles.command("show")
@click.argument("email")
@click.argument("name")
@JSON
def show_profile(email: str, name: str, as_json: bool) -> None:
    """Show one interest with everything that is known of it."""
    from digest.subscribers import optin
    from digest.subscribers import profiles as interests

    with open_shop().database.session(write=False) as session:
        profile = interests.find(session, optin.find(session, email), name)
        likes, dislikes = interests.count_examples(session, profile)
    row = _interest(profile) | {"likes": likes, "dislikes": dislikes}
    if as_json:
        print_json(row)
        return
    for field, value in row.items():
        click.echo(f"{field:<12} {', '.join(value) if isinstance(value, list) else value}")


@profiles.command("remove")
@click.argument("email")
@click.argument("name")
@YES
def remove_profile(email: str, name: str, yes: bool) -> None:
    """Remove one interest."""
    from digest.clock import utc_now
    from digest.subscribers import optin
    from digest.subscribers import profiles as interests

    shop = open_shop()
    with shop.database.session(write=False) as session:
        profile = interests.find(session, optin.find(session, email), name)
    if not yes:
        click.confirm(f"Remove the interest “{profile.name}” of {email}?", abort=True)
    with shop.database.session() as session:
        interests.remove(session, profile, utc_now())
    click.echo(f"“{profile.name}” is removed.")


def _person(subscriber: Subscriber) -> dict[str, Any]:
    row = subscriber.model_dump(include={"email", "name", "zone", "hour", "weekdays", "papers_per_edition"})
    due = subscriber.next_edition_at
    return row | {"status": subscriber.status.value, "next_edition_at": f"{due:%Y-%m-%d %H:%M} UTC" if due else ""}


def _interest(profile: Profile) -> dict[str, Any]:
    return profile.model_dump(exclude={"id", "subscriber_id", "removed_at", "created_at"})
