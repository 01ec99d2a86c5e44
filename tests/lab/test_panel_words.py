"""The panel in another language, by a language pack as JupyterLab takes them."""

import json

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from lab.jupyter import ROOT, serving
from lab.panels import SETUP, rows, show, until_row

pytestmark = pytest.mark.lab

LOCALE = "de_DE"
# With the context that JupyterLab reads them in; nothing where it is the panel's own code.
SAID = {
    ("", "Search runs"): "Läufe suchen",
    ("", "Success"): "Erfolg",
    ("", "Cancel all"): "Alle abbrechen",
    ("", "%1 of %2 done"): "%1 von %2 fertig",
    ("", "netflux_nb Runs"): "Läufe von netflux_nb",
    ("settings", "Live updates"): "Laufend erneuern",
}


def pack(folder):
    """Write a language pack: what the server reads, and what it gives to pages."""
    module = folder / f"jupyterlab_language_pack_{LOCALE}"
    place = module / "locale" / LOCALE / "LC_MESSAGES"
    place.mkdir(parents=True)
    (module / "__init__.py").touch()
    about = folder / f"{module.name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        f"[jupyterlab.languagepack]\n{LOCALE} = {module.name}\n"
    )
    catalog = Catalog(locale=LOCALE, domain="netflux_lab")
    for (context, text), other in SAID.items():
        catalog.add(text, other, context=context or None)
    with (place / "netflux_lab.mo").open("wb") as file:
        write_mo(file, catalog)
    head = {"domain": "netflux_lab", "language": LOCALE.replace("_", "-")}
    head["plural_forms"] = "nplurals=2; plural=(n != 1);"
    pages = {"\x04".join(filter(None, key)): [other] for key, other in SAID.items()}
    (place / "netflux_lab.json").write_text(json.dumps({"": head, **pages}))


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """A JupyterLab that speaks another language."""
    packs = tmp_path_factory.mktemp("packs")
    pack(packs)
    paths = {"PYTHONPATH": f"{ROOT}:{packs}"}
    with serving(tmp_path_factory.mktemp("served"), env=paths) as server:
        place = server.home / "config/lab/user-settings/@jupyterlab/translation-extension"
        place.mkdir(parents=True)
        (place / "plugin.jupyterlab-settings").write_text(json.dumps({"locale": LOCALE}))
        yield server


def test_panel_menu_settings_and_views_speak_the_readers_language(lab):
    book = lab([SETUP, "words(text='a')", "run = study.start(text='b')"], name="words.ipynb")
    show(book)
    book.page.get_by_role("searchbox", name="Läufe suchen").wait_for()
    book.run(0)
    book.run(1)
    rows(book, "Erfolg").wait_for()
    book.run(2)
    book.output(2).get_by_role("button", name="Alle abbrechen").wait_for()
    until_row(book, "study")
    rows(book, "study").dblclick()
    tab = book.page.locator(".nfx-runtab")
    tab.get_by_role("button", name="Alle abbrechen").wait_for()
    tab.get_by_text("1 von 3 fertig").wait_for()
    book.page.locator("#jp-MainMenu").get_by_text("Run", exact=True).click()
    book.page.locator(".lm-Menu-itemLabel", has_text="Läufe von netflux_nb").wait_for()
    book.page.keyboard.press("Escape")
    schema = book.server.ask("lab/api/settings/netflux-lab:plugin")["schema"]
    assert schema["properties"]["liveUpdates"]["title"] == "Laufend erneuern"
