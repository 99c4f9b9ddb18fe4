import { Fragment, type ReactNode } from "react";
import { SafeText } from "@/components/ui/SafeText";
import { stringifyExact } from "@/lib/exactJson";
import type { DefaultValue, Parameter } from "@/lib/inspection";
import { plain } from "@/lib/text";
import { plainText } from "../../api/control";
import { leftToEngine, rulesInWords } from "../../api/rules";
import css from "./parameters.module.css";

/** Description is the text beside a field: the help, then type, rules, default and other names in one line. */
export function Description({ parameter, more }: { parameter: Parameter; more?: ReactNode }) {
  const help = parameter.help ?? parameter.sets.find((s) => s.helpMessage !== null)?.helpMessage ?? null;
  const engine = leftToEngine(parameter);
  return (
    <>
      {help !== null && help !== "" && <span style={{ whiteSpace: "pre-line" }}>{lines(help)}</span>}
      {parameter.obsolete !== null && (
        <span className={css["facts"]}>
          <b>Obsolete.</b> <SafeText>{parameter.obsolete}</SafeText>
        </span>
      )}
      <span className={css["facts"]}>
        {facts(parameter).map((fact, i) => (
          <Fragment key={i}>
            {i > 0 && " · "}
            <SafeText>{fact}</SafeText>
          </Fragment>
        ))}
      </span>
      {engine.length > 0 && (
        <span className={css["facts"]}>
          PowerShell itself checks when the script starts: <SafeText>{engine.join("; ")}</SafeText>
        </span>
      )}
      {more}
    </>
  );
}

function lines(text: string): ReactNode {
  return text.split(/\r?\n/).map((line, i) => (
    <Fragment key={i}>
      {i > 0 && "\n"}
      <SafeText>{line}</SafeText>
    </Fragment>
  ));
}

function facts(parameter: Parameter): string[] {
  const given = defaultText(parameter.default);
  const aliases = parameter.aliases.length > 0 ? [`also named ${parameter.aliases.join(", ")}`] : [];
  return [parameter.type.name, ...rulesInWords(parameter), ...(given === undefined ? [] : [`default ${given === "" ? "(empty)" : given}`]), ...aliases];
}

/** defaultText is a default as the script has it; undefined where it has none. */
export function defaultText(value: DefaultValue): string | undefined {
  switch (value.kind) {
    case "none":
      return undefined;
    case "expression":
      return value.text;
    case "value":
      return plainText(value.value) ?? (value.value === null ? "$null" : (value.text ?? stringifyExact(value.value)));
  }
}

/** placeholderOf is the default as it stands in an empty field. */
export function placeholderOf(parameter: Parameter): string | undefined {
  const text = defaultText(parameter.default);
  return text === undefined || text === "" ? undefined : plain(text.split("\n")[0] ?? "").slice(0, 120);
}
