// Elements made of names and texts; a text is only ever a text.
export function make(tag, name = "", attributes = {}, ...inside) {
    const element = document.createElement(tag);
    if (name !== "")
        element.className = name;
    for (const [key, value] of Object.entries(attributes))
        element.setAttribute(key, value);
    element.append(...inside);
    return element;
}
export function say(element, text) {
    if (element.textContent !== text)
        element.textContent = text;
}
export function button(name, text, label, act) {
    const made = make("button", `nfx-button ${name}`, { type: "button", title: label }, text);
    if (label !== text)
        made.setAttribute("aria-label", label);
    made.addEventListener("click", (event) => {
        event.stopPropagation();
        act();
    });
    return made;
}
