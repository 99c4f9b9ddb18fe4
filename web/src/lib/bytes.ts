/** Bytes and their texts. */

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replace(/\s/g, ""));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** decodeScript reads a script's bytes as PowerShell does: UTF-16 by its byte order mark, else UTF-8. */
export function decodeScript(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  return new TextDecoder("utf-8").decode(bytes);
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** encodeScript writes an edited text the way an earlier version was written: encoding, byte order mark and line ends stay. */
export function encodeScript(text: string, like?: Uint8Array): Uint8Array<ArrayBuffer> {
  const earlier = like ? decodeScript(like) : "";
  const lines = earlier.includes("\r\n") ? text.replace(/\r?\n/g, "\r\n") : text;
  if (like?.[0] === 0xff && like[1] === 0xfe) return utf16(lines, true);
  if (like?.[0] === 0xfe && like[1] === 0xff) return utf16(lines, false);
  const marked = like?.[0] === 0xef && like[1] === 0xbb && like[2] === 0xbf;
  return new TextEncoder().encode(marked ? `\ufeff${lines}` : lines);
}

function utf16(text: string, littleEndian: boolean): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 * text.length + 2);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xfeff, littleEndian);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i + 2, text.charCodeAt(i), littleEndian);
  return bytes;
}
