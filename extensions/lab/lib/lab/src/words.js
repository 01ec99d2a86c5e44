// Numbers and states as a person reads them.
export const MONEY = { sign: "$", digits: null };
/** A shape beside the word of each state: never a colour alone. */
export const SHAPES = {
    Waiting: "○",
    Running: "◐",
    Success: "●",
    Error: "✗",
    Canceled: "◌",
    CutOff: "◍",
};
export function stateWord(state, trans) {
    switch (state) {
        case "Waiting":
            return trans.__("waiting");
        case "Running":
            return trans.__("running");
        case "Success":
            return trans.__("done");
        case "Error":
            return trans.__("failed");
        case "Canceled":
            return trans.__("stopped");
        case "CutOff":
            return trans.__("cut off");
    }
}
export function tokens(count) {
    return count.toLocaleString("en-US");
}
export function money(amount, unpriced, how = MONEY) {
    if (amount === 0 && unpriced > 0)
        return `${how.sign}?`;
    const auto = amount === 0 || amount >= 0.1 ? 2 : amount >= 0.001 ? 4 : 6;
    const said = `${how.sign}${amount.toFixed(how.digits ?? auto)}`;
    return unpriced > 0 ? `${said} + ?` : said;
}
export function seconds(s) {
    if (s < 1)
        return `${Math.round(s * 1000)} ms`;
    if (s < 120)
        return `${s.toFixed(1)} s`;
    return s < 7200
        ? `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`
        : `${(s / 3600).toFixed(1)} h`;
}
/** When it began, short: the time today, else the day. */
export function moment(time, now) {
    if (time <= 0)
        return "";
    const date = new Date(time * 1000);
    const isToday = date.toDateString() === new Date(now * 1000).toDateString();
    return isToday
        ? date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })
        : date.toLocaleDateString(undefined, { month: "short", day: "numeric" });
}
/** The second line of a row. */
export function about(row, now, trans) {
    const parts = [stateWord(row.state, trans)];
    if (row.waits > 0)
        parts[0] = trans._n("asks you", "asks you %1 things", row.waits, row.waits);
    if (row.seconds === null && row.nodes > 1)
        parts.push(trans.__("%1 of %2", row.done, row.nodes));
    else if (row.nodes > 1)
        parts.push(trans._n("%1 Node", "%1 Nodes", row.nodes, row.nodes));
    if (row.tokens > 0)
        parts.push(trans.__("%1 tokens", tokens(row.tokens)));
    const took = row.seconds ?? (row.mine ? Math.max(0, now - row.opened) : null);
    if (took !== null)
        parts.push(seconds(took));
    if (row.error !== "")
        parts.push(row.error);
    return parts.join(" · ");
}
/** All that a row says, for who hears it. */
export function spoken(row, now, how, trans) {
    const parts = [row.fn, about(row, now, trans).split(" · ").join(", ")];
    if (row.usd > 0 || row.unpriced > 0)
        parts.push(money(row.usd, row.unpriced, how));
    const begun = moment(row.opened, now);
    if (begun !== "")
        parts.push(begun);
    return parts.join(", ");
}
