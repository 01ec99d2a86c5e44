// What every run view carries instead of the component: it fetches that from the kernel's one
// hub, once a page, and keeps messages until it is there.

interface Model {
  get(name: string): unknown;
  send(content: unknown): void;
  on(name: string, call: (message: never) => void): void;
  off(name: string, call: (message: never) => void): void;
  widget_manager: { get_model(id: string): Promise<{ get(name: string): unknown }> };
}

type Tell = (message: unknown) => void;

interface Component {
  store(
    link: { send: Tell; listen(tell: Tell): () => void },
    played: string,
    speed: number | null,
  ): { close(): void };
  render(store: unknown, element: HTMLElement, rows: number): () => void;
}

const SHELF = Symbol.for("netflux_nb.view");
const page = globalThis as { [SHELF]?: Map<string, Promise<Component>> | undefined };
const shelf = (page[SHELF] ??= new Map<string, Promise<Component>>());

const PAUSE_MS = 250;
const TRIES = 12;

async function run(text: string): Promise<Component> {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return (await import(/* webpackIgnore: true */ url)) as Component;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Ask the view's own kernel for the text: the way that needs no other model. */
function asked(model: Model): Promise<string> {
  return new Promise((resolve) => {
    const hear = (message: { t: string; text: string }): void => {
      if (message.t !== "module") return;
      model.off("msg:custom", hear);
      resolve(message.text);
    };
    model.on("msg:custom", hear);
    model.send({ t: "module" });
  });
}

async function code(model: Model): Promise<string> {
  // After a reload the hub's model may be made later than ours.
  for (let i = 0; i < TRIES; i++) {
    try {
      const hub = await model.widget_manager.get_model(String(model.get("_hub")));
      const found = hub.get("_module");
      if (typeof found === "string" && found !== "") return found;
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return asked(model);
}

function text(given: unknown): string {
  return typeof given === "string" ? given : "";
}

/** Nothing where the view is to choose; a negative one is as fast as it shows. */
function speed(given: unknown): number | null {
  if (typeof given !== "number" || given === 0) return null;
  return given < 0 ? Infinity : given;
}

function component(model: Model): Promise<Component> {
  const hash = String(model.get("_hash"));
  let coming = shelf.get(hash);
  if (coming === undefined) {
    coming = code(model).then(run);
    shelf.set(hash, coming);
    coming.catch(() => {
      shelf.delete(hash);
    });
  }
  return coming;
}

export default (): unknown => {
  const kept: unknown[] = [];
  let tell: Tell = (message) => kept.push(message);
  let ready: Promise<[Component, { close(): void }]> | null = null;
  return {
    // It must not wait: anywidget gives up on a model that is not there within two seconds.
    initialize({ model }: { model: Model }): () => void {
      const hear = (message: unknown): void => {
        tell(message);
      };
      model.on("msg:custom", hear);
      ready = component(model).then((part) => [
        part,
        part.store(
          {
            send: (command) => {
              model.send(command);
            },
            listen: (call) => {
              tell = call;
              for (const message of kept.splice(0)) call(message);
              return () => {
                tell = () => undefined;
              };
            },
          },
          // Of a run that is played again.
          text(model.get("_played")),
          speed(model.get("_speed")),
        ),
      ]);
      return () => {
        model.off("msg:custom", hear);
        void ready?.then(([, store]) => {
          store.close();
        });
      };
    },
    async render({ model, el }: { model: Model; el: HTMLElement }) {
      if (ready === null) return undefined;
      const [part, store] = await ready;
      return part.render(store, el, Number(model.get("_rows")));
    },
  };
};
