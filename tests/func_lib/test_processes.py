"""What is kept of long output, and the clean environment, as plain values."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netflux_nb.func_lib._process.processes import Kept, middle_cut
from netflux_nb.func_lib._process.walls import Walls, clean_env


def kept(chunks, most):
    keeper = Kept(most)
    for chunk in chunks:
        keeper.add(chunk)
    return keeper.text()


def test_nu35_short_output_is_whole():
    assert kept([b"a", b"", b"b"], 10) == "ab"
    assert kept([], 10) == ""
    assert kept([b"0123456789"], 10) == "0123456789"


def test_nu35_the_middle_is_left_out_and_counted():
    assert kept([b"0123456789" * 10], 10) == "01234\n[… 90 characters are left out here …]\n56789"


def test_nu35_characters_may_lie_across_chunks():
    whole = "ä€😀\r\n\r".encode()

    assert kept([bytes([byte]) for byte in whole], 100) == "ä€😀\n\r"


def test_nu35_half_a_character_at_the_end_is_replaced():
    assert kept(["€".encode()[:2]], 10) == "\ufffd"


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5), st.integers(2, 60))
def test_nu35_how_it_comes_makes_no_difference(data, cuts, most):
    places = sorted({0, *(min(c, len(data)) for c in cuts), len(data)})
    chunks = [data[a:b] for a, b in itertools.pairwise(places)]
    whole = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\0", "\ufffd")

    assert kept(chunks, most) == kept([data], most)
    assert kept(chunks, 1000) == whole


@given(st.text(max_size=100), st.integers(2, 50))
def test_a_middle_cut_keeps_both_ends(text, most):
    cut = middle_cut(text, most)

    assert cut.startswith(text[: most // 2])
    assert cut.endswith(text[len(text) - most // 2 :])
    assert len(cut) < most + 60


def test_nu35_memory_does_not_grow_with_the_output():
    keeper = Kept(1_000)
    for _ in range(2_000):
        keeper.add(b"x" * 65_536)

    held = [v for v in vars(keeper).values() if isinstance(v, str)]
    assert sum(map(len, held)) <= 1_001
    assert keeper.bytes == 2_000 * 65_536


KEPT_BACK = {
    "names": [
        *("ANTHROPIC_API_KEY", "OPENAI_KEY", "API_KEYS", "MYAPIKEY", "KEY", "kaggle_key"),
        *("GITHUB_TOKEN", "TOKEN", "JPY_API_TOKEN", "MYTOKEN2", "npm_config__authToken"),
        *("CLIENT_SECRET", "SECRET", "DB_PASSWORD", "PGPASSWORD", "SSH_ASKPASSWORD", "DB_PASS"),
        *("GOOGLE_APPLICATION_CREDENTIALS", "AWS_REGION", "AZURE_CLIENT_ID", "GCP_PROJECT"),
        *("SSH_AUTH_SOCK", "HTTP_COOKIE", "GH_PAT", "SENTRY_DSN", "PRIVATE_THING", "KEY_FILE"),
        *("BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "BASH_FUNC_x%%", "PROMPT_COMMAND", "PS4"),
    ],
    "values": [
        *("sk-ant-1234", "ghp_1234", "github_pat_1", "xoxb-1-2", "AKIA1234", "AIzaSy1", "hf_abc"),
        *("eyJhbGciOi.x.y", "glpat-1", "-----BEGIN RSA PRIVATE KEY-----"),
        *("postgres://me:pw@host/db", "https://x:y@example.org", "redis://:pw@host"),
    ],
}


@pytest.mark.parametrize("name", KEPT_BACK["names"])
def test_nu35_names_of_keys_are_kept_back(name):
    assert name not in clean_env({name: "plain"}, {})


@pytest.mark.parametrize("value", KEPT_BACK["values"])
def test_nu35_values_that_are_keys_are_kept_back(value):
    assert "PLAIN" not in clean_env({"PLAIN": value}, {})


PASSED_ON = {
    "PATH": "/usr/bin",
    "HOME": "/home/me",
    "PWD": "/home/me",
    "OLDPWD": "/",
    "LANG": "C.UTF-8",
    "VIRTUAL_ENV": "/x",
    "KEYBOARD": "de",
    "MONKEY": "1",
    "PATHS": "1",
    "PATTERN": "x",
    "COMPASS": "n",
    "AUTHOR": "me",
    "BYPASS": "1",
    "http_proxy": "http://proxy:8080",
    "SSL_CERT_FILE": "/etc/ssl/x",
    "LS_COLORS": "*.key=01",
}


@pytest.mark.parametrize("name", PASSED_ON)
def test_nu35_what_is_no_key_is_passed_on(name):
    assert clean_env(PASSED_ON, {})[name] == PASSED_ON[name]


def test_nu35_what_is_given_on_purpose_is_there():
    env = clean_env({"TOKEN": "a"}, {"TOKEN": "b", "PAGER": "less"})

    assert env["TOKEN"] == "b"
    assert env["PAGER"] == "less"
    assert env["TERM"] == "dumb"


def test_no_walls_are_no_words():
    assert Walls().around(["bash"]) == ["bash"]


def test_walls_take_hostile_paths_as_words(tmp_path):
    hostile = tmp_path / "a b'; echo $(x)\n"

    words = Walls(root=hostile, readable=(hostile,)).around(["bash", "-c", "x"])

    assert words.count(str(hostile)) == 2
    assert words[-3:] == ["bash", "-c", "x"]
