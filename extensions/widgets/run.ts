// The component as a run view's stub loads it.

import type { Link } from "../view/messages.js";
import { Store } from "../view/store.js";
import { RunView } from "../view/view.js";

export function store(link: Link): Store {
  return new Store(link);
}

export function render(of: Store, element: HTMLElement, rows: number): () => void {
  const view = new RunView(of, { rows });
  view.mount(element);
  return () => {
    view.remove();
  };
}
