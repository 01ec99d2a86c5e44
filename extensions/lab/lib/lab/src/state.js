// What is known of one kernel, folded from its messages. Nothing here knows a browser.
export const WIRE = 1;
export const NOTHING = {
    running: 0,
    waiting: 0,
    tokens: 0,
    usd: 0,
    unpriced: 0,
    left: null,
};
export function begin(way = "none") {
    return {
        way,
        n: 0,
        isBehind: false,
        runs: new Map(),
        total: 0,
        status: NOTHING,
        pending: [],
        cells: new Map(),
        isForeign: false,
    };
}
/** Take in a message. What came before a gap is kept until all was told again. */
export function reduce(state, message) {
    const isNext = state.n === 0 || message.n === state.n + 1;
    const after = { ...state, n: message.n, isBehind: state.isBehind || !isNext };
    switch (message.t) {
        case "state":
            return listed(whole(after, message), message);
        case "update":
        case "page":
            return listed(after, message);
        default:
            return after;
    }
}
function whole(state, message) {
    // A snapshot in several frames: only the first of them clears.
    if (message.start > 0)
        return state;
    return {
        ...begin("here"),
        n: message.n,
        isForeign: message.wire !== undefined && message.wire !== WIRE,
    };
}
function listed(state, message) {
    const runs = new Map(state.runs);
    for (const name of message.gone)
        runs.delete(name);
    for (const row of message.runs)
        runs.set(row.id, row);
    return {
        ...state,
        way: "here",
        runs,
        total: Math.max(message.total, runs.size),
        status: message.status ?? state.status,
        pending: message.pending ?? state.pending,
        cells: message.cells ?? state.cells,
    };
}
/** The kernel is gone: what ran in it does not run any more. */
export function lost(state, way) {
    return { ...begin(way), cells: way === "dead" ? state.cells : new Map() };
}
export const FILTERS = ["all", "live", "asks", "failed", "notebook"];
/** The rows that are wanted, newest first. Every word of the search must be found in a row. */
export function wanted(state, by) {
    const words = by.search.toLowerCase().split(/\s+/).filter((word) => word !== "");
    const found = [];
    for (const row of state.runs.values()) {
        if (passes(row, by) && words.every((word) => hay(row).includes(word)))
            found.push(row);
    }
    return found.sort((a, b) => b.opened - a.opened || (a.id < b.id ? -1 : 1));
}
function passes(row, by) {
    switch (by.filter) {
        case "all":
            return true;
        case "live":
            return row.state === "Running" || row.state === "Waiting";
        case "asks":
            return row.waits > 0;
        case "failed":
            return row.state === "Error" || row.state === "CutOff";
        case "notebook":
            return row.notebook === by.notebook || (row.mine && row.notebook === "");
    }
}
function hay(row) {
    return `${row.fn} ${row.id} ${row.state} ${row.error} ${row.notebook} ${row.how}`.toLowerCase();
}
