// Builds the browser code into the package. `node build.mjs --watch` builds at every change.
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const inPackage = (place) =>
  fileURLToPath(new URL(`../netflux_nb/${place}/static/`, import.meta.url));
// The page's script stands in the page itself; the others are modules that a page imports.
const builds = [
  ["widgets/run", inPackage("jupyter/live"), "esm"],
  ["widgets/stub", inPackage("jupyter/live"), "esm"],
  ["page/page", inPackage("show/exported"), "iife"],
];
for (const [entry, out, format] of builds) {
  await mkdir(out, { recursive: true });
  const built = await esbuild.build({
    absWorkingDir: here,
    entryPoints: [`${entry}.ts`],
    bundle: true,
    format,
    target: "es2022",
    minify: true,
    legalComments: "none",
    charset: "utf8",
    write: false,
  });
  const text = built.outputFiles[0].text;
  const name = entry.split("/")[1];
  await writeFile(`${out}${name}.js`, text);
  console.log(name, text.length, createHash("sha256").update(text).digest("hex").slice(0, 12));
}
const python = process.env.PYTHON ?? "python3";
execFileSync(python, [`${here}hashes.py`, "--write"], { stdio: "inherit" });
