// Builds the panel into the package: `npm ci && npm run build`. Needs no Python and no JupyterLab.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = fileURLToPath(new URL("../../netflux_nb/labextension/", import.meta.url));
const MOST_BYTES = 150_000;

const node = (...args) => execFileSync(process.execPath, args, { cwd: here, stdio: "inherit" });
rmSync(`${here}lib`, { recursive: true, force: true });
rmSync(out, { recursive: true, force: true });
node("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json");
node(
  "node_modules/@jupyter/builder/lib/build-labextension.js",
  "--core-package-file",
  "node_modules/@jupyterlab/core-meta/core.package.json",
  ".",
);
let bytes = 0;
for (const name of readdirSync(`${out}static`)) {
  if (name.endsWith(".js")) bytes += gzipSync(readFileSync(`${out}static/${name}`)).length;
}
console.log(`${bytes} bytes compressed, of ${MOST_BYTES}`);
if (bytes > MOST_BYTES) throw new Error("The panel is too large.");
execFileSync(process.env.PYTHON ?? "python3", [`${here}../hashes.py`, "--write", "lab"], {
  stdio: "inherit",
});
