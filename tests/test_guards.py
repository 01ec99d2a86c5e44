"""The guards of conftest.py do hold."""

import os
import socket

import pytest

from netflux_nb import session
from netflux_nb.governance.caps import Paid

# A block of addresses that is set aside for examples: nobody answers there.
FAR = ("192.0.2.1", 9)


def test_a_far_address_is_refused(reached):
    with (
        socket.socket() as sock,
        pytest.raises(RuntimeError, match="loopback only"),
    ):
        sock.connect(FAR)

    assert reached == [FAR]
    reached.clear()


def test_a_datagram_does_not_leave_either(reached):
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sock,
        pytest.raises(RuntimeError, match="loopback only"),
    ):
        sock.sendto(b"x", FAR)

    reached.clear()


def test_loopback_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            port = client.getpeername()[1]

        assert port == server.getsockname()[1]


def test_no_key_is_left_in_the_environment():
    assert not [name for name in os.environ if name.endswith("_API_KEY")]


@pytest.mark.parametrize("turn", [1, 2])
def test_no_test_meets_what_another_spent(turn):
    assert session.spent().paid == Paid()
    session.cap._seen["a run"] = Paid(1.0, 1)
