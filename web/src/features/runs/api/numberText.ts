/** Numbers as text, with all their digits: what a person types, what JSON writes, and how two of them compare. */

const integer = /^([+-]?)0*(\d+)$/;
const decimal = /^([+-]?)(?:0*(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/;

/** wholeSource is a typed whole number as JSON writes it. */
export function wholeSource(text: string): string | undefined {
  const found = integer.exec(text.trim());
  if (!found) return undefined;
  const digits = found[2] ?? "0";
  return found[1] === "-" && digits !== "0" ? `-${digits}` : digits;
}

/** decimalSource is a typed number as JSON writes it: ".5" is 0.5, "5." is 5. */
export function decimalSource(text: string): string | undefined {
  const found = decimal.exec(text.trim());
  if (!found) return undefined;
  const [, sign, whole = "0", tail, head, exponent] = found;
  const fraction = tail ?? head ?? "";
  const number = `${whole}${fraction && `.${fraction}`}${exponent === undefined ? "" : `e${exponent.replace("+", "")}`}`;
  return sign === "-" ? `-${number}` : number;
}

/** compareNumbers: negative where a is less than b; undefined where one is no number. Digits count, doubles do not. */
export function compareNumbers(a: string, b: string): number | undefined {
  const x = scaled(a);
  const y = scaled(b);
  if (!x || !y) return undefined;
  const exponent = Math.min(x.exponent, y.exponent);
  if (Math.max(x.exponent, y.exponent) - exponent > 5_000) return Math.sign(Number(a) - Number(b));
  const difference = x.digits * 10n ** BigInt(x.exponent - exponent) - y.digits * 10n ** BigInt(y.exponent - exponent);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function scaled(text: string): { digits: bigint; exponent: number } | undefined {
  const source = decimalSource(text);
  const found = source === undefined ? undefined : /^(-?\d+)(?:\.(\d+))?(?:e(-?\d+))?$/.exec(source);
  if (!found) return undefined;
  const [, whole = "0", fraction = "", exponent = "0"] = found;
  const digits = BigInt(whole + fraction);
  return { digits, exponent: digits === 0n ? 0 : Number(exponent) - fraction.length };
}
