// Which rows are seen, in which order, and where a key leads.
// A larger family is folded until somebody opens it.
const OPEN_CHILDREN = 200;
const OPEN_LEVELS = 4;
export function isOpen(node, folds) {
    const said = folds.get(node.id);
    if (said !== undefined)
        return said;
    return node.level === 1 || (node.level <= OPEN_LEVELS && node.children.length <= OPEN_CHILDREN);
}
export function isAsked(wish) {
    return wish.search.trim() !== "" || wish.states.size > 0;
}
export function list(state, wish) {
    const matches = isAsked(wish) ? found(state, wish) : null;
    const shown = matches === null ? null : withAbove(state, matches);
    const ids = [];
    const places = new Map();
    const stack = state.nodes.has(state.root) ? [state.root] : [];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
        const node = state.nodes.get(id);
        if (node === undefined || (shown !== null && !shown.has(id)))
            continue;
        places.set(id, ids.length);
        ids.push(id);
        // What leads to a match is open, unless somebody folded it.
        const open = shown === null ? isOpen(node, wish.folds) : wish.folds.get(id) !== false;
        if (!open)
            continue;
        for (let i = node.children.length - 1; i >= 0; i--) {
            const child = node.children[i];
            if (child !== undefined)
                stack.push(child);
        }
    }
    return { ids, matches, places };
}
function found(state, wish) {
    const words = wish.search.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = new Set();
    for (const node of state.nodes.values()) {
        if (wish.states.size > 0 && !wish.states.has(node.state))
            continue;
        if (words.length > 0) {
            const text = `${node.name} ${node.label} ${node.say} ${node.waits}`.toLowerCase();
            if (!words.every((word) => text.includes(word)))
                continue;
        }
        matches.add(node.id);
    }
    return matches;
}
function withAbove(state, matches) {
    const shown = new Set();
    for (const id of matches) {
        let above = id;
        while (above >= 0 && !shown.has(above)) {
            shown.add(above);
            above = state.nodes.get(above)?.parent ?? -1;
        }
    }
    return shown;
}
/** Say where a key leads from a row, as trees everywhere answer to keys. */
export function move(state, listing, wish, active, pressed, page) {
    const at = listing.places.get(active) ?? 0;
    const last = listing.ids.length - 1;
    const to = (place) => {
        const id = listing.ids[Math.min(last, Math.max(0, place))];
        return id === undefined ? null : { to: id };
    };
    switch (pressed) {
        case "ArrowDown":
            return to(at + 1);
        case "ArrowUp":
            return to(at - 1);
        case "Home":
            return to(0);
        case "End":
            return to(last);
        case "PageDown":
            return to(at + page);
        case "PageUp":
            return to(at - page);
    }
    const node = state.nodes.get(active);
    if (node === undefined)
        return null;
    const next = state.nodes.get(listing.ids[at + 1] ?? -1);
    const open = next?.parent === node.id || (node.children.length > 0 && isOpen(node, wish.folds));
    switch (pressed) {
        case "ArrowRight":
            if (node.children.length === 0)
                return null;
            return open ? to(at + 1) : { fold: node.id, open: true };
        case "ArrowLeft":
            if (open && node.children.length > 0)
                return { fold: node.id, open: false };
            return node.parent < 0 ? null : { to: node.parent };
    }
    return null;
}
/** Find the next row, after the active one and around, whose name begins so. */
export function typed(state, listing, active, text) {
    const sought = text.toLowerCase();
    const at = listing.places.get(active) ?? 0;
    const from = text.length === 1 ? 1 : 0; // a longer text may still be the row it led to
    for (let i = from; i < listing.ids.length + from; i++) {
        const id = listing.ids[(at + i) % listing.ids.length];
        if (id !== undefined && state.nodes.get(id)?.name.toLowerCase().startsWith(sought))
            return id;
    }
    return -1;
}
