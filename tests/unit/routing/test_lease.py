from __future__ import annotations

import pytest

from services.routing.domain.lease import (
    LEASE_SECONDS,
    MAX_LEASE_SECONDS,
    Lease,
    check,
    release,
    renew,
    revoke,
    take,
)
from shared.errors import Conflict
from tests.unit.routing.builders import START, moment


def test_a_lease_keeps_everybody_else_out_until_it_ends() -> None:
    lease = take(None, holder="anna", now=START)
    with pytest.raises(Conflict) as refused:
        take(lease, holder="boris", now=moment(LEASE_SECONDS / 60 - 0.01))
    assert refused.value.extra == {"why": "leased", "expires_at": lease.expires_at.isoformat()}
    assert take(lease, holder="boris", now=lease.expires_at).holder == "boris"


def test_every_lease_of_a_thing_has_a_higher_token() -> None:
    lease: Lease | None = None
    tokens = []
    for turn in range(4):
        lease = take(lease, holder="anna", now=moment(turn))
        tokens.append(lease.token)
        if turn == 1:
            lease = release(lease, token=lease.token, now=moment(turn))
        if turn == 2:
            lease = revoke(lease, now=moment(turn))
    assert tokens == sorted(set(tokens))


@pytest.mark.parametrize(
    ("token", "at", "why"),
    [(1, 0, "stale_token"), (2, LEASE_SECONDS / 60, "expired"), (3, 0, "not_leased")],
)
def test_an_act_under_another_token_or_too_late_says_why(token: int, at: float, why: str) -> None:
    lease = take(take(None, holder="anna", now=START), holder="anna", now=START)
    with pytest.raises(Conflict) as refused:
        check(lease, token=token, now=moment(at))
    assert refused.value.extra["why"] == why


def test_nothing_was_leased() -> None:
    with pytest.raises(Conflict) as refused:
        check(None, token=1, now=START)
    assert refused.value.extra["why"] == "not_leased"
    assert revoke(None, now=START) is None


def test_renewing_prolongs_under_the_same_token_but_never_beyond_the_longest() -> None:
    lease = take(None, holder="anna", now=START)
    renewed = renew(lease, token=1, now=moment(5), seconds=10 * MAX_LEASE_SECONDS)
    assert renewed.token == 1
    assert renewed.expires_at == moment(5 + MAX_LEASE_SECONDS / 60)


def test_who_released_or_lost_it_can_act_no_more() -> None:
    lease = take(None, holder="anna", now=START)
    for over in (release(lease, token=1, now=moment(1)), revoke(lease, now=moment(1))):
        with pytest.raises(Conflict):
            check(over, token=1, now=moment(1))
