/** The parameters that every advanced script has, as the form asks for them. */
import { allSets, type Inspection, type Parameter } from "@/lib/inspection";

function common(name: string, aliases: string[], help: string, choices?: string[]): Parameter {
  return {
    name,
    type: { name: choices ? "ActionPreference" : "switch", resolved: choices ? "System.Management.Automation.ActionPreference" : "System.Management.Automation.SwitchParameter", array: false, nullable: false, enum: choices ?? [] },
    mandatory: false,
    position: null,
    aliases,
    switch: choices === undefined,
    hidden: false,
    help,
    default: { kind: "none" },
    sets: [{ name: allSets, mandatory: false, position: null, remaining: false, helpMessage: null }],
    validation: [],
    allow: [],
    completions: [],
    obsolete: null,
    credential: false,
    line: null,
  };
}

const preferences = ["Continue", "SilentlyContinue", "Stop", "Ignore"];

const always: readonly Parameter[] = [
  common("Verbose", ["vb"], "Shows what the script says with Write-Verbose."),
  common("Debug", ["db"], "Shows what the script says with Write-Debug."),
  common("ErrorAction", ["ea"], "What happens at an error that does not end the script.", preferences),
  common("WarningAction", ["wa"], "What happens at a warning.", preferences),
  common("InformationAction", ["infa"], "What happens with Write-Information.", preferences),
  common("ProgressAction", ["proga"], "What happens with Write-Progress.", preferences),
];

/** Names that an advanced script knows too; no form asks for them. */
const unasked = ["ErrorVariable", "ev", "WarningVariable", "wv", "InformationVariable", "iv", "OutVariable", "ov", "OutBuffer", "ob", "PipelineVariable", "pv"];

const process: readonly Parameter[] = [
  common("WhatIf", ["wi"], "The script says what it would change, and changes nothing."),
  common("Confirm", ["cf"], "The script asks before a change. Nobody can answer in a run, so set this to false to go on without the question."),
];

export function commonParameters(inspection: Inspection): readonly Parameter[] {
  if (!inspection.advanced) return [];
  const own = new Set(inspection.parameters.map((p) => p.name.toLowerCase()));
  return [...(inspection.shouldProcess ? process : []), ...always].filter((p) => !own.has(p.name.toLowerCase()));
}

/** isUnaskedName: known to an advanced script although the form has no field for it. */
export function isUnaskedName(inspection: Inspection, name: string): boolean {
  return inspection.advanced && unasked.some((n) => n.toLowerCase() === name.toLowerCase());
}
