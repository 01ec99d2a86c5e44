// Elements made of names and texts; a text is only ever a text.
export function make(tag, name = "", attributes = {}, ...inside) {
    const element = document.createElement(tag);
    if (name !== "")
        element.className = name;
    for (const [key, value] of Object.entries(attributes))
        set(element, key, value);
    element.append(...inside);
    return element;
}
/** Set an attribute where it differs: what is as it was costs the browser nothing. */
export function set(element, key, value) {
    if (value === false) {
        if (element.hasAttribute(key))
            element.removeAttribute(key);
        return;
    }
    const text = value === true ? "" : String(value);
    if (element.getAttribute(key) !== text)
        element.setAttribute(key, text);
}
export function say(element, text) {
    if (element.textContent !== text)
        element.textContent = text;
}
export function show(element, seen) {
    if (element.hidden === seen)
        element.hidden = !seen;
}
let made = 0;
/** A name that no other element of the page has. */
export function unique() {
    made++;
    return `nfv${made}-${Math.floor(performance.timeOrigin + performance.now()).toString(36)}`;
}
