"""The one list of what is a key: names, forms and values; and what is none."""

import json
import re

import pytest
from core.keys import BEGINNINGS, FORMS, NAMED, VARIABLES

from netflux_nb.core.secrets.forms import STARTS
from netflux_nb.core.secrets.redaction import (
    FAINT,
    LIKELY,
    NO,
    SURE,
    Redaction,
    redacted,
    secrets_of,
    sureness,
    withheld,
)

LOOK = Redaction(secrets_of(VARIABLES))
# How a text may stand in a record, on a screen, in a log.
AROUND = {
    "alone": str,
    "in a sentence": lambda text: f"See: {text} so.",
    "in brackets": lambda text: f"({text})",
    "in quotes of another alphabet": lambda text: f"“{text}”",
    "in a record": lambda text: json.dumps({"a": {"json": text}}, separators=(",", ":")),
    "after a line's end": lambda text: json.dumps({"a": f"x\n{text}\ny"}),
    "in JSON of JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "printed": lambda text: repr({"a": text}),
}


def test_q16_q63_the_table_has_ninety_forms_and_names():
    assert len(FORMS) >= 90
    assert len(FORMS) + len(VARIABLES) + len(NAMED) >= 125


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize(("text", "secret"), FORMS.values(), ids=FORMS)
def test_q16_q63_no_form_of_a_key_is_left(text, secret, around):
    clean = LOOK(around(text))

    assert secret not in clean
    assert json.dumps(secret)[1:-1] not in clean
    assert "[redacted " in clean
    assert LOOK(clean) == clean, "what was marked once stays as it is"
    assert not list(LOOK.kinds(clean))
    assert list(LOOK.kinds(around(text)))
    if around(text).startswith(("{", '"{')) and '"a"' in around(text):
        json.loads(clean)


# What is taken with it from before it.
TAKEN_TOO = {
    "bearer": "Bearer ", "basic": "Basic ", "slack webhook": "services/", "curl": "ada:",
    "login": "ada:", "login without a name": ":",
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "secret"), [(name, *one) for name, one in FORMS.items()])
def test_q16_of_a_key_nothing_is_left_and_what_stands_around_it_is(name, text, secret):
    secret = TAKEN_TOO.get(name, "") + secret
    left = re.sub(r"\[redacted [^\]]+\]", "", LOOK(f"See: {text} so."))

    if "PRIVATE KEY" not in text:  # all between its two lines goes
        assert left == f"See: {text} so.".replace(secret, "")


@pytest.mark.parametrize("key", BEGINNINGS.values(), ids=BEGINNINGS)
def test_q16_q63_a_key_is_told_by_its_beginning_and_held_back_from_there(key):
    clean = LOOK(f"it is {key}, so")
    held = {n: LOOK.undecided(f"it is {key[:n]}") for n in range(1, len(key))}

    assert clean.startswith("it is [redacted ")
    assert clean.endswith("], so")
    assert held == {n: n for n in held}
    assert withheld("X", key)


# What is no key by itself, or looks like any word until more of it came: so much may be seen.
SEEN_FIRST = {
    "azure secret": 5, "discord bot": 25, "telegram": 11, "telegram, nine digits": 10,
    "telegram, eight digits": 9, "mailchimp": 35, "terraform": 22, "openshift": 6, "user": 4,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "secret"),
    [(name, *one) for name, one in FORMS.items()]
    + [("a list", '{"passwords": ["plainly77", "plainly88"]}', 'plainly77", "plainly88"]')]
    + [("a number", '{"pin": 4711}', "4711")],
)
def test_q69_of_a_key_that_arrives_no_piece_is_shown_before_the_rest(name, text, secret):
    text = f"so: {text}"
    begin = text.index(secret)
    seen = [
        text[begin : n - LOOK.undecided(text[:n])]
        for n in range(begin + 1, len(text))
        if LOOK(text[:n]) == text[:n]
    ]

    assert max(map(len, seen), default=0) <= SEEN_FIRST.get(name, 0)


def test_every_beginning_that_is_known_has_a_sample():
    assert BEGINNINGS.keys() >= set(STARTS)


@pytest.mark.parametrize(("name", "value"), VARIABLES.items(), ids=VARIABLES)
def test_q16_q63_a_variables_value_is_known_by_its_name(name, value):
    last = value.splitlines()[-1]
    for text in (value, f"a {value} b", json.dumps({"a": value}), repr([value]), last):
        assert last not in LOOK(text)
        assert LOOK(LOOK(text)) == LOOK(text)
    assert withheld(name, value)


@pytest.mark.parametrize(("name", "value"), NAMED.items(), ids=NAMED)
def test_q63_what_stands_under_a_name_is_a_key(name, value):
    for text in (
        json.dumps({name: value}),
        json.dumps({name: {"json": value}}, separators=(",", ":")),
        json.dumps(json.dumps({"a": {name: value}})),
        repr({name: value}),
        f"{name} = {value!r}",
        json.dumps(f"f({name}='{value}')"),
    ):
        assert value not in LOOK(text)
        assert LOOK(LOOK(text)) == LOOK(text)
    assert value not in str(redacted({"a": [{name: value}]}))


@pytest.mark.parametrize(
    ("value", "is_one"),
    {"ab12cd": True, "ab1cd": False, "abcdefgh": True, "abcdefg": False, "Mixed1": True}.items(),
)
def test_q16_a_variables_value_is_a_key_from_six_characters_on_and_a_word_from_eight(value, is_one):
    assert (secrets_of({"DB_PASS": value}) == {value: "DB_PASS"}) == is_one


@pytest.mark.parametrize(
    "begin", ["pk-", "rk-", "pk_live_", "AKIA", "ASIA", "AIza", "eyJ", "-----BEGIN", "sk-", "ghp_"]
)
def test_q16_a_variable_that_begins_like_a_key_is_withheld_under_any_name(begin):
    assert withheld("X", f"{begin}12")
    assert not withheld("X", f"x{begin}12")


def test_q69_a_variables_value_is_undecided_until_its_last_character():
    look = Redaction({"plain-hello": "DB_PASS"})
    assert look.undecided("so plain-hell") == 10
    assert look.undecided("so plain-hello") == 0
    assert look("so plain-hello") == "so [redacted DB_PASS]"


@pytest.mark.parametrize("begin", ['token = "', 'x_auth: "'])
def test_q63_a_quoted_word_that_goes_on_is_a_key_from_sixteen_letters(begin):
    assert "plainly" not in LOOK(f"{begin}plainlyplainlyso")
    assert LOOK(f"{begin}plainlyplainlys") == f"{begin}plainlyplainlys"


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "PWD": "/home/me",
        "PATH": "/usr/bin:/bin",
        "MAX_TOKENS": "4096-and-more",
        "TOKENIZERS_PARALLELISM": "falsefalse",
        "AWS_REGION": "eu-central-1",
        "GOOGLE_CLOUD_PROJECT": "my-project-123456",
        "KEYBOARD": "qwertz-de",
        "AUTHOR": "ada-lovelace",
        "COMPASS": "north-east",
        "SSH_AUTH_SOCK": "/tmp/ssh-abc/agent.1",
        "GOOGLE_APPLICATION_CREDENTIALS": "/home/me/my-project.json",
        "POSTGRES_PASSWORD": "postgres",
        "PRIMARY_KEY": "customer_id",
        "SORT_KEY": "plainly-12345",
        "KEY_BASE": "plainly-12345",
        "CACHE_KEYS": "plainly-12345",
        "PUBLIC_PIN": "plainly-12345",
        "TOKEN_LIMIT": "100000000",
    }.items(),
)
def test_q16_what_is_no_secret_is_not_looked_for(name, value):
    assert secrets_of({name: value}) == {}


@pytest.mark.parametrize(
    ("name", "sure"),
    {
        "signing_private": FAINT, "SIGNING_PRIVATE": SURE, "private": FAINT, "webhook": FAINT,
        "SLACK_WEBHOOK": SURE, "pat": FAINT, "GITHUB_PAT": SURE, "kennwort": SURE, "psk": SURE,
        "salt": LIKELY, "x_auth": SURE, "basic_auth": SURE, "login_pin": SURE, "redis_auth": SURE,
        "key": NO, "sort_key": NO, "cached_token": NO, "api_key": SURE, "some_key": FAINT,
        "SOME_KEY": SURE, "mypwd": SURE, "mypasswd": SURE, "word": NO,
    }.items(),
)  # fmt: skip
def test_q63_the_last_word_of_a_name_says_how_sure_it_is(name, sure):
    assert sureness(name) == sure


KEPT = (
    '{"tokens": "plainly12", "max_token": "plainly12", "token_count": 123456, "token": 50256}',
    '{"author": "somebody1", "pinned": "plainly12", "authors": ["a1b2c3d4"], "passed": "plainly1"}',
    '{"monkey": "plainly12", "keyboard": "plainly12", "primary_key": "customer_id_12", "key": "a1"}',
    '{"auth": "oauth2", "pin": "left", "pass": true, "secret": null, "password": ""}',
    '{"properties": {"token": {"type": "string"}, "password": {"type": "string"}}}',
    '{"packages": {"google-auth": "2.35.0", "PyJWT": "2.9.0rc1", "x-token": "v1.2"}}',
    "PWD=/home/me/work OLDPWD=/ pwd = '/tmp/x'",
    "password = getpass.getpass('Password: ')\ntoken = next_token()\nkey = sorted(a, key=str)",
    "connect(password=password, token=self.token, auth=None, api_key=os.environ['KEY'])",
    'text = f"{token}: {password}"; url = f"https://{user}:{password}@host"',
    "The author passed a pin to the monkey: it is a token of a secret, a basic understanding.",
    "Bearer of bad news, basic internationalisation, and an authoritative key to it.",
    "https://host:8080/a?monkey=plainly12&tokens=plainly12&page=2",
    "task-management-system-with-a-very-long-name.and-more_of_it",
)


@pytest.mark.parametrize("text", KEPT)
def test_q63_everyday_names_and_words_are_left_alone(text):
    assert LOOK(text) == text
    assert LOOK(json.dumps(text)) == json.dumps(text)


AWKWARD = (
    "eyJ-", "\neyJaaaaaaaaaaaa.eyJ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "password=",
    "password='", 'password="', "'password': '", '"password":"', '\\"password\\":\\"', "token.",
    "password", "://a:", "?token=", "curl -u ", "Bearer ", "a.bbbbbb.", "s.", "AA",
    "cookie: a=b; ", "secret_", "sk-", "aaa1Q~", '"$bytes":"0', "1234567890:AA",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("unit", AWKWARD)
def test_q16_a_million_characters_of_a_beginning_are_looked_through(unit):
    text = unit * (1_000_000 // len(unit))
    # What takes the square of this time does not end.
    assert LOOK(text)
    assert LOOK.undecided(text) <= 4_000


@pytest.mark.parametrize(
    "text",
    ['{"PyJWT": "2.10.1"}', '{"jsonwebtoken": "^9.0.2"}', '{"python-otp": "1.0rc1", "pin": "3.2"}'],
)
def test_q16_a_version_under_the_name_of_a_package_is_no_key(text):
    assert Redaction({})(text) == text
