/** Saves parts as a file. A blob's parts may lie on disk, so a big log does not have to fit into memory. */
export function save(parts: BlobPart[], fileName: string, type: string): void {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
