// What a person plays a run with: play, step, start again, a place to go to, a speed.

import { make, say, set, show } from "./dom.js";
import { FASTEST, SPEEDS, type Player } from "./player.js";
import { __ } from "./tongue.js";
import { seconds } from "./words.js";

const PLACES = 1_000;

export class PlayBar {
  readonly element = make("div", "nfv-play", { role: "group", "aria-label": __("Playing") });
  readonly #player: Player;
  readonly #play = make("button", "nfv-button", { type: "button" });
  readonly #step = make(
    "button",
    "nfv-button",
    { type: "button", title: `${__("To the next change")}   .` },
    __("Step"),
  );
  readonly #again = make("button", "nfv-button", { type: "button" }, __("Restart"));
  readonly #scrub = make("input", "nfv-scrub", {
    type: "range",
    min: 0,
    max: PLACES,
    step: 1,
    "aria-label": __("Place in the run"),
    title: `${__("One change back or on")}   ,   .`,
  });
  readonly #speed = make("select", "nfv-select", {
    "aria-label": __("Speed"),
    title: `${__("Slower, faster")}   <   >`,
  });
  readonly #when = make("span", "nfv-when nfv-dim");
  readonly #cut = make("span", "nfv-dim");
  readonly #off: () => void;

  constructor(player: Player, within: HTMLElement) {
    this.#player = player;
    this.#play.addEventListener("click", () => {
      player.toggle();
    });
    this.#step.addEventListener("click", () => {
      player.step(1);
    });
    this.#again.addEventListener("click", () => {
      player.restart();
    });
    this.#scrub.addEventListener("input", () => {
      player.pause();
      player.seek((Number(this.#scrub.value) / PLACES) * player.length);
    });
    this.#speed.addEventListener("change", () => {
      player.setSpeed(Number(this.#speed.value));
    });
    set(this.#play, "title", `${__("Play or pause")}   Shift+${__("Space")}`);
    this.element.append(this.#play, this.#step, this.#again, this.#scrub);
    this.element.append(this.#when, this.#speed, this.#cut);
    // Before the tree: there a letter leads to a row.
    const key = (event: KeyboardEvent): void => {
      this.#key(event);
    };
    within.addEventListener("keydown", key, true);
    const off = player.watch(() => {
      this.#paint();
    });
    this.#off = () => {
      off();
      within.removeEventListener("keydown", key, true);
    };
    this.#paint();
  }

  remove(): void {
    this.#off();
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target;
    if (at instanceof HTMLInputElement && at.type !== "range") return;
    if (event.key === " " && event.shiftKey) this.#player.toggle();
    else if (event.key === ".") this.#player.step(1);
    else if (event.key === ",") this.#player.step(-1);
    else if (event.key === "<") this.#player.change(-1);
    else if (event.key === ">") this.#player.change(1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #paint(): void {
    const player = this.#player;
    say(this.#play, player.isPlaying ? `❚❚ ${__("Pause")}` : `▶ ${__("Play")}`);
    set(this.#step, "disabled", player.isAtEnd);
    const place = player.length === 0 ? 0 : (player.place / player.length) * PLACES;
    if (document.activeElement !== this.#scrub || player.isPlaying) {
      const text = String(Math.round(place));
      if (this.#scrub.value !== text) this.#scrub.value = text;
    }
    const when = __("%1 of %2", timed(player.now), timed(player.took));
    say(this.#when, when);
    set(this.#scrub, "aria-valuetext", when);
    this.#paintSpeeds();
    const cut = player.shortened;
    say(this.#cut, cut < 1 ? "" : __("long waits shortened by %1", timed(cut)));
    show(this.#cut, cut >= 1);
  }

  #paintSpeeds(): void {
    const { speed } = this.#player;
    const known = Array.from(this.#speed.options, (one) => Number(one.value));
    if (!known.includes(speed)) {
      const all = [...new Set([...SPEEDS, speed])].sort((a, b) => a - b);
      this.#speed.replaceChildren(
        ...all.map((one) => make("option", "", { value: String(one) }, speedName(one))),
      );
    }
    if (this.#speed.value !== String(speed)) this.#speed.value = String(speed);
  }
}

function speedName(speed: number): string {
  return speed === FASTEST ? __("as fast as it shows") : `${speed}×`;
}

function timed(millis: number): string {
  return seconds(millis) || (millis > 0 ? `${millis.toFixed(1)} ms` : "0 s");
}
