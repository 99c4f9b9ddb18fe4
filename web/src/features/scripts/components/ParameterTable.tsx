import { Anchor } from "@mantine/core";
import { SafeText } from "@/components/ui/SafeText";
import { Empty } from "@/components/ui/States";
import { Table, type Column } from "@/components/ui/Table";
import { JsonNumber, stringifyExact, type Exact } from "@/lib/exactJson";
import { allSets, type DefaultValue, type Inspection, type Parameter, type Validation } from "@/lib/inspection";

/** ParameterTable lists the param() block of a script. */
export function ParameterTable({ inspection, onLine }: { inspection: Inspection; onLine: (line: number) => void }) {
  const { parameters } = inspection;
  const sets = parameters.some((p) => p.sets.some((s) => s.name !== allSets));
  const columns: readonly Column<Parameter>[] = [
    { title: "Name", cell: (p) => <Name parameter={p} onLine={onLine} /> },
    { title: "Type", cell: (p) => <Mono>{p.type.name}</Mono> },
    { title: "Needed", cell: (p) => (p.mandatory ? "yes" : p.sets.some((s) => s.mandatory) ? "in a set" : <span className="epo-quiet">no</span>) },
    { title: "Default", cell: (p) => <Mono>{defaultWords(p.default)}</Mono> },
    { title: "Rules", cell: (p) => <Mono>{p.validation.map(ruleWords).filter(Boolean).join("; ")}</Mono> },
    ...(sets ? [{ title: "Sets", cell: (p: Parameter) => <SafeText>{p.sets.map((s) => (s.name === allSets ? "all" : s.name)).join(", ")}</SafeText> }] : []),
    { title: "Help", cell: (p) => (p.help ? <SafeText>{p.help}</SafeText> : <span className="epo-quiet">–</span>) },
  ];
  if (parameters.length === 0) return <Empty title={inspection.dynamic ? "None that the parser can see" : "The script has no parameters"}>{inspection.dynamic && "It makes parameters while it runs (dynamicparam)."}</Empty>;
  return <Table label="Parameters" columns={columns} rows={parameters} rowKey={(p) => p.name} />;
}

function Name({ parameter, onLine }: { parameter: Parameter; onLine: (line: number) => void }) {
  const { line } = parameter;
  return (
    <>
      {line === null ? (
        <SafeText>{parameter.name}</SafeText>
      ) : (
        <Anchor component="button" type="button" size="sm" title={`Line ${line}`} onClick={() => onLine(line)}>
          <SafeText>{parameter.name}</SafeText>
        </Anchor>
      )}
      {parameter.aliases.length > 0 && (
        <div className="epo-quiet">
          <SafeText>{parameter.aliases.join(", ")}</SafeText>
        </div>
      )}
      {parameter.obsolete !== null && <div className="epo-quiet">obsolete</div>}
    </>
  );
}

function Mono({ children }: { children: string }) {
  return children === "" ? (
    <span className="epo-quiet">–</span>
  ) : (
    <span className="epo-mono" style={{ overflowWrap: "anywhere" }}>
      <SafeText>{children}</SafeText>
    </span>
  );
}

function defaultWords(value: DefaultValue): string {
  switch (value.kind) {
    case "none":
      return "";
    case "expression":
      return value.text;
    case "value":
      return value.text ?? exactWords(value.value);
  }
}

const exactWords = (value: Exact): string => (typeof value === "string" ? `'${value}'` : value instanceof JsonNumber ? value.source : stringifyExact(value));
const edge = (value: Exact): string => (typeof value === "string" ? value : value === null ? "…" : exactWords(value));

function ruleWords(rule: Validation): string {
  switch (rule.kind) {
    case "set":
      return rule.values === null ? `one of what ${rule.generator ?? "the script"} gives` : `one of ${rule.values.slice(0, 20).map(edge).join(", ")}${rule.values.length > 20 ? ", …" : ""}`;
    case "range":
      return rule.max === null ? edge(rule.min) : `${edge(rule.min)} to ${edge(rule.max)}`;
    case "length":
      return `${edge(rule.min)} to ${edge(rule.max)} characters`;
    case "count":
      return `${edge(rule.min)} to ${edge(rule.max)} values`;
    case "pattern":
      return `matches ${rule.pattern}`;
    case "script":
    case "other":
      return rule.text;
    case "notNull":
      return "not null";
    case "notNullOrEmpty":
      return "not empty";
    case "notNullOrWhiteSpace":
      return "not blank";
  }
}
