// Writes name.gz and name.br beside each file of dist that gets smaller by it. The server sends them as they are.
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const dist = path.resolve(import.meta.dirname, "../dist");
const text = new Set([".js", ".css", ".html", ".svg", ".json"]);
const encodings = [
  [".br", (data) => promisify(brotliCompress)(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length } })],
  [".gz", (data) => promisify(gzip)(data, { level: 9 })],
];

const sizes = { plain: 0, ".br": 0, ".gz": 0 };
for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !text.has(path.extname(entry.name))) continue;
  const file = path.join(entry.parentPath, entry.name);
  const data = await readFile(file);
  sizes.plain += data.length;
  for (const [suffix, compress] of encodings) {
    const packed = await compress(data);
    if (packed.length >= data.length) continue;
    await writeFile(file + suffix, packed);
    sizes[suffix] += packed.length;
  }
}
console.log(`precompressed: ${Object.entries(sizes).map(([name, bytes]) => `${name} ${(bytes / 1024).toFixed(0)} KiB`).join(", ")}`);
