/** The options of targets, by kind: what the server takes (epo.target_options), and how a form asks for them. */
import type { Json, JsonObject } from "@/lib/schema";

export const targetKinds = ["local", "ssh", "winrm"] as const;
export type TargetKind = (typeof targetKinds)[number];

export interface Option {
  key: string;
  label: string;
  help: string;
  kinds: readonly TargetKind[];
  form: "text" | "number" | "choice" | "lines" | "block";
  values?: readonly string[];
  placeholder?: string;
  /** Stands among what is rarely needed. */
  rare?: boolean;
}

const remote = ["ssh", "winrm"] as const;
const ssh = ["ssh"] as const;
const winrm = ["winrm"] as const;

export const options: readonly Option[] = [
  { key: "address", label: "Address", help: "Host name or IP address, as the agent reaches it, without port.", kinds: remote, form: "text", placeholder: "db-01.example.org" },
  { key: "port", label: "Port", help: "Empty: 22 for ssh, 5986 for winrm over https, 5985 over http.", kinds: remote, form: "number" },
  { key: "user", label: "User", help: "Whom to sign in as on the host. Windows accounts as DOMAIN\\name.", kinds: remote, form: "text" },
  { key: "identity", label: "Identity", help: "Name of the entry in the agent's identities.json that holds the secret. Empty: the entry with the target's name, then “default”.", kinds: remote, form: "text" },
  { key: "host_key", label: "Host keys", help: "Keys that the host may show, one a line: “ssh-ed25519 AAAA…” or “SHA256:…”. Empty: the agent's known_hosts decides.", kinds: ssh, form: "lines", placeholder: "ssh-ed25519 AAAA…" },
  { key: "scheme", label: "Scheme", help: "https proves the host by its certificate. Over http only ntlm encrypts.", kinds: winrm, form: "choice", values: ["https", "http"] },
  { key: "auth", label: "Sign-in", help: "ntlm, basic (https only), or a client certificate (https only).", kinds: winrm, form: "choice", values: ["ntlm", "basic", "certificate"] },
  { key: "ca", label: "Authorities to trust", help: "Certificates in PEM form. Empty: those of the agent's system.", kinds: winrm, form: "block", placeholder: "-----BEGIN CERTIFICATE-----" },
  { key: "jump", label: "Jump host", help: "user@host:port to go through.", kinds: ssh, form: "text", rare: true },
  { key: "jump_host_key", label: "Keys of the jump host", help: "One a line.", kinds: ssh, form: "lines", rare: true },
  { key: "subsystem", label: "Subsystem", help: "Of sshd; empty: powershell.", kinds: ssh, form: "text", rare: true },
  { key: "server_name", label: "Name in the certificate", help: "Empty: the address.", kinds: winrm, form: "text", rare: true },
  { key: "path", label: "Path", help: "Of the service; empty: /wsman.", kinds: winrm, form: "text", rare: true },
  { key: "configuration_name", label: "Session configuration", help: "Such as a JEA endpoint; empty: the usual one.", kinds: remote, form: "text", rare: true },
  { key: "working_directory", label: "Working directory", help: "Where scripts start; empty: one of their own, removed afterwards.", kinds: targetKinds, form: "text", rare: true },
  { key: "culture", label: "Culture", help: "Such as de-DE; empty: that of the machine.", kinds: targetKinds, form: "text", rare: true },
  { key: "ansi", label: "Escape sequences in output", help: "Not given: taken out where the target is remote.", kinds: targetKinds, form: "choice", values: ["strip", "keep"], rare: true },
  { key: "native_error", label: "A program that ends with a code other than 0", help: "Not given: no error.", kinds: targetKinds, form: "choice", values: ["ignore", "error"], rare: true },
];

export function optionsOf(kind: TargetKind): Option[] {
  return options.filter((option) => option.kinds.includes(kind));
}

/** OptionTexts is what stands in the fields, by key. */
export type OptionTexts = Readonly<Record<string, string>>;

/** textsOf shows stored options in fields. */
export function textsOf(stored: JsonObject): OptionTexts {
  return Object.fromEntries(Object.entries(stored).map(([key, value]) => [key, Array.isArray(value) ? value.map(String).join("\n") : typeof value === "string" ? value : JSON.stringify(value)]));
}

/** valuesOf is what is sent: nothing for a field that is empty, and nothing that the kind does not have. */
export function valuesOf(kind: TargetKind, texts: OptionTexts): JsonObject {
  const values: JsonObject = {};
  for (const option of optionsOf(kind)) {
    const text = (texts[option.key] ?? "").trim();
    if (text !== "") values[option.key] = valueOf(option, text);
  }
  return values;
}

function valueOf({ form }: Option, text: string): Json {
  if (form === "lines") return text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  if (form === "number") return /^\d+$/.test(text) ? Number(text) : text;
  return form === "block" ? `${text}\n` : text;
}

/** optionWords are the flags of `epo target create` and `update` for these options. */
export function optionWords(kind: TargetKind, texts: OptionTexts): string[] {
  const values = valuesOf(kind, texts);
  return Object.entries(values).flatMap(([key, value]) => {
    const flag = `--${key.replaceAll("_", "-")}`;
    if (key === "ca") return [flag, "ca.pem"];
    return (Array.isArray(value) ? value : [value]).flatMap((v) => [flag, typeof v === "string" ? v : JSON.stringify(v)]);
  });
}

/** identityFile is what to write into the agent's identities.json for a target: the shape, never a secret. */
export function identityFile(kind: TargetKind, name: string, texts: OptionTexts): string {
  const entry = (texts["identity"] ?? "").trim() || name.trim() || "default";
  const certificate = kind === "winrm" && texts["auth"] === "certificate";
  const secret = certificate ? { certificate_file: "client.pem", key_file: "client.key" } : kind === "ssh" ? { key_file: "id_ed25519" } : { password: "the password" };
  return JSON.stringify({ identities: { [entry]: secret } }, null, 2);
}
