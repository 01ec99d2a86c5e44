import type { Kernel } from "@jupyterlab/services";
import { Signal } from "@lumino/signaling";
import { describe, expect, test } from "vitest";
import { Link } from "./link.js";

const STATE = {
  t: "state",
  n: 1,
  wire: 1,
  runs: [],
  total: 0,
  pending: [],
  cells: {},
  read: true,
  status: {},
};

/** A kernel that answers when it is told to. */
function kernel(): {
  connection: Kernel.IKernelConnection;
  open: () => { said: unknown[]; tell: (data: unknown) => void };
  answer: (comms: Record<string, unknown>) => Promise<void>;
} {
  const answers: ((reply: unknown) => void)[] = [];
  let opened: (comm: unknown) => void = () => undefined;
  const signals = { statusChanged: null, connectionStatusChanged: null, disposed: null };
  const connection = {
    id: "k",
    handleComms: true,
    isDisposed: false,
    supportsSubshells: false,
    registerCommTarget: (_: string, call: typeof opened) => (opened = call),
    removeCommTarget: () => undefined,
    requestCommInfo: async () => new Promise((resolve) => answers.push(resolve)),
  };
  for (const name of Object.keys(signals)) {
    Object.assign(connection, { [name]: new Signal(connection) });
  }
  return {
    connection: connection as unknown as Kernel.IKernelConnection,
    open: () => {
      const said: unknown[] = [];
      const comm = {
        commId: "netflux_nb",
        isDisposed: false,
        send: (data: unknown) => said.push(data),
        onMsg: (message: unknown): unknown => message,
        onClose: () => undefined,
      };
      opened(comm);
      return { said, tell: (data) => comm.onMsg({ content: { data } }) };
    },
    answer: async (comms) => {
      for (const resolve of answers.splice(0)) resolve({ content: { status: "ok", comms } });
      await Promise.resolve();
      await Promise.resolve();
    },
  };
}

describe("a panel that looks for the package in a kernel", () => {
  test("is told that there is none", async () => {
    const there = kernel();
    const link = new Link("k", () => ({ path: "a.ipynb", of: {} }));
    link.attach(there.connection);
    expect(link.state.way).toBe("looking");
    await there.answer({});
    expect(link.state.way).toBe("absent");
    link.dispose();
  });

  test("keeps what was opened while an older answer was on its way", async () => {
    const there = kernel();
    const link = new Link("k", () => ({ path: "a.ipynb", of: {} }));
    link.attach(there.connection);
    const comm = there.open();
    await there.answer({});
    expect(comm.said).toContainEqual({ t: "hello" });
    comm.tell(STATE);
    expect(link.state.way).toBe("here");
    link.dispose();
  });
});
