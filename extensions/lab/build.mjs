// Builds the panel into the package: `npm ci && npm run build`. Needs no Python and no JupyterLab.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = fileURLToPath(new URL("../../netflux_nb/labextension/", import.meta.url));
const MOST_BYTES = 150_000;

const node = (...args) => execFileSync(process.execPath, args, { cwd: here, stdio: "inherit" });
rmSync(`${here}lib`, { recursive: true, force: true });
rmSync(out, { recursive: true, force: true });
node("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json");
// The builder would ask for the JupyterLab it knows; an older one then warns once a package.
const read = (name) => JSON.parse(readFileSync(`${here}${name}`, "utf8"));
const core = read("node_modules/@jupyterlab/core-meta/core.package.json");
core.resolutions = { ...core.resolutions, ...read("package.json").dependencies };
writeFileSync(`${here}lib/core.package.json`, JSON.stringify(core));
node(
  "node_modules/@jupyter/builder/lib/build-labextension.js",
  "--core-package-file",
  "lib/core.package.json",
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
