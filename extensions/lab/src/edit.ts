// What a person writes where a run's row is: its title, its note, its tags.

import { make } from "./dom.js";
import type { Row } from "./messages.js";
import type { Words } from "./words.js";

export type Field = "rename" | "note" | "tags";

// As `record/labels.py` takes them.
const MOST: Readonly<Record<Field, number>> = { rename: 120, note: 2_000, tags: 820 };

/** A field over a row. Enter keeps what was written, Escape does not; one is open at a time. */
export class Editor {
  #close: (() => void) | null = null;
  /** The run whose row is written into. */
  run = "";

  constructor(
    private readonly trans: Words,
    private readonly keep: (row: Row, field: Field, value: string) => void,
  ) {}

  open(row: Row, field: Field, over: HTMLElement, after: () => void): void {
    this.#close?.();
    const before = valueOf(row, field);
    const label = `${fieldWord(field, this.trans)}: ${row.title || row.fn}`;
    const input = make("input", "nfx-input", {
      type: "text",
      maxlength: String(MOST[field]),
      placeholder: hint(field, this.trans),
      "aria-label": label,
      autocomplete: "off",
    });
    input.value = before;
    const box = make("span", "nfx-edit", { role: "gridcell" }, input);
    this.run = row.id;
    const close = (keeps: boolean, leaves: boolean): void => {
      if (this.#close === null) return;
      this.#close = null;
      this.run = "";
      const value = input.value.trim();
      box.remove();
      if (keeps && value !== before) this.keep(row, field, value);
      if (leaves) after();
    };
    this.#close = () => {
      close(false, false);
    };
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      close(event.key === "Enter", true);
    });
    input.addEventListener("blur", () => {
      close(true, false);
    });
    over.append(box);
    input.focus();
    input.select();
  }
}

function valueOf(row: Row, field: Field): string {
  switch (field) {
    case "rename":
      return row.title;
    case "note":
      return row.note;
    case "tags":
      return row.tags.join(" ");
  }
}

function fieldWord(field: Field, trans: Words): string {
  switch (field) {
    case "rename":
      return trans.__("Name");
    case "note":
      return trans.__("Note");
    case "tags":
      return trans.__("Tags");
  }
}

function hint(field: Field, trans: Words): string {
  switch (field) {
    case "rename":
      return trans.__("A name of its own; empty for none");
    case "note":
      return trans.__("A note; empty for none");
    case "tags":
      return trans.__("Tags, a word each");
  }
}
