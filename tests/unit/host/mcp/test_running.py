"""When a server that ended is started again."""

from devagent.host.mcp.running import BACK_OFF_S, STARTS_WITHIN_S, back_off_s


def test_a_server_is_started_again_at_once_and_then_ever_later() -> None:
    assert back_off_s([], 100.0) == 0.0
    assert back_off_s([100.0], 100.1) == 0.0
    assert back_off_s([100.0, 100.1], 100.1) == BACK_OFF_S
    assert back_off_s([100.0, 100.1, 100.7], 100.7) == 2 * BACK_OFF_S


def test_time_that_passed_since_the_last_start_counts() -> None:
    assert back_off_s([100.0, 100.1], 100.1 + BACK_OFF_S / 2) == BACK_OFF_S / 2
    assert back_off_s([100.0, 100.1], 101.0) == 0.0


def test_starts_of_long_ago_do_not_count() -> None:
    assert back_off_s([0.0, 1.0, 2.0 + STARTS_WITHIN_S], 2.0 + STARTS_WITHIN_S) == 0.0
