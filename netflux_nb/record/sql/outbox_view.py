"""The SQL view of outboxes: each call that a transaction was to make, and what became of it.

A call is made below a Node `release_outbox`, which names the key of the Node whose outbox it is,
and under its number. That Node stands in the same run, or in one of its own, which names the run.
A run that was resumed may hold the same transaction: of these the last one tells.
"""

from __future__ import annotations

from ...core.contracts.declared import RELEASE

EVENTS = ("NodeOpened", "NodeStarted", "NodeServed", "NodeClosed", "RunBegan")
FIELDS = {
    "parent": "BIGINT",
    **dict.fromkeys(("fn", "key", "tool_use_id", "outcome"), "VARCHAR"),
    **dict.fromkeys(("inputs", "touched", "info"), "JSON"),
}
ABOUT = "A call each that a transaction was to make once it counted, and what became of it."

# What a call came to, of all the times that it was made: the largest tells.
_RELEASED, _RUNNING, _LOST, _FAILED, _WAITING = 5, 4, 3, 2, 1


# All Nodes, the roots, the runs that went on from each, and what is in outboxes.
_FOUND = """
, made AS (
    SELECT run, node, any_value(parent) AS parent, any_value(fn) AS fn,
        any_value(key) AS key, any_value(tool_use_id) AS nth, any_value(inputs) AS inputs,
        any_value(outcome) AS outcome, any_value(touched) AS touched,
        any_value(info->'json') AS info,
        count(*) FILTER (event = 'NodeServed') > 0 AS served,
        count(*) FILTER (event = 'NodeStarted') > 0 AS began,
        max(time) FILTER (event = 'NodeClosed') AS ended,
        $is_live AS is_live
    FROM lines GROUP BY run, node
),
tops AS (
    SELECT run, ended IS NOT NULL AS is_over, is_live, info->>'of' AS of, info->>'how' AS how
    FROM made WHERE parent IS NULL
),
later AS (
    WITH RECURSIVE went_on(run, later) AS (
        SELECT of, run FROM tops WHERE how = 'resume'
        UNION
        SELECT w.run, t.run FROM went_on w
        JOIN tops t ON t.of = w.later AND t.how = 'resume'
    )
    SELECT run, later FROM went_on
),
entries AS (
    SELECT run, node, parent, key, ended, is_live, served, touched->>'state' AS of,
        unnest(range(TRY_CAST(json_array_length(touched->'outbox') AS BIGINT))) AS nth,
        unnest(json_extract(touched, '$.outbox[*]')) AS one
    FROM made
    WHERE outcome = 'success' AND json_array_length(touched->'outbox') > 0
        AND NOT (served AND parent IS NULL)
),"""
# What became of it, of all the times that it was made.
_CAME = f"""
-- What is served is the same as in the runs before: there it may have been released.
same AS (
    SELECT DISTINCT run, key, run AS of_run FROM entries
    UNION
    SELECT e.run, e.key, l.run FROM entries e JOIN later l ON l.later = e.run
    WHERE e.served
),
releases AS (
    SELECT run, node, coalesce(info->'outbox'->>'run', run) AS of_run,
        inputs->'of'->>'json' AS of_key, served AND outcome = 'success' AS is_served,
        ended IS NULL AND is_live AS goes_on
    FROM made WHERE fn = '{RELEASE}'
),
released AS (
    SELECT s.run, s.key, bool_or(is_served) AS is_served, bool_or(goes_on) AS goes_on
    FROM same s JOIN releases r ON r.of_run = s.of_run AND r.of_key = s.key
    GROUP BY s.run, s.key
),
tried AS (
    SELECT s.run, s.key, TRY_CAST(c.nth AS BIGINT) AS nth, max(CASE
        WHEN c.outcome = 'success' THEN {_RELEASED}
        WHEN c.ended IS NULL AND c.is_live THEN {_RUNNING}
        WHEN c.began AND (c.ended IS NULL OR c.outcome = 'canceled') THEN {_LOST}
        WHEN c.outcome = 'error' THEN {_FAILED} ELSE {_WAITING} END) AS came
    FROM same s JOIN releases r ON r.of_run = s.of_run AND r.of_key = s.key
    JOIN made c ON c.run = r.run AND c.parent = r.node
    GROUP BY s.run, s.key, c.nth
),
going AS (
    SELECT DISTINCT l.run FROM later l JOIN tops t ON t.run = l.later
    WHERE t.is_live AND NOT t.is_over
)"""
_TOLD = f"""
SELECT e.run, e.node, e.of, e.key, e.nth, one->>'fn' AS fn, one->'inputs'->'json' AS inputs,
    CASE WHEN came = {_RELEASED} OR r.is_served THEN 'released'
        WHEN came = {_RUNNING} OR r.goes_on THEN 'running'
        WHEN came = {_LOST} THEN 'lost' WHEN came = {_FAILED} THEN 'failed'
        -- What is to make it comes next, or its tree comes to it.
        WHEN r.run IS NULL AND e.is_live AND (e.parent IS NULL OR NOT t.is_over)
            THEN 'running'
        WHEN g.run IS NOT NULL THEN 'running'
        ELSE 'waiting' END AS state,
    TRY(make_timestamp((e.ended * 1e6)::BIGINT)) AS time
FROM entries e LEFT JOIN tops t ON t.run = e.run
LEFT JOIN released r ON r.run = e.run AND r.key = e.key
LEFT JOIN going g ON g.run = e.run
LEFT JOIN tried c ON c.run = e.run AND c.key = e.key AND c.nth = e.nth
WHERE NOT EXISTS (
    SELECT 1 FROM later l JOIN made m ON m.run = l.later
    WHERE l.run = e.run AND m.key = e.key AND m.outcome = 'success'
)"""


def words(segment: str) -> str:
    """Give the SQL; `segment` gives the file of a run."""
    return f"{_FOUND}{_CAME}{_TOLD}".replace("$is_live", f"list_contains($live, {segment})")
