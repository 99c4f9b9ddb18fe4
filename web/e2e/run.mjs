// Runs the browser suites against a server that is up: EPO_URL, EPO_USER and EPO_PASSWORD say which. Arguments name suites.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";

if (!process.env.EPO_PASSWORD) {
  console.error("EPO_PASSWORD is missing: the password of EPO_USER (admin unless set) on EPO_URL (http://127.0.0.1:7070 unless set)");
  process.exit(2);
}
const wanted = process.argv.slice(2);
const files = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".test.mjs") && (wanted.length === 0 || wanted.some((w) => name.startsWith(w))))
  .map((name) => path.join(import.meta.dirname, name));
const result = spawnSync(process.execPath, ["--test", "--test-concurrency=1", "--test-timeout=600000", ...files], { stdio: "inherit" });
process.exit(result.status ?? 1);
