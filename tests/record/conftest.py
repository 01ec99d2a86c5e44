"""Records made for the tests of what is done with records."""

import pytest

from netflux_nb import Runtime, agent, function, gather
from netflux_nb.record.chain import END, MARK, hash_of, line_of
from netflux_nb.record.codecs.artifacts import Artifacts
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check, files
from netflux_nb.testing import ScriptedModel, call


@function
def double(x: int) -> int:
    return 2 * x


@function(uses=[double])
def fan(n: int) -> int:
    return sum(gather(*(double.start(x=i) for i in range(n))))


@function
def repeat(text: str, times: int) -> str:
    return text * times


asks = agent("asks(q: str)", "{q}", uses=[double], model="scripted")


class Recorded:
    """A folder of a record, and short ways to fill and to look at it."""

    def __init__(self, folder):
        self.folder = folder

    def add(self, *calls):
        """Record calls in one file and give their runs."""
        before = set(self.runs())
        script = lambda request: call("double", x=1) if len(request.parts) == 1 else "done"  # noqa: E731
        models = {"scripted": ScriptedModel(script)}
        fns = [double, fan, repeat, asks]
        with Journal(self.folder) as journal, Runtime(fns, models=models, sink=journal) as runtime:
            for fn, inputs in calls:
                runtime.get_ctx().invoke(fn, inputs).wait()
        self.path = journal.path
        return [run for run in self.runs() if run not in before]

    def text(self, letter, times=20_000):
        """Record one run that holds a large value of its own, and give it."""
        (run,) = self.add((repeat, {"text": letter, "times": times}))
        return run

    def rows(self):
        return [row for path in files(self.folder) for row in check(path).rows]

    def runs(self):
        return list(dict.fromkeys(row["run"] for row in self.rows() if "seq" in row))

    def artifacts(self):
        return dict(Artifacts(self.folder))

    def names(self):
        return sorted(
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and path.name[0] != "."
        )


def many_files(recorded, count):
    """Record files by the dozen, cheaply: one, again and again under other names."""
    recorded.add((fan, {"n": 6}))
    whole = recorded.path.read_bytes()
    recorded.path.unlink()
    segment = recorded.path.stem.encode()
    for number in range(count):
        name = f"2026010{number % 10}-{number:06}-0000000{number % 10}"
        chains, lines = {}, []
        for raw in whole.replace(segment, name.encode()).splitlines():
            words = raw.decode()[: -len(END) + 1 - 32 - len(MARK)]
            run = words.partition('"run":"')[2].partition('"')[0]
            mark = hash_of(chains.get(run, chains.get("", "")), words)
            chains[run] = mark
            lines.append(line_of(words, mark))
        (recorded.folder / f"{name}.jsonl").write_text("".join(lines))
    assert all(check(path).is_sound for path in files(recorded.folder))


@pytest.fixture
def recorded(tmp_path):
    return Recorded(tmp_path / "record")
