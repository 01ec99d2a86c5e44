import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  FASTEST,
  fitting,
  Player,
  readPlayback,
  type Playback,
  type PlayedNode,
} from "./player.js";
import type { StateCode } from "./messages.js";
import { clock, type RunState } from "./state.js";
import { Store } from "./store.js";

interface Case {
  run: Playback;
  expected: { nodes: Record<string, Record<string, unknown>>; transcript: [string, string][] };
}

const place = new URL("../page/fixtures/played.json", import.meta.url);
const cases = JSON.parse(readFileSync(place, "utf8")) as Record<string, Case>;

function begun(run: Playback, speed: number | null = 1): { player: Player; store: Store } {
  const player = new Player(run, speed, () => 0);
  return { player, store: new Store(player, player) };
}

function known(state: RunState): Record<string, unknown> {
  return Object.fromEntries(
    [...state.nodes.values()].map((node) => [
      String(node.id),
      {
        name: node.name,
        mark: node.mark,
        answered: node.answered,
        children: node.children,
        state: node.state,
        tokens: node.tokens,
        usd: Number(node.usd.toFixed(9)),
        isPriced: node.unknown === 0,
        below: node.below,
        done: node.done,
        failed: node.failed,
      },
    ]),
  );
}

/** All that a view draws of it. */
function drawn(state: RunState): unknown {
  const nodes = [...state.nodes.values()].map((node) => ({ ...node, kinds: [...node.kinds] }));
  return {
    nodes: nodes.sort((a, b) => a.id - b.id),
    run: state.run,
    now: state.now,
    pace: state.pace,
  };
}

function row(
  id: number,
  parent: number,
  times: [number, number, number],
  state: StateCode = 2,
): PlayedNode {
  return [id, parent, 0, 0, "", ...times, state, `came to ${id}`, 0];
}

const SLOW: Playback = {
  v: 1,
  name: "slow",
  left_out: 0,
  took: 60_000,
  names: ["work"],
  nodes: [
    row(1, -1, [0, 10, 60_000]),
    row(2, 1, [1_000, 1_000, 2_000]),
    row(3, 1, [2_000, 2_000, 59_000]),
  ],
  spent: [[1_500, 2, 100, 0.5, 0]],
  turns: [
    [2_500, 3, "approval", "May I?"],
    [58_000, 3, "", "approved by ada"],
  ],
  panes: {
    "1": { inputs: [["value", "x", "1"]], result: [["value", "", "42"]] },
    "3": {
      transcript: [
        [2_000, "user", "told", "Say it."],
        [59_000, "model", "said", "It."],
      ],
    },
  },
  unsent: 0,
};

describe.each(Object.keys(cases))("the fixture %s, played", (name) => {
  const found = cases[name];
  if (found === undefined) throw new Error(name);

  it("comes to what Python says of the last view", () => {
    const { player, store } = begun(found.run);
    player.seek(player.length);
    expect(known(store.state)).toEqual(found.expected.nodes);
    expect(store.state.isBehind).toBe(false);
    expect(player.isAtEnd).toBe(true);
  });

  it("comes to the same step by step, as fast as it shows, and after going back", () => {
    const jumped = begun(found.run);
    jumped.player.seek(jumped.player.length);
    const stepped = begun(found.run);
    for (let i = 0; i < 500; i++) stepped.player.step(1);
    const shown = begun(found.run, FASTEST);
    shown.player.play();
    for (let i = 0; i < 500; i++) shown.player.advance(16);
    expect(drawn(stepped.store.state)).toEqual(drawn(jumped.store.state));
    expect(drawn(shown.store.state)).toEqual(drawn(jumped.store.state));
    jumped.player.seek(0);
    expect(jumped.store.state.nodes.size).toBeLessThanOrEqual(1);
    jumped.player.seek(jumped.player.length);
    expect(drawn(jumped.store.state)).toEqual(drawn(stepped.store.state));
    expect(jumped.store.state.gaps).toBe(0);
  });

  it("is at each place as it was on the way there", () => {
    const there = begun(found.run);
    const back = begun(found.run);
    for (let part = 0; part <= 20; part++) {
      const at = (there.player.length * part) / 20;
      there.player.seek(at);
      back.player.seek(back.player.length);
      back.player.seek(at);
      expect(drawn(back.store.state)).toEqual(drawn(there.store.state));
    }
  });

  it("follows a conversation", () => {
    const { player, store } = begun(found.run);
    store.look(1, "transcript");
    player.play();
    for (let i = 0; i < 500; i++) player.advance(16);
    const parts = store.state.details.get("1/transcript")?.parts ?? [];
    expect(parts.map((part) => [part.kind, part.text])).toEqual(found.expected.transcript);
  });
});

describe("a run that waited", () => {
  it("is not waited for again", () => {
    const { player } = begun(SLOW);
    expect(player.shortened).toBeGreaterThan(40_000);
    expect(player.length).toBeLessThan(12_000);
    expect(player.took).toBe(60_000);
    player.seek(player.length);
    expect(player.now).toBe(60_000);
  });

  it("says what was asked, and who answered", () => {
    const { player, store } = begun(SLOW);
    player.seek(3_000);
    expect(store.state.nodes.get(3)).toMatchObject({ state: 1, waits: "approval", say: "May I?" });
    player.seek(player.length - 2_000);
    expect(store.state.nodes.get(3)).toMatchObject({ waits: "", say: "approved by ada" });
    player.seek(player.length);
    expect(store.state.nodes.get(3)).toMatchObject({ state: 2, say: "came to 3" });
  });

  it("tells of a Node no more than was known then", () => {
    const { player, store } = begun(SLOW);
    const said = (pane: "inputs" | "result" | "transcript", id = 1): string[] => {
      store.look(id, pane);
      return (store.state.details.get(`${id}/${pane}`)?.parts ?? []).map((part) => part.text);
    };
    player.seek(3_000);
    expect(said("inputs")).toEqual(["1"]);
    expect(said("result")).toEqual([]);
    expect(said("transcript", 3)).toEqual(["Say it."]);
    player.seek(player.length);
    expect(said("result")).toEqual(["42"]);
    expect(store.state.details.get("3/transcript")?.parts).toHaveLength(2);
    player.seek(3_000);
    expect(store.state.details.get("3/transcript")?.parts).toHaveLength(1);
    expect(store.state.nodes.get(1)).toMatchObject({ tokens: 100, usd: 0.5, done: 1, below: 2 });
  });
});

describe("a player", () => {
  it("goes at its speed, and stands while it is paused", () => {
    const { player, store } = begun(SLOW, 2);
    player.play();
    player.advance(500);
    expect(player.now).toBe(1_000);
    expect(store.state.pace).toBe(2);
    const here = store.state.nowHere;
    expect(clock(store.state, here + 10) - clock(store.state, here)).toBeCloseTo(20);
    player.pause();
    expect(store.state.pace).toBe(0);
    player.advance(500);
    expect(player.now).toBe(1_000);
    player.setSpeed(0.5);
    player.play();
    player.advance(500);
    expect(player.now).toBe(1_250);
  });

  it("stops at its end, and begins again from there", () => {
    const { player } = begun(SLOW, 16);
    player.play();
    player.advance(10_000);
    expect(player).toMatchObject({ isAtEnd: true, isPlaying: false });
    player.toggle();
    expect(player).toMatchObject({ place: 0, isPlaying: true });
  });

  it("steps from change to change, both ways", () => {
    const { player } = begun(SLOW);
    const seen: number[] = [];
    for (let i = 0; i < 4; i++) {
      player.step(1);
      seen.push(player.now);
    }
    expect(seen).toEqual([10, 1_000, 1_500, 2_000]);
    player.step(-1);
    expect(player.now).toBe(1_500);
    expect(player.isPlaying).toBe(false);
  });

  it("takes one frame after the other, however often it is started", () => {
    const asked: ((now: number) => void)[] = [];
    const player = new Player(SLOW, 1, (call) => asked.push(call));
    for (let i = 0; i < 3; i++) {
      player.play();
      player.pause();
    }
    player.play();
    expect(asked).toHaveLength(1);
    asked.shift()?.(0);
    asked.shift()?.(50);
    expect(player.now).toBe(50);
    asked.shift()?.(100_000);
    expect(player.now).toBeLessThan(500); // a page that was asleep does not leap
    player.close();
    asked.shift()?.(100_050);
    expect(asked).toHaveLength(0);
  });

  it("chooses a speed at which one can watch", () => {
    expect(fitting(800, 40)).toBe(0.1);
    expect(fitting(5, 40)).toBe(0.001);
    expect(fitting(8_000, 100)).toBe(1);
    expect(fitting(600_000, 100)).toBe(16);
    expect(fitting(3_000, 4)).toBe(1);
    expect(fitting(0, 1)).toBe(0.001);
  });

  it("answers with what did not fit in", () => {
    const { player, store } = begun({ ...SLOW, panes: {}, unsent: 2 });
    player.seek(player.length);
    store.look(2, "result");
    expect(store.state.details.get("2/result")?.parts[0]?.text).toContain("did not fit in");
  });
});

describe("what anybody may have written", () => {
  it("is none of ours, or is played", () => {
    for (const text of ["", "null", "[]", "{}", '{"v":2,"nodes":[]}', "\u0000"]) {
      expect(readPlayback(text)).toBeNull();
    }
    const odd: Playback = {
      ...SLOW,
      nodes: [
        row(1, -1, [500, 100, 50]),
        row(1, 1, [0, 0, 0]),
        row(2, 1, [0, 0, 1]),
        row(3, 77, [0, 0, 0], 5),
      ],
      spent: [[1, 99, 1, 1, 1]],
      turns: [[1, 99, "x", "y"]],
    };
    const { player, store } = begun(odd);
    player.seek(player.length);
    expect(store.state.nodes.get(2)).toMatchObject({ parent: 1, state: 2 });
    expect(store.state.nodes.get(1)).toMatchObject({ below: 1, done: 1 });
    expect([...store.state.nodes.keys()]).toEqual([1, 2]);
    expect(store.state.root).toBe(1);
  });
});
