// Builds the browser code into the package. `node build.mjs --watch` builds at every change.
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = fileURLToPath(new URL("../netflux_nb/jupyter/live/static/", import.meta.url));
await mkdir(out, { recursive: true });
for (const name of ["run", "stub"]) {
  const built = await esbuild.build({
    absWorkingDir: here,
    entryPoints: [`widgets/${name}.ts`],
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none",
    charset: "utf8",
    write: false,
  });
  const text = built.outputFiles[0].text;
  await writeFile(`${out}${name}.js`, text);
  console.log(name, text.length, createHash("sha256").update(text).digest("hex").slice(0, 12));
}
const python = process.env.PYTHON ?? "python3";
execFileSync(python, [`${here}hashes.py`, "--write"], { stdio: "inherit" });
