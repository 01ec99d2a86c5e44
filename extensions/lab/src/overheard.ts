// A comm over a connection that may handle none: of several to one kernel JupyterLab lets one.

import { type Kernel, KernelMessage } from "@jupyterlab/services";
import type { JSONObject } from "@lumino/coreutils";

/** What a link needs of a comm. */
export type Wire = Pick<Kernel.IComm, "commId" | "isDisposed" | "send" | "onMsg" | "onClose">;

/** Hears what the kernel tells everybody on one comm, and says things on it. */
export class Overheard implements Wire {
  onMsg: Wire["onMsg"] = () => undefined;
  onClose: Wire["onClose"] = () => undefined;

  constructor(
    private readonly kernel: Kernel.IKernelConnection,
    readonly commId: string,
    private readonly opened: (comm: Wire) => void,
  ) {
    kernel.iopubMessage.connect(this.#heard, this);
  }

  get isDisposed(): boolean {
    return this.kernel.isDisposed;
  }

  #heard(_: unknown, message: KernelMessage.IIOPubMessage): void {
    if ((message.content as { comm_id?: unknown }).comm_id !== this.commId) return;
    if (KernelMessage.isCommOpenMsg(message)) this.opened(this);
    else if (KernelMessage.isCommMsgMsg(message)) void this.onMsg(message);
    else if (KernelMessage.isCommCloseMsg(message)) void this.onClose(message);
  }

  send(data: JSONObject): ReturnType<Wire["send"]> {
    const message = KernelMessage.createMessage<KernelMessage.ICommMsgMsg<"shell">>({
      msgType: "comm_msg",
      channel: "shell",
      username: this.kernel.username,
      session: this.kernel.clientId,
      content: { comm_id: this.commId, data },
    });
    return this.kernel.sendShellMessage(message, false, true);
  }

  dispose(): void {
    this.kernel.iopubMessage.disconnect(this.#heard, this);
  }
}
