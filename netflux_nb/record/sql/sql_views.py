"""The SQL views of a record: each with its events, their fields, and its query."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...core.json.lines import OLD_AGAIN
from ...core.policy import FOR_PERSONS
from .. import labels
from . import outbox_view
from .engine import among, any_of, quoted

_BESIDE = {
    "run": "VARCHAR",
    "node": "BIGINT",
    "seq": "BIGINT",
    "time": "DOUBLE",
    "event": "VARCHAR",
}
# A line may claim any number: one that is none of ours is nothing, and hides no other row.
_MOMENT = "TRY(make_timestamp((time * 1e6)::BIGINT)) AS time"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlView:
    """One view: what a row is, the events it is made of, their fields, and the SQL over them.

    `lines` in the SQL are those events alone, with these fields, of all files. A view without
    events builds on the views before it.
    """

    about: str
    sql: str
    events: Sequence[str] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    # Lines that belong to a file have its name for a run, and no number.
    of_files: bool = False


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """The files that are asked, and what is not seen in them."""

    lines: tuple[Path, ...] = ()
    packed: tuple[Path, ...] = ()
    unseen: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    most_line_bytes: int = 16_000_000
    # Where the labels of the runs are; they are read for the views that show them.
    folder: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files."""
        return (*self.lines, *self.packed)


def source_sql(source: SourceFiles, view: SqlView | None) -> str:
    """Give SQL for the lines that a view is made of; the whole lines where there is none."""
    events = view.events if view is not None else ()
    fields = view.fields if view is not None else {}
    wanted = [f"event IN ({_listed(events)})" if events else "event <> 'Segment'"]
    if not (view is not None and view.of_files):
        wanted.append("seq IS NOT NULL AND run IS NOT NULL")
    if source.unseen:
        wanted.append(f"run NOT IN ({_listed(source.unseen)})")
    where = " AND ".join(wanted)
    branches = []
    if source.lines:
        branches.append(_of_lines(source, fields, where, is_whole=view is None))
    if source.packed:
        branches.append(_of_packed(source, fields, where, is_whole=view is None))
    if not branches:
        columns = {**_BESIDE, **(fields if view is not None else {"line": "JSON"})}
        picked = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in columns.items())
        branches.append(f"SELECT {picked} WHERE false")
    return " UNION ALL BY NAME ".join(branches)


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(quoted(text) for text in texts)


def _of_lines(source: SourceFiles, fields: Mapping[str, str], where: str, *, is_whole: bool) -> str:
    options = f"ignore_errors = true, maximum_object_size = {source.most_line_bytes}"
    files = among(source.lines)
    if is_whole:
        beside = ", ".join(
            f"TRY_CAST(json->>'{name}' AS {kind}) AS {name}" for name, kind in _BESIDE.items()
        )
        inner = f"SELECT {beside}, json AS line FROM read_ndjson_objects({files}, {options})"
        return f"SELECT * FROM ({inner}) WHERE {where}"
    columns = {**_BESIDE, **fields}
    typed = ", ".join(f'"{name}": {quoted(kind)}' for name, kind in columns.items())
    picked = ", ".join(f'"{name}"' for name in columns)
    return (
        f"SELECT {picked} FROM read_ndjson({files}, columns = {{{typed}}}, {options}) WHERE {where}"
    )


def _of_packed(
    source: SourceFiles, fields: Mapping[str, str], where: str, *, is_whole: bool
) -> str:
    beside = ", ".join(_BESIDE)
    rest = ""
    if is_whole:
        rest = ", line::JSON AS line"
    elif fields:
        typed = ", ".join(f'"{name}":"{kind}"' for name, kind in fields.items())
        rest = f", unnest(json_transform(line, '{{{typed}}}'))"
    return f"SELECT {beside}{rest} FROM read_parquet({among(source.packed)}) WHERE {where}"


def view_sql(name: str, source: SourceFiles) -> str:
    """Give the SQL of a view over these files."""
    view = VIEWS.get(name) or OUR_OWN[name]
    words = view.sql.replace("$live", among(source.live) + "::VARCHAR[]")
    if "$labels" in words:
        words = words.replace("$labels", _labels_sql(source))
    if not view.events and name not in _WHOLE:
        return words
    found = source_sql(source, None if name in _WHOLE else view)
    return f"WITH lines AS ({found}) {words}"


def _labels_sql(source: SourceFiles) -> str:
    """Give SQL for the labels of all runs, of which a run has a row where it has some."""
    found = () if source.folder is None else labels.all_labels(source.folder)
    forms = [{"run": run, **labels.to_json(one)} for run, one in found]
    typed = '[{"run":"VARCHAR","tags":["VARCHAR"],"note":"VARCHAR","title":"VARCHAR"}]'
    words = f"from_json({quoted(json.dumps(forms))}, {quoted(typed)})"
    return (
        "(SELECT l.run AS run, l.tags AS tags, nullif(l.note, '') AS note, "
        f"nullif(l.title, '') AS title FROM (SELECT unnest({words}) AS l))"
    )


_WHOLE = {"events", "artifacts"}
_SEGMENT = "regexp_replace(run, '-[^-]*$', '')"

_DESCRIBED = {
    **dict.fromkeys(("kind", "effect", "source", "system", "prompt", "model"), "VARCHAR"),
    **dict.fromkeys(("args", "uses", "settings", "unhashed"), "JSON"),
}
_CALLED = {
    **dict.fromkeys(("key", "version", "provider", "model", "tool_use_id", "outcome"), "VARCHAR"),
    **dict.fromkeys(("inputs", "value", "error"), "JSON"),
}


# Columns by name, and what they are called in a line.
_COUNTED = {
    "input_tokens": "input_tokens_total",
    "cache_read_tokens": "input_tokens_cache_read",
    "cache_write_tokens": "input_tokens_cache_write",
    "output_tokens": "output_tokens_total",
    "reasoning_tokens": "output_tokens_reasoning",
}


def _each(words: str, names: Iterable[str]) -> str:
    return ", ".join(words.replace("{0}", f'"{name}"') for name in names)


# Each view by name. Some build on those before, so their order counts.
# Calls that touched the state.
_TOUCHING = {"fn": "VARCHAR", "outcome": "VARCHAR", "touched": "JSON"}
_TOUCHED = """
            , made AS (
                SELECT run, node, any_value(fn) AS fn, any_value(outcome) AS outcome,
                    any_value(touched) AS touched, max(time) AS ended
                FROM lines GROUP BY run, node
            )"""

VIEWS: dict[str, SqlView] = {
    "events": SqlView(
        about="An event each: its run, its place in the run's order, its Node, the whole line.",
        sql=f"SELECT run, seq, {_MOMENT}, node, event, line AS body FROM lines",
    ),
    "functions": SqlView(
        about="A version of a Function each: what it was when it was first called.",
        events=["Function"],
        of_files=True,
        fields={"name": "VARCHAR", "version": "VARCHAR", "desc": "VARCHAR", **_DESCRIBED},
        sql=f"""
            SELECT name AS fn, version, arg_min("desc", time) AS description,
                {_each("arg_min({0}, time) AS {0}", _DESCRIBED)},
                min(TRY(make_timestamp((time * 1e6)::BIGINT))) AS first_called,
                arg_min(run, time) AS segment
            FROM lines WHERE name IS NOT NULL GROUP BY name, version
        """,
    ),
    "environments": SqlView(
        about="What the runs of a file ran on, each time that it was looked at.",
        events=["Environment"],
        of_files=True,
        fields={
            "python": "VARCHAR",
            "implementation": "VARCHAR",
            "platform": "VARCHAR",
            "packages": "JSON",
            "git": "JSON",
        },
        sql=f"""
            SELECT run AS segment, {_MOMENT}, python, implementation, platform, packages,
                git->>'head' AS git_head, TRY_CAST(git->>'dirty' AS BOOLEAN) AS git_dirty
            FROM lines
        """,
    ),
    "calls": SqlView(
        about="A request to a model each, well or not, when it had ended.",
        events=["RequestEnded"],
        fields={"spent": "JSON"},
        sql=f"""
            SELECT run, node, seq, {_MOMENT}, spent->>'provider' AS provider,
                spent->>'model' AS model, spent->>'stop' AS stop,
                TRY_CAST(spent->>'seconds' AS DOUBLE) AS seconds, TRY_CAST(spent->>'served' AS BOOLEAN) AS served,
                {", ".join(f"CASE WHEN (spent->'usage'->'unknown_requests') IS NULL THEN TRY_CAST(spent->'usage'->>'{k}' AS BIGINT) END AS {n}" for n, k in _COUNTED.items())},
                nullif(spent->>'error', '') AS error
            FROM lines
        """,
    ),
    "messages": SqlView(
        about="A part of a transcript each; a long text is in `artifacts`, and named here.",
        events=["PartAdded", "RequestEnded", "TranscriptSet"],
        fields={"part": "JSON", "parts": "JSON[]"},
        sql=f"""
            , sets AS (SELECT run, node, max(seq) AS last FROM lines
                WHERE event = 'TranscriptSet' GROUP BY run, node),
            parts AS (
                SELECT run, node, seq, time, 0 AS place, part FROM lines WHERE event = 'PartAdded'
                UNION ALL
                SELECT run, node, seq, time, generate_subscripts(parts, 1) AS place,
                    unnest(parts) AS part
                FROM lines WHERE event IN ('TranscriptSet', 'RequestEnded')
            )
            SELECT p.run, p.node, seq, place, {_MOMENT}, part->>'part' AS kind,
                coalesce(CASE WHEN json_type(part->'text') = 'VARCHAR' THEN part->>'text' END,
                    CASE WHEN json_type(part->'content') = 'VARCHAR' THEN part->>'content' END,
                    part->'outputs'->>'json') AS text,
                part->>'tool_name' AS fn, part->>'tool_use_id' AS tool_use_id,
                part->'args'->'json' AS args, TRY_CAST(part->>'is_error' AS BOOLEAN) AS is_error,
                coalesce(part->'text'->>'artifact', part->'content'->>'artifact',
                    part->'outputs'->>'artifact') AS artifact
            FROM parts p LEFT JOIN sets s ON s.run = p.run AND s.node = p.node
            WHERE s.last IS NULL OR seq >= s.last
        """,
    ),
    "draws": SqlView(
        about="What a body took from outside each: the time, chance, a variable, an order.",
        events=["Drawn"],
        fields={"kind": "VARCHAR", "name": "VARCHAR", "value": "JSON", "served": "BOOLEAN"},
        sql=f"""
            SELECT run, node, seq, {_MOMENT}, kind, name, value->'json' AS value, served
            FROM lines
        """,
    ),
    "approvals": SqlView(
        about="A question to a person each, and the answer where there is one.",
        events=["NodeWaits", "Answered"],
        fields={
            "on": "JSON",
            "value": "JSON",
            "by": "VARCHAR",
            "known": "VARCHAR",
            "reason": "VARCHAR",
        },
        sql=f"""
            , asked AS (SELECT * FROM lines WHERE event = 'Answered'
                OR ("on"->>'kind') IN {any_of(FOR_PERSONS)}),
            paired AS (
                SELECT *, lead(event) OVER w AS next, lead(value) OVER w AS said,
                    lead("by") OVER w AS who, lead(known) OVER w AS how, lead(reason) OVER w AS why,
                    lead(time) OVER w AS ended
                FROM asked WINDOW w AS (PARTITION BY run, node ORDER BY seq)
            )
            SELECT run, node, seq, {_MOMENT},
                -- In the first version nothing but its words told one from another.
                -- DuckDB 1 takes the arrow last, so that it needs its brackets.
                CASE WHEN ("on"->>'kind') = 'approval' AND ("on"->>'id') IS NULL
                    AND ends_with("on"->>'what', {quoted(OLD_AGAIN)}) THEN 'again'
                    ELSE "on"->>'kind' END AS kind,
                "on"->>'what' AS question, "on"->>'id' AS id, "on"->>'asker' AS asker,
                next IS NOT DISTINCT FROM 'Answered' AS is_answered,
                CASE WHEN next = 'Answered' THEN said->'json' END AS answer,
                CASE WHEN next = 'Answered' THEN who END AS answered_by,
                CASE WHEN next = 'Answered' THEN nullif(how, '') END AS known,
                CASE WHEN next = 'Answered' THEN why END AS reason,
                CASE WHEN next = 'Answered' THEN ended - time END AS seconds
            FROM paired WHERE event = 'NodeWaits'
        """,
    ),
    "artifacts": SqlView(
        about="A large value each, where a line names it: its hash is its file's name.",
        sql=r"""
            , named AS (SELECT run, node, seq, event, unnest(regexp_extract_all(line::VARCHAR,
                '\{"artifact":"[0-9a-f]{64}","kind":"[a-z]+","bytes":[0-9]+[^{}]*\}'))::JSON AS form
                FROM lines WHERE contains(line::VARCHAR, '"artifact":"'))
            SELECT run, node, seq, event, form->>'artifact' AS artifact, form->>'kind' AS kind,
                TRY_CAST(form->>'bytes' AS BIGINT) AS bytes, form->>'type' AS type
            FROM named
        """,
    ),
    "transactions": SqlView(
        about="A call each that touched the state: from and to which version, what it read.",
        events=["NodeOpened", "NodeClosed"],
        fields=_TOUCHING,
        sql=f"""{_TOUCHED}
            SELECT run, node, fn, outcome, touched->>'state' AS state,
                TRY_CAST(touched->>'base' AS BIGINT) AS base,
                TRY_CAST(touched->>'version' AS BIGINT) AS version,
                TRY_CAST(json_array_length(touched->'reads') AS BIGINT) AS reads,
                TRY_CAST(json_array_length(touched->'delta') AS BIGINT) AS writes,
                TRY(make_timestamp((ended * 1e6)::BIGINT)) AS ended
            FROM made WHERE touched IS NOT NULL
        """,
    ),
    "changes": SqlView(
        about="A path each that a call wrote in the state: what stood there before, and after.",
        events=["NodeOpened", "NodeClosed"],
        fields=_TOUCHING,
        sql=f"""{_TOUCHED}, one AS (
                SELECT run, node, fn, outcome, ended,
                    TRY_CAST(touched->>'version' AS BIGINT) AS version,
                    unnest(json_extract(touched, '$.delta[*]')) AS change
                FROM made WHERE touched IS NOT NULL
            )
            SELECT run, node, fn, outcome, version,
                array_to_string(CAST(change->0 AS VARCHAR[]), '.') AS path,
                change->1->'json' AS before, change->2->'json' AS after,
                TRY(make_timestamp((ended * 1e6)::BIGINT)) AS ended
            FROM one
        """,
    ),
    "violations": SqlView(
        about="A rule of the audit each that did not hold: where, what was found, what it came to.",
        events=["NodeOpened", "Violated"],
        fields={
            **dict.fromkeys(
                (
                    "fn",
                    "rule",
                    "gate",
                    "field",
                    "condition",
                    "limit",
                    "value",
                    "level",
                    "action",
                    "text",
                ),
                "VARCHAR",
            ),
            **dict.fromkeys(("count", "most"), "BIGINT"),
        },
        sql=f"""
            , named AS (SELECT run, node, any_value(fn) AS fn FROM lines
                WHERE event = 'NodeOpened' GROUP BY run, node)
            SELECT v.run, v.node, v.seq, {_MOMENT}, n.fn, rule, gate, field, condition, "limit" AS must,
                value, level, "count", most, action, text
            FROM lines v LEFT JOIN named n ON n.run = v.run AND n.node = v.node
            WHERE v.event = 'Violated'
        """,
    ),
    "signals": SqlView(
        about="A signal each that a transaction published: what it was set to, by whom.",
        events=["NodeOpened", "NodeClosed"],
        fields=_TOUCHING,
        sql=f"""{_TOUCHED}, one AS (
                SELECT run, node, ended, touched->>'state' AS state,
                    TRY_CAST(touched->>'version' AS BIGINT) AS version,
                    unnest(json_extract(touched, '$.signals[*]')) AS sent
                FROM made WHERE touched IS NOT NULL
            )
            SELECT run, node, state, sent->>2 AS fn, sent->>3 AS key,
                array_to_string(CAST(sent->0 AS VARCHAR[]), '.') AS path,
                sent->1->'json' AS value, version,
                TRY(make_timestamp((ended * 1e6)::BIGINT)) AS ended
            FROM one
        """,
    ),
    "workflow_steps": SqlView(
        about="A state each that a workflow left, or an event that fitted nothing in it.",
        events=["NodeOpened", "NodeStarted", "Noted"],
        fields={"fn": "VARCHAR", "note": "JSON"},
        sql="""
            , named AS (SELECT run, node, any_value(fn) AS workflow FROM lines GROUP BY run, node),
            told AS (
                SELECT run, node, seq, time, note, event,
                    lag(time) OVER (PARTITION BY run, node ORDER BY seq) AS began
                FROM lines WHERE event = 'NodeStarted'
                    -- An event that fitted nothing ended nothing.
                    OR ((note->>'note') = 'MachineStep' AND (note->>'next') <> '')
                    OR ((note->>'note') = 'MachineStep' AND (note->>'event') = '')
                UNION ALL
                SELECT run, node, seq, time, note, event, NULL AS began FROM lines
                WHERE (note->>'note') = 'MachineStep' AND (note->>'next') = ''
                    AND (note->>'event') <> ''
            )
            SELECT run, node, workflow, TRY_CAST(note->>'nth' AS BIGINT) AS nth,
                note->>'state' AS state, note->'entry' AS entry,
                nullif(note->>'outcome', '') AS outcome, nullif(note->>'event', '') AS event,
                nullif(note->>'next', '') AS next, TRY_CAST(note->>'count' AS BIGINT) AS count,
                TRY(make_timestamp((began * 1e6)::BIGINT)) AS began,
                TRY(make_timestamp((time * 1e6)::BIGINT)) AS ended
            FROM told JOIN named USING (run, node) WHERE event = 'Noted'
        """,
    ),
    "outbox": SqlView(
        about=outbox_view.ABOUT,
        events=outbox_view.EVENTS,
        fields=outbox_view.FIELDS,
        sql=outbox_view.words(_SEGMENT),
    ),
    "nodes": SqlView(
        about="A call each: of what, with what, its `NodeState` by name, what it gave.",
        events=["NodeOpened", "NodeStarted", "NodeServed", "EffectStarted", "NodeClosed"],
        fields={
            "parent": "BIGINT",
            "fn": "VARCHAR",
            "kind": "VARCHAR",
            "from": "VARCHAR",
            **_CALLED,
        },
        sql=f"""
            , made AS (
                SELECT run, node, any_value(parent) AS parent, any_value(fn) AS fn,
                    any_value(kind) FILTER (event = 'NodeOpened') AS kind,
                    any_value(kind) FILTER (event = 'EffectStarted') AS effect,
                    {_each("any_value({0}) AS {0}", _CALLED)},
                    any_value("from") AS served_from,
                    count(*) FILTER (event = 'NodeServed') > 0 AS served,
                    max(time) FILTER (event = 'NodeOpened') AS opened,
                    max(time) FILTER (event = 'NodeStarted') AS started,
                    max(time) FILTER (event = 'NodeClosed') AS ended
                FROM lines GROUP BY run, node
            )
            SELECT run, node, parent, fn, kind, key, version, provider, model, effect, inputs,
                coalesce(CASE outcome WHEN 'success' THEN 'Success' WHEN 'error' THEN 'Error'
                    WHEN 'canceled' THEN 'Canceled' END,
                    -- Nobody runs it any more, and it has no end.
                    CASE WHEN NOT list_contains($live, {_SEGMENT}) THEN 'CutOff'
                    WHEN started IS NOT NULL THEN 'Running' ELSE 'Waiting' END) AS state,
                value->'json' AS outputs, error->>'type' AS error_type,
                error->>'message' AS error, TRY(make_timestamp((opened * 1e6)::BIGINT)) AS opened,
                TRY(make_timestamp((started * 1e6)::BIGINT)) AS started,
                TRY(make_timestamp((ended * 1e6)::BIGINT)) AS ended, ended - started AS seconds,
                served, served_from, tool_use_id
            FROM made WHERE opened IS NOT NULL
        """,
    ),
    "usage": SqlView(
        about="What a Node asked of a model each: how many requests, and their tokens.",
        # A driver that keeps its own count says all of it at once, again and again.
        events=["NodeOpened", "UsageSet"],
        fields={"provider": "VARCHAR", "usage": "JSON"},
        sql=f"""
            , said AS (
                SELECT run, node, any_value(provider) AS provider,
                    max_by(usage, seq) FILTER (event = 'UsageSet') AS usage
                FROM lines GROUP BY run, node HAVING count(*) FILTER (event = 'UsageSet') > 0
            )
            SELECT run, node, provider, model, count(*) FILTER (NOT served) AS requests,
                count(*) FILTER (served) AS served,
                {_each("TRY_CAST(sum({0}) FILTER (NOT served) AS BIGINT) AS {0}", _COUNTED)}
            FROM calls WHERE error IS NULL OR input_tokens + output_tokens > 0
            GROUP BY run, node, provider, model
            UNION ALL BY NAME
            SELECT run, node, provider, 0 AS requests, 0 AS served,
                {", ".join(f"TRY_CAST(usage->>'{key}' AS BIGINT) AS {name}" for name, key in _COUNTED.items())}
            FROM said ANTI JOIN calls USING (run, node)
        """,
    ),
    "runs": SqlView(
        about="A tree each: of what, how it was begun, how it stands, what it used.",
        events=["RunBegan"],
        fields={"info": "JSON"},
        sql=f"""
            , began AS (SELECT run, any_value(info->'json') AS info FROM lines GROUP BY run),
            counted AS (
                SELECT run, count(*) AS nodes, count(*) FILTER (state = 'Error') AS failed
                FROM nodes GROUP BY run
            ),
            used AS (
                SELECT run, TRY_CAST(sum(requests) AS BIGINT) AS requests, TRY_CAST(sum(served) AS BIGINT) AS served,
                    TRY_CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
                    TRY_CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
                    string_agg(DISTINCT provider, ', ' ORDER BY provider) AS provider,
                    string_agg(DISTINCT model, ', ' ORDER BY model) AS model
                FROM usage GROUP BY run
            )
            SELECT run, n.fn, n.kind, n.version, n.key, n.state, n.opened, n.ended, n.seconds,
                n.error_type, n.error, n.inputs, n.outputs, nodes, failed,
                coalesce(used.requests, 0) AS requests, coalesce(used.served, 0) AS served,
                used.input_tokens, used.output_tokens,
                coalesce(used.provider, n.provider) AS provider,
                coalesce(used.model, n.model) AS model,
                info->>'of' AS of, info->>'how' AS how, info->>'mode' AS mode,
                TRY_CAST(info->>'seed' AS BIGINT) AS seed, info->>'policies' AS policies,
                info->>'notebook' AS notebook, info->>'cell' AS cell,
                TRY_CAST(info->>'execution_count' AS BIGINT) AS execution_count,
                n.ended IS NULL AND list_contains($live, segment) AS is_live, segment,
                coalesce(labelled.tags, []) AS tags, labelled.note, labelled.title
            FROM (SELECT *, {_SEGMENT} AS segment FROM nodes WHERE parent IS NULL) n
            JOIN counted USING (run) LEFT JOIN began USING (run) LEFT JOIN used USING (run)
            LEFT JOIN $labels AS labelled USING (run)
        """,
    ),
}

# Views that are not told of: we ask them often, and they are quick.
OUR_OWN: dict[str, SqlView] = {
    "_trees": SqlView(
        about="A run each: its moment and notebook, and no more.",
        events=["NodeOpened", "RunBegan"],
        fields={"parent": "BIGINT", "info": "JSON"},
        sql="""
            SELECT run, max(time) FILTER (event = 'NodeOpened') AS opened,
                any_value(info->'json'->>'notebook') AS notebook
            FROM lines WHERE event = 'RunBegan' OR parent IS NULL
            GROUP BY run HAVING opened IS NOT NULL
        """,
    ),
    "_roots": SqlView(
        about="A run each, with what it may be chosen by: no Nodes but its root, no usage.",
        events=["RunBegan"],
        fields={"info": "JSON"},
        sql="""
            , began AS (
                SELECT run, any_value(info->'json'->>'notebook') AS notebook FROM lines GROUP BY run
            )
            SELECT n.*, notebook, coalesce(labelled.tags, []) AS tags, labelled.note,
                labelled.title
            FROM nodes n LEFT JOIN began USING (run) LEFT JOIN $labels AS labelled USING (run)
            WHERE parent IS NULL
        """,
    ),
}
