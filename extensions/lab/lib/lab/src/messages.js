// What the kernel tells the panel, and what it is told. Nothing that comes is trusted to be whole.
const STATES = new Set(["Waiting", "Running", "Success", "Error", "Canceled", "CutOff"]);
function fields(value) {
    return typeof value === "object" && value !== null ? value : {};
}
function text(value) {
    return typeof value === "string" ? value : "";
}
function count(value) {
    return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
function maybe(value) {
    return typeof value === "number" && Number.isFinite(value) ? value : null;
}
function list(value) {
    return Array.isArray(value) ? value : [];
}
function row(value) {
    const given = fields(value);
    const state = text(given["state"]);
    return {
        id: text(given["id"]),
        fn: text(given["fn"]),
        kind: given["kind"] === "agent" ? "agent" : "code",
        state: (STATES.has(state) ? state : "CutOff"),
        opened: count(given["opened"]),
        // An end in no time is left out on the wire like any nothing.
        seconds: maybe(given["seconds"]) ?? (isOver(state) ? 0 : null),
        nodes: count(given["nodes"]),
        done: count(given["done"]),
        running: count(given["running"]),
        waits: count(given["waits"]),
        tokens: count(given["tokens"]),
        usd: count(given["usd"]),
        unpriced: count(given["unpriced"]),
        served: count(given["served"]),
        how: text(given["how"]),
        notebook: text(given["notebook"]),
        cell: text(given["cell"]),
        error: text(given["error"]),
        version: text(given["version"]),
        mine: given["mine"] === true,
    };
}
/** Whether nothing more will come of a run in this state. */
export function isOver(state) {
    return state === "Success" || state === "Error" || state === "Canceled" || state === "CutOff";
}
function pending(value) {
    const given = fields(value);
    return {
        run: text(given["run"]),
        node: count(given["node"]),
        fn: text(given["fn"]),
        kind: given["kind"] === "answer" ? "answer" : "approval",
        what: text(given["what"]),
        inputs: text(given["inputs"]),
        since: count(given["since"]),
        choices: list(given["choices"]).map(text),
    };
}
function status(value) {
    const given = fields(value);
    return {
        running: count(given["running"]),
        waiting: count(given["waiting"]),
        tokens: count(given["tokens"]),
        usd: count(given["usd"]),
        unpriced: count(given["unpriced"]),
        left: maybe(given["left"]),
    };
}
function mark(value) {
    const given = fields(value);
    return {
        fn: text(given["fn"]),
        kind: given["kind"] === "agent" ? "agent" : "code",
        version: text(given["version"]),
        changed: typeof given["changed"] === "boolean" ? given["changed"] : null,
        cost: maybe(given["cost"]),
        calls: count(given["calls"]),
    };
}
/** Read what came; nothing where it is no message of this wire. */
export function read(value) {
    const given = fields(value);
    const n = count(given["n"]);
    switch (given["t"]) {
        case "state":
        case "update":
        case "page":
            return listing(given["t"], n, given);
        case "static":
            return {
                t: "static",
                n,
                run: text(given["run"]),
                state: text(given["state"]),
                html: text(given["html"]),
            };
        case "view":
            return { t: "view", n, run: text(given["run"]), message: given["message"] };
        case "said":
            return {
                t: "said",
                n,
                id: count(given["id"]),
                ok: given["ok"] === true,
                text: text(given["text"]),
            };
        default:
            return null;
    }
}
function listing(t, n, given) {
    return {
        t,
        n,
        start: count(given["start"]),
        total: count(given["total"]),
        runs: list(given["runs"]).map(row).filter((one) => one.id !== ""),
        gone: list(given["gone"]).map(text),
        ...("wire" in given ? { wire: count(given["wire"]) } : {}),
        ...("status" in given ? { status: status(given["status"]) } : {}),
        ...("pending" in given ? { pending: list(given["pending"]).map(pending) } : {}),
        ...("cells" in given
            ? {
                cells: new Map(Object.entries(fields(given["cells"])).map(([cell, one]) => [cell, mark(one)])),
            }
            : {}),
    };
}
