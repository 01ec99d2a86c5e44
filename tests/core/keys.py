"""Keys as they come: by their form, by a variable's name, by a name in a text. None is real."""

import string
from random import Random

_LETTERS = string.ascii_letters + string.digits


def _made(seed, length, alphabet=_LETTERS):
    rng = Random(seed)
    return "".join(rng.choice(alphabet) for _ in range(length))


def _a(n, length=40):
    """Letters and digits, of each at least one."""
    return "q7Z" + _made(n, length - 3)


def _h(n, length=32):
    return _made(n, length, "0123456789abcdef")


PEM = "\n".join(_made(n, 60) for n in range(3))
# A text, and what in it is secret.
FORMS = {
    "openai": (s := "sk-" + _a(1, 48), s),
    "openai project": (s := "sk-proj-" + _a(2, 60), s),
    "anthropic": (s := "sk-ant-api03-" + _a(3, 90), s),
    "xai": (s := "xai-" + _a(4, 60), s),
    "perplexity": (s := "pplx-" + _a(5, 48), s),
    "groq": (s := "gsk_" + _a(6, 52), s),
    "replicate": (s := "r8_" + _a(7, 37), s),
    "hugging face": (s := "hf_" + _a(8, 34), s),
    "nvidia": (s := "nvapi-" + _a(9, 64), s),
    "langsmith": (s := "lsv2_pt_" + _h(10, 32) + "_" + _h(10, 10), s),
    "google": (s := "AIza" + _a(11, 35), s),
    "google oauth": (s := "ya29." + _a(12, 60), s),
    "google secret": (s := "GOCSPX-" + _a(13, 28), s),
    "aws": (s := "AKIA" + _made(14, 16, "ABCDEFGHIJ234567"), s),
    "aws session": (s := "ASIA" + _made(15, 16, "ABCDEFGHIJ234567"), s),
    "aws secret": ("aws_secret_access_key=" + (s := _a(16, 40)), s),
    "aws secret in a file": ("aws_secret_access_key = " + (s := "/" + _a(16, 39)), s),
    "azure account": ("AccountName=me;AccountKey=" + (s := _a(17, 86) + "==") + ";Suffix=x", s),
    "azure bus": ("Endpoint=sb://x/;SharedAccessKey=" + (s := _a(18, 43) + "="), s),
    "azure signature": ("https://x.blob/a?sv=2020&sig=" + (s := _a(19, 43) + "%3D"), s),
    "azure secret": (s := "aB~8Q~" + _a(20, 34), s),
    "github": (s := "ghp_" + _a(21, 36), s),
    "github oauth": (s := "gho_" + _a(22, 36), s),
    "github user": (s := "ghu_" + _a(23, 36), s),
    "github server": (s := "ghs_" + _a(24, 36), s),
    "github refresh": (s := "ghr_" + _a(25, 36), s),
    "github fine": (s := "github_pat_" + _a(26, 22) + "_" + _a(26, 59), s),
    "gitlab": (s := "glpat-" + _a(27, 20), s),
    "gitlab runner": (s := "glrt-" + _a(28, 20), s),
    "slack bot": (s := "xoxb-123456789012-1234567890123-" + _a(29, 24), s),
    "slack user": (s := "xoxp-123456789012-" + _a(30, 30), s),
    "slack app": (s := "xapp-1-A0123ABCD-1234567890123-" + _h(31, 40), s),
    "slack webhook": (
        "https://hooks.slack.com/services/" + (s := "T01234567/B01234567/" + _a(32, 24)),
        s,
    ),
    "discord webhook": (
        "https://discord.com/api/webhooks/" + (s := "123456789012345678/" + _a(33, 68)),
        s,
    ),
    "discord bot": (s := "M" + _a(34, 23) + "." + _made(34, 6) + "." + _a(34, 38), s),
    "telegram": (s := "1234567890:AA" + _a(35, 33), s),
    "telegram, nine digits": (s := "123456789:AA" + _a(93, 33), s),
    "telegram, eight digits": (s := "12345678:AA" + _a(94, 33), s),
    "stripe": (s := "sk_live_" + _a(36, 24), s),
    "stripe test": (s := "sk_test_" + _a(36, 24), s),
    "stripe restricted": (s := "rk_live_" + _a(37, 24), s),
    "stripe webhook": (s := "whsec_" + _a(38, 32), s),
    "npm": (s := "npm_" + _a(39, 36), s),
    "pypi": (s := "pypi-AgEIcHlwaS5vcmc" + _a(40, 80), s),
    "docker": (s := "dckr_pat_" + _a(41, 27), s),
    "rubygems": (s := "rubygems_" + _h(42, 48), s),
    "sendgrid": (s := "SG." + _a(43, 22) + "." + _a(44, 43), s),
    "brevo": (s := "xkeysib-" + _h(45, 64) + "-" + _a(45, 16), s),
    "twilio": (s := "SK" + _h(46, 32), s),
    "twilio account": (s := "AC" + _h(47, 32), s),
    "mailgun": (s := "key-" + _h(48, 32), s),
    "mailchimp": (s := _h(49, 32) + "-us12", s),
    "vault": (s := "hvs." + _a(50, 90), s),
    "vault batch": (s := "hvb." + _a(51, 140), s),
    "vault before": (s := "s." + _a(52, 24), s),
    "terraform": (s := _a(53, 14) + ".atlasv1." + _a(53, 64), s),
    "digitalocean": (s := "dop_v1_" + _h(54, 64), s),
    "digitalocean oauth": (s := "doo_v1_" + _h(55, 64), s),
    "databricks": (s := "dapi" + _h(56, 32), s),
    "shopify": (s := "shpat_" + _h(57, 32), s),
    "square": (s := "sq0atp-" + _a(58, 22), s),
    "linear": (s := "lin_api_" + _a(59, 40), s),
    "notion": (s := "ntn_" + "12345678901" + _a(60, 35), s),
    "notion before": (s := "secret_" + _a(61, 43), s),
    "figma": (s := "figd_" + _a(62, 40), s),
    "postman": (s := "PMAK-" + _h(63, 24) + "-" + _h(63, 34), s),
    "new relic": (s := "NRAK-" + _made(64, 27, "ABCDEFGH234567"), s),
    "grafana": (s := "glsa_" + _a(65, 32) + "_" + _h(65, 8), s),
    "grafana cloud": (s := "glc_" + _a(66, 60), s),
    "doppler": (s := "dp.pt." + _a(67, 43), s),
    "fly": (s := "fm2_" + _a(68, 120), s),
    "netlify": (s := "nfp_" + _a(69, 36), s),
    "supabase": (s := "sbp_" + _h(70, 40), s),
    "planetscale": (s := "pscale_tkn_" + _a(71, 43), s),
    "sentry": (s := "sntrys_" + _a(72, 90), s),
    "atlassian": (s := "ATATT3xFfGF0" + _a(73, 180), s),
    "atlassian app": (s := "ATCTT3xFfGN0" + _a(81, 180), s),
    "facebook": (s := "EAAC" + _a(82, 150), s),
    "gitlab runner before": (s := "GR1348941" + _a(83, 20), s),
    "google refresh": (s := "1//0" + _a(84, 60), s),
    "artifactory": (s := "AKCp" + _a(85, 69), s),
    "alibaba": (s := "LTAI" + _a(86, 20), s),
    "aws bedrock": (s := "ABSK" + _a(87, 128), s),
    "openshift": (s := "sha256~" + _a(88, 43), s),
    "zapier webhook": ("https://hooks.zapier.com/" + (s := "hooks/catch/1234567/" + _a(89, 7)), s),
    "teams webhook": (
        "https://x.webhook.office.com/" + (s := "webhookb2/" + _h(90, 32) + "@" + _h(91, 32)),
        s,
    ),
    "age": (s := "AGE-SECRET-KEY-1" + _made(74, 58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"), s),
    "1password": (s := "ops_eyJ" + _a(75, 250), s),
    "jwt": (s := "eyJ" + _a(76, 30) + ".eyJ" + _a(77, 60) + "." + _a(78, 43), s),
    "pem": (f"-----BEGIN RSA PRIVATE KEY-----\n{PEM}\n-----END RSA PRIVATE KEY-----", PEM[:60]),
    "openssh": (
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{PEM}\n-----END OPENSSH PRIVATE KEY-----",
        PEM[61:121],
    ),
    "pgp": (
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{PEM}\n-----END PGP PRIVATE KEY BLOCK-----",
        PEM[61:121],
    ),
    "bearer": ("Authorization: Bearer " + (s := _a(79, 32)), s),
    "basic": ("Authorization: Basic " + (s := "YWRhOmh1bnRlcjJodW50ZXIy"), s),
    "bearer in a sentence": ("send Bearer " + (s := _a(92, 32)), s),
    "basic in a sentence": ("send Basic " + (s := "YWRhOmh1bnRlcjNodW50ZXIz"), s),
    "user": ("curl --user " + (s := "ada:hunter3!plain") + " https://host/x", s),
    "header": ("X-Auth-Token: " + (s := _a(80, 20)), s),
    "curl": ("curl -u ada:" + (s := "hunter2!plain") + " https://host/x", s),
    "login": ("postgres://ada:" + (s := "hunter2plain") + "@host/db", s),
    "login without a name": ("redis://:" + (s := "hunter2plain") + "@host:6379/0", s),
    "connection": ("host=db user=ada password=" + (s := "plainlyso") + " dbname=x", s),
    "connection of a server": ("Server=x;Uid=ada;Pwd=" + (s := "plainlyso") + ";", s),
    "address": ("https://host/x?n=1&token=" + (s := "plainly-so") + "&m=2", s),
    "address, auth": ("https://host/x?auth=" + (s := "plainly-so"), s),
    "address, signature": ("https://host/x?signature=" + (s := "plainly-so"), s),
    "literal": ('password = "' + (s := "plainly it is") + '"', s),
    "literal, named": ("connect(host, api_key='" + (s := "plainly-77") + "')", s),
    "literal, typed": ("DB_PASSWORD: str = '" + (s := "plainly77") + "'", s),
    "variable": ("export SMTP_PASS=" + (s := "plainly77"), s),
}

# Names of variables, each with a value that says nothing by itself.
VARIABLES = {
    name: value
    for n, (name, value) in enumerate(
        {
            "DB_PASS": "",
            "GITHUB_PAT": "",
            "POSTGRES_DSN": "",
            "AWS_SECRET_ACCESS_KEY": "/" + _a(101, 39),
            "AWS_SESSION_TOKEN": "",
            "SIGNING_PRIVATE": "",
            "MYSQL_PWD": "opensez",
            "PASSPHRASE": "",
            "REDIS_AUTH": "",
            "BASIC_AUTH": "",
            "PASSWORD_SALT": "",
            "APP_CRED": "",
            "LOGIN_PIN": "47110815",
            "SLACK_WEBHOOK": "",
            "STRIPE_KEY": "",
            "PGPASSWORD": "tablerasaabc",
            "npm_config__authToken": "",
            "SESSION_COOKIE": "",
            "DOOR_TOKEN": f"first line of it\n{_a(102, 20)}",
            "X_JWT": "",
            "KEY": "",
        }.items()
    )
    for value in [value or f"plain-{_made(200 + n, 9, string.ascii_lowercase)}"]
}
VARIABLES["MYSQL_PWD"] = "hunter7"

# Names under which a text, a dict or an argument has one.
NAMES = (
    "pwd", "token", "secret", "auth", "credentials", "cookie", "bearer", "jwt", "pin", "otp", "dsn",
    "db_password", "clientSecret", "X-Api-Key", "accessToken", "passphrase",
)  # fmt: skip
NAMED = {
    name: "id=plainly7" + name[:2] if name == "cookie" else f"plainly7{n}"
    for n, name in enumerate(NAMES)
}

# How keys begin that are told by it, and how those go on.
_CAPITALS = string.ascii_uppercase + string.digits
BEGINNINGS = {
    start: start + body
    for starts, body in {
        "sk- xai- pplx- nvapi- tvly- csk- tskey- voyage-key- pypi- GOCSPX- ya29.": _a(301, 40),
        "gsk_ r8_ hf_ api_org_ fw_ jina_ nfp_ vcp_ vci_ vca_ vcr_ vck_": _a(302, 40),
        "lsv2_pt_ lsv2_sk_ tgp_v1_ phc_ phx_ pnu_ sgp_ tfp_ ntn_ npm_": _a(303, 43),
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ rubygems_ dckr_pat_ dckr_oat_ CLOJARS_": _a(304, 48),
        "glpat- gldt- glrt- glptt- glft- glsoat- glcbt- glimt- glagent- glffct- gloas-": _a(
            305, 20
        ),
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-": _a(306, 24),
        "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ whsec_": _a(307, 24),
        "SG.": f"{_a(308, 22)}.{_a(309, 43)}",
        "xkeysib- xsmtpsib-": f"{_h(310, 64)}-{_a(310, 16)}",
        "key- dapi dkea_ dose_ dop_v1_ doo_v1_ dor_v1_ AC SK": _h(311, 32),
        "shpat_ shpca_ shppa_ shpss_ shptka_ lin_api_ lin_oauth_": _h(312, 32),
        "hvs. hvb. hvr. dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.": _a(313, 43),
        "s.": _a(52, 24),
        "sq0atp- sq0csp- sq0idp-": _a(314, 22),
        "secret_": _a(315, 43),
        "figd_ figu_ HRKU-": _a(316, 40),
        "PMAK- PMAT-": f"{_h(317, 24)}-{_h(317, 34)}",
        "NRAK- NRJS- NRII- NRRA- NRIQ-": _made(318, 27, _CAPITALS),
        "glsa_ glc_ fm2_ fm1r_ fm1a_ fo1_ sbp_ sb_secret_": _a(319, 60),
        "pscale_tkn_ pscale_pw_ pscale_oauth_ sntrys_ sntryu_ bedrock-api-key-": _a(320, 60),
        "AGE-SECRET-KEY-": "1" + _made(321, 58, _CAPITALS),
        "ops_": "eyJ" + _a(322, 100),
        "A3-": "-".join(
            _made(323 + n, size, _CAPITALS) for n, size in enumerate((6, 6, 5, 5, 5, 5))
        ),
        "squ_ sqp_ sqa_ pul-": _h(324, 40),
        "dt0c01. dt0s01.": f"{_made(325, 24, _CAPITALS)}.{_made(326, 64, _CAPITALS)}",
        "duffel_live_ duffel_test_ shippo_live_ shippo_test_ FLWSECK_TEST- FLWSECK-": _a(327, 43),
        "rdme_": _h(328, 70),
        "ico-": _a(329, 32),
        "v1.0-": f"{_h(330, 24)}-{_h(331, 146)}",
        "AIza": _a(11, 35),
        "AKIA ASIA LTAI": _made(332, 16, "ABCDEFGHIJ234567"),
        "ABSK AKCp ATATT3 ATCTT3 EAAC": _a(333, 180),
        "GR1348941": _a(334, 20),
        "eyJ": f"{_a(76, 30)}.eyJ{_a(77, 60)}.{_a(78, 43)}",
    }.items()
    for start in starts.split()
}
