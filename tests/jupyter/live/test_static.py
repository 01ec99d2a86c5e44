"""The built browser code is that of the sources, and a wheel cannot be made without it."""

import gzip
import json
import re
import runpy
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PANEL = ROOT / "netflux_nb" / "labextension"
KEPT = ("netflux_nb", "extensions/view", "extensions/widgets")


def problem(root=ROOT):
    return runpy.run_path(str(root / "extensions" / "hashes.py"))["problem"]()


def test_what_is_shipped_was_built_from_these_sources():
    assert problem() == ""


@pytest.fixture
def copied(tmp_path):
    """A copy of what the hash is made of and compared with."""
    ours = ("view", "widgets", "page", "lab")
    shown = "netflux_nb/show/exported/static"
    built = ("netflux_nb/jupyter/live/static", shown, "netflux_nb/labextension")
    for name in (*(f"extensions/{one}" for one in ours), *built):
        left = shutil.ignore_patterns("node_modules", "lib")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left)
    for name in ("hashes.py", "package-lock.json", "build.mjs"):
        shutil.copy(ROOT / "extensions" / name, tmp_path / "extensions" / name)
    return tmp_path


def test_a_changed_source_is_noticed_and_a_changed_test_is_not(copied):
    assert problem(copied) == ""
    (copied / "extensions" / "view" / "state.test.ts").write_text("// other")
    assert problem(copied) == ""
    (copied / "extensions" / "view" / "state.ts").write_text("// other")
    assert "make widgets" in problem(copied)


def test_the_panel_is_held_to_its_sources_too(copied):
    (copied / "extensions" / "lab" / "src" / "panel.ts").write_text("// other")
    assert "make panel" in problem(copied)
    next((copied / "netflux_nb" / "labextension" / "static").glob("remoteEntry.*.js")).unlink()
    assert "remoteEntry" in problem(copied)


def test_the_panel_is_small_and_bundles_nothing_that_jupyterlab_has():
    scripts = [one.read_bytes() for one in PANEL.glob("static/*.js")]
    assert sum(len(gzip.compress(one)) for one in scripts) < 150_000
    told = json.loads((PANEL / "static" / "third-party-licenses.json").read_text())["packages"]
    bundled = {one["name"] for one in told}
    lab = pytest.importorskip("jupyterlab")
    core = json.loads((Path(lab.__file__).parent / "staging" / "package.json").read_text())
    provided = {*core["resolutions"], *core["dependencies"], *core["jupyterlab"]["linkedPackages"]}
    assert {"@jupyterlab/notebook", "@lumino/widgets", "@codemirror/state"} < provided
    assert bundled & (provided | set(core["jupyterlab"]["singletonPackages"])) == set()
    assert not {name for name in bundled if name.startswith(("@jupyterlab/", "@lumino/"))}
    text = b"".join(scripts).decode()
    for word in ("outerHTML", "insertAdjacentHTML", "document.write"):
        assert word not in text


def test_the_panel_asks_for_no_newer_jupyterlab_than_it_is_for():
    [entry] = PANEL.glob("static/remoteEntry.*.js")
    wanted = json.loads((PANEL / "package.json").read_text())["dependencies"]
    shared = re.findall(
        r'shareKey:"([^"]+)",import:([^,]+),requiredVersion:"([^"]+)"', entry.read_text()
    )

    assert len(shared) > 5
    for name, bundled, version in shared:
        assert bundled == "null", name
        assert version == wanted.get(name, version), name
    assert wanted["@jupyterlab/application"] == "^4.4.0"


def test_a_missing_build_is_named(copied):
    (copied / "netflux_nb" / "jupyter" / "live" / "static" / "run.js").unlink()
    assert problem(copied).startswith("run.js missing")


def test_the_component_is_small_and_holds_no_way_to_make_html_of_text():
    static = ROOT / "netflux_nb" / "jupyter" / "live" / "static"
    text = (static / "run.js").read_text()
    page = (ROOT / "netflux_nb" / "show" / "exported" / "static" / "page.js").read_text()
    assert len(text) < 60_000
    assert len(page) < 70_000
    assert len((static / "stub.js").read_text()) < 2_000
    # It stands in a page: nothing in it may end it there.
    assert "</script" not in page
    assert "<!--" not in page
    text += page
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in text


def test_a_build_without_the_browser_code_is_refused(copied, monkeypatch):
    hook = pytest.importorskip("hatchling.builders.hooks.plugin.interface")
    assert hook.BuildHookInterface
    made = runpy.run_path(str(ROOT / "hatch_build.py"))["Built"]
    warned = []

    class App:
        display_warning = warned.append

    def build():
        it = made(str(copied), {}, None, None, "", "wheel", App())
        it.initialize("standard", {})

    build()
    assert warned == []
    (copied / "extensions" / "view" / "state.ts").write_text("// other")
    build()
    assert len(warned) == 1
    (copied / "netflux_nb" / "jupyter" / "live" / "static" / "stub.js").unlink()
    with pytest.raises(RuntimeError, match=r"stub\.js missing"):
        build()
