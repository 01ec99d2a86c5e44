// The component as a run view's stub loads it.

import type { Link } from "../view/messages.js";
import { Player, readPlayback } from "../view/player.js";
import { Store } from "../view/store.js";
import { RunView } from "../view/view.js";

/** The state of a run that a kernel tells of; or of one that is played, from what was sent once. */
export function store(link: Link, played = "", speed: number | null = null): Store {
  const run = played === "" ? null : readPlayback(played);
  if (run === null) return new Store(link);
  const player = new Player(run, speed);
  const made = new Store(player, player);
  player.play();
  return made;
}

export function render(of: Store, element: HTMLElement, rows: number): () => void {
  const view = new RunView(of, { rows });
  view.mount(element);
  return () => {
    view.remove();
  };
}
