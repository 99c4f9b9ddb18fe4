/**
 * Foreign text made safe to look at. Names and output come from scripts and from people: they may hold terminal escapes, marks
 * that turn the direction of text, NUL. Colours of a terminal are kept; everything else that is not text is shown as a
 * sign that stands for it, and copied as that sign.
 */

export interface Piece {
  text: string;
  /** Classes of lib/text.css names without prefix: "bold", "fg1", "bg4"… */
  style?: string[];
  /** The piece stands for a character that cannot be shown. */
  mark?: boolean;
}

// C0 and C1 controls but for tab, marks of direction, invisible format characters, separators and the byte order mark.
 
const unsafe = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
 
const color = /\u001b\[([0-9;]*)m/g;

/** sign returns what is shown in place of a character. */
export function sign(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `\u27e8${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}

/** plain is foreign text for places that take a string only: titles, labels, file names. */
export function plain(text: string): string {
  return text.replace(color, "").replace(unsafe, sign);
}

/** pieces splits a line into what can be shown. */
export function pieces(line: string): Piece[] {
  const result: Piece[] = [];
  let style: string[] = [];
  let from = 0;
  for (const match of line.matchAll(color)) {
    addText(result, line.slice(from, match.index), style);
    style = applyColor(style, match[1] ?? "");
    from = match.index + match[0].length;
  }
  addText(result, line.slice(from), style);
  return result;
}

function addText(result: Piece[], text: string, style: string[]): void {
  const worn = style.length > 0 ? { style } : {};
  let from = 0;
  for (const match of text.matchAll(unsafe)) {
    if (match.index > from) result.push({ text: text.slice(from, match.index), ...worn });
    result.push({ text: sign(match[0]), mark: true, ...worn });
    from = match.index + match[0].length;
  }
  if (from < text.length) result.push({ text: text.slice(from), ...worn });
}

/** applyColor follows SGR parameters (ECMA-48 §8.3.117): the 16 colours, bold, italic, underline. Others are ignored. */
function applyColor(style: string[], parameters: string): string[] {
  let next = style;
  const codes = parameters === "" ? [0] : parameters.split(";").map(Number);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    if (code === 38 || code === 48) i += codes[i + 1] === 5 ? 2 : 4; // palette and true colour: no colour of ours
    else next = applyCode(next, code);
  }
  return next;
}

const attributes: Record<number, string> = { 1: "bold", 2: "faint", 3: "italic", 4: "underline" };
const endings: Record<number, RegExp> = { 22: /^(bold|faint)$/, 23: /^italic$/, 24: /^underline$/, 39: /^fg/, 49: /^bg/ };

function applyCode(style: string[], code: number): string[] {
  if (code === 0) return [];
  const attribute = attributes[code];
  if (attribute) return [...style, attribute];
  const ending = endings[code];
  if (ending) return style.filter((name) => !ending.test(name));
  const named = colorName(code);
  return named ? [...style.filter((name) => !name.startsWith(named.slice(0, 2))), named] : style;
}

function colorName(code: number): string | undefined {
  if (code >= 30 && code <= 37) return `fg${code - 30}`;
  if (code >= 90 && code <= 97) return `fg${code - 90 + 8}`;
  if (code >= 40 && code <= 47) return `bg${code - 40}`;
  if (code >= 100 && code <= 107) return `bg${code - 100 + 8}`;
  return undefined;
}
