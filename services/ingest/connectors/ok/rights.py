"""What a source's credentials turn out to allow."""

from __future__ import annotations

from datetime import datetime

from services.ingest.connectors.connector import Rights
from services.ingest.connectors.failure import BadCredential, Gone, NotAllowed, Refused
from services.ingest.connectors.ok.answer import item, items, text
from services.ingest.connectors.ok.calls import Calls
from services.ingest.connectors.ok.reading import read
from services.ingest.connectors.ok.topics import topics


async def find_rights(calls: Calls, group: str, now: datetime) -> Rights:
    """Asks for the group's name, its topics, and the comments under the newest of them.

    Raises a PlatformError where the platform gives no verdict.
    """
    name, problems = "", []
    try:
        said = await calls.call("group.getInfo", uids=group, fields="NAME,UID")
        found = items(said.value) or items(item(said.value).get("groups"))
        name = next((text(it.get("name")) or "" for it in found), "")
        if not found:
            problems.append(f"There is no group {group}, or this token may not see it: check the number.")
        for topic in await topics(calls, group, now, most=1):
            await read(calls, topic.id)
    except BadCredential as error:
        return refused(error)
    except (NotAllowed, Gone, Refused) as error:
        problems.append(
            f"The group cannot be read ({error}): the token must be an administrator's of the group, and the "
            "application needs the rights VALUABLE_ACCESS and GROUP_CONTENT (docs/connect-ok.md)."
        )
    return Rights(name=name[:200], reads=not problems, problems=tuple(problems))


def refused(error: BadCredential) -> Rights:
    """What is to be done about credentials that are wrong or missing."""
    problem = f"The credentials are refused ({error}): enter the application's keys and a new token."
    return Rights(reads=False, problems=(problem,))
