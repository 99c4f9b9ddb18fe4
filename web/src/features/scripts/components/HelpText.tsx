import { PlainCode } from "@/components/ui/Code";
import { SafeText } from "@/components/ui/SafeText";
import type { ScriptHelp } from "@/lib/inspection";

/** HelpText is the comment-based help of a script. */
export function HelpText({ help }: { help: ScriptHelp | null }) {
  if (help === null) return null;
  const { synopsis, description, examples, notes, links } = help;
  return (
    <section aria-label="Help">
      <h3 style={{ margin: "0 0 0.3rem", fontSize: "1rem" }}>Help</h3>
      {synopsis !== null && <Lines text={synopsis} />}
      {description !== null && <Lines text={description} />}
      {examples.length > 0 && (
        <details>
          <summary>Examples: {examples.length}</summary>
          {examples.map((example, i) => (
            <PlainCode key={i} label={`Example ${i + 1}`} value={example} />
          ))}
        </details>
      )}
      {notes !== null && <Lines text={notes} />}
      {links.length > 0 && (
        // As text: an address that a script names is no link of ours.
        <div className="epo-mono" style={{ overflowWrap: "anywhere" }}>
          <SafeText>{links.join("  ")}</SafeText>
        </div>
      )}
    </section>
  );
}

function Lines({ text }: { text: string }) {
  return (
    <p style={{ margin: "0 0 0.4rem", maxWidth: "48rem" }}>
      {text.split(/\r?\n/).map((line, i) => (
        <span key={i}>
          {i > 0 && <br />}
          <SafeText>{line}</SafeText>
        </span>
      ))}
    </p>
  );
}
