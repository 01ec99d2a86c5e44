// The run view, in a file of its own: a page that opens no run does not load it.

export { Store } from "../../view/store.js";
export { RunView } from "../../view/view.js";
