// Elements made of names and texts; a text is only ever a text.

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  name = "",
  attributes: Readonly<Record<string, string>> = {},
  ...inside: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (name !== "") element.className = name;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
}

export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function button(name: string, text: string, label: string, act: () => void) {
  const made = make("button", `nfx-button ${name}`, { type: "button", title: label }, text);
  if (label !== text) made.setAttribute("aria-label", label);
  made.addEventListener("click", (event) => {
    event.stopPropagation();
    act();
  });
  return made;
}
