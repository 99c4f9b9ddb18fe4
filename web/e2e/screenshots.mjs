// Takes the pictures of the documentation from a running EPO with sample data: node e2e/screenshots.mjs BIN FOLDER
// It starts `epo up` on a data folder of its own and removes it in the end.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, chmodSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

const [bin, folder] = process.argv.slice(2).map((p) => path.resolve(p));
if (!folder) {
  console.error("usage: node e2e/screenshots.mjs BIN FOLDER");
  process.exit(2);
}
const data = mkdtempSync(path.join(tmpdir(), "epo-screenshots-"));
chmodSync(data, 0o755);
const up = spawn(path.join(bin, "epo"), ["up", "--data", path.join(data, "data"), "--listen", "127.0.0.1:0", "--output", "json"], { stdio: ["ignore", "pipe", "inherit"] });
try {
  const [line] = await once(createInterface({ input: up.stdout }), "line");
  const { url, user, password } = JSON.parse(line);
  Object.assign(process.env, { EPO_URL: url, EPO_USER: user, EPO_PASSWORD: password });
  const pages = await import("./samples.mjs");
  mkdirSync(folder, { recursive: true });
  for (const file of await pages.take(folder)) console.log(path.relative(process.cwd(), file));
} finally {
  up.kill("SIGINT");
  await once(up, "exit");
  rmSync(data, { recursive: true, force: true });
}
