"""The settings of a hive: checked, changed while it lives, and never shown; the latency that they ask for."""

from __future__ import annotations

from typing import Any

import pytest

from fh_notebook.errors import SettingsError
from fh_notebook.local import LocalHive
from fh_notebook.local.callback_sender import may_deliver
from tests.local.hives import KEY, ask, echo_hive, post
from tests.told import facts


def test_no_secret_shows_itself() -> None:
    """Not in a repr of the hive, its settings, an endpoint or a server."""
    hive = echo_hive()
    endpoint = hive.webhook("echo", "plain", secret="whsec_123456")
    shown = f"{hive!r} {hive.api_key!r} {endpoint!r} {hive.webhook_secret('echo')!r} {hive.serve()!r} {vars(hive)!r}"
    for secret in (KEY, "whsec_123456", hive.webhook_secret("echo").reveal()):
        assert secret not in shown


def test_latencies_depend_on_seed_and_order_alone() -> None:
    """Drawn once a run, whether its workflow is plain or async, and waited for by the hive's own sleep."""

    def waits(seed: int, latency_s: Any, n: int = 4) -> list[float]:
        asked: list[float] = []

        async def sleep(seconds: float) -> None:
            asked.append(seconds)

        hive = echo_hive(seed=seed, latency_s=latency_s, sleep=sleep)
        post(hive, *[ask("plain" if i % 2 else "async") for i in range(n)])
        return asked

    assert waits(0, 0.25) == [0.25] * 4
    assert waits(0, 0.0) == []
    drawn = waits(0, (0.1, 0.2))
    assert drawn == waits(0, (0.1, 0.2))
    assert drawn != waits(1, (0.1, 0.2))
    assert len(set(drawn)) == 4
    assert all(0.1 <= s <= 0.2 for s in drawn)
    assert waits(3, lambda rng: rng.choice([1.0, 2.0])) == waits(3, lambda rng: rng.choice([1.0, 2.0]))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"concurrency": 0}, ("concurrency", "1")),
        ({"concurrency": True}, ("concurrency",)),
        ({"daily_cap": -1}, ("daily_cap",)),
        ({"daily_cap": 1.5}, ("daily_cap",)),
        ({"latency_s": -1}, ("latency_s",)),
        ({"latency_s": (2, 1)}, ("latency_s",)),
        ({"latency_s": "fast"}, ("latency_s",)),
        ({"spelling": "rest"}, ("'docs'", "'sdk'")),
        ({"not_found_status": 410}, ("not_found_status", "404", "422")),
        ({"queue_status": "waiting"}, ("'queued'", "'pending'")),
        ({"api_key": "  "}, ("api_key",)),
        ({"callback_backoff_s": (-1,)}, ("callback_backoff_s",)),
        ({"max_body_bytes": 0}, ("max_body_bytes",)),
        ({"allow_callbacks": "hooks.example.com:8443"}, ("'hooks.example.com:8443'",)),
        ({"allow_callbacks": ["https://hooks.example.com"]}, ("'https://hooks.example.com'",)),
        ({"allow_callbacks": {"hooks.test", "hooks.test/a", "[::1]:80"}}, ("'hooks.test/a'",)),
        ({"allow_callbacks": ("*.example.com", "")}, ("''", "'*.example.com'")),
        ({"concurrency": 0, "spelling": "rest"}, ("concurrency", "spelling")),
    ],
)
def test_settings_are_checked_all_at_once(settings: dict[str, Any], words: tuple[str, ...]) -> None:
    """At the constructor, and in the same words when they are changed later, which then changes nothing."""
    with pytest.raises(SettingsError, match=facts(*words)):
        LocalHive(**settings)
    hive = LocalHive(concurrency=7)
    with pytest.raises(SettingsError, match=facts(*words)):
        hive.configure(**settings)
    assert hive.concurrency == 7


def test_settings_can_be_changed_while_the_hive_lives() -> None:
    """By the constructor's names."""
    hive = echo_hive()
    hive.configure(spelling="sdk", api_key="fhk_other", latency_s=[0, 0], allow_callbacks="Hooks.Test")
    assert (hive.spelling, hive.allow_callbacks) == ("sdk", {"hooks.test"})
    assert "status" in post(hive, ask(), key="fhk_other")[0].json()
    assert post(hive, ask())[0].status_code == 401
    with pytest.raises(SettingsError, match=facts("colour", "concurrency")):
        hive.configure(colour="red")


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("Hooks.Example.com", "hooks.example.com"),
        ("hooks.example.com.", "hooks.example.com"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.7", "10.0.0.7"),
        ("under_score", "under_score"),
        ("münchen.example", "münchen.example"),
    ],
)
def test_a_bare_host_is_allowed_and_matches(given: str, host: str) -> None:
    """However it is written."""
    assert may_deliver(host, LocalHive(allow_callbacks=given).allow_callbacks)
