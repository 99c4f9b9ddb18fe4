import { lazy, Suspense } from "react";
import { plain } from "@/lib/text";
import { Loading } from "./States";
import css from "./Code.module.css";

/** CodeMark is a place in the source that something is said about. Lines and columns start with 1; the end is not included. */
export interface CodeMark {
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
  message: string;
  tone: "bad" | "warn";
}

export interface CodeProps {
  value: string;
  label: string;
  /** Makes the text writable. */
  onChange?: (value: string) => void;
  marks?: readonly CodeMark[];
  /** A line to scroll to and to set off. */
  line?: number | undefined;
}

export interface CodeDifferenceProps {
  before: string;
  after: string;
  label: string;
}

const View = lazy(() => import("./CodeMirrorView"));
const Merge = lazy(() => import("./CodeMergeView"));

/** Code shows PowerShell source with highlighting, or lets it be written. */
export function Code(props: CodeProps) {
  return (
    <div className={css["box"]}>
      <Suspense fallback={<Loading rows={4} label="Loading the source view" />}>
        <View {...props} />
      </Suspense>
    </div>
  );
}

/** CodeDifference shows what changed between two texts. */
export function CodeDifference(props: CodeDifferenceProps) {
  return (
    <div className={css["box"]}>
      <Suspense fallback={<Loading rows={4} label="Loading the difference view" />}>
        <Merge {...props} />
      </Suspense>
    </div>
  );
}

/** PlainCode shows JSON and other text without an editor. */
export function PlainCode({ value, label }: { value: string; label: string }) {
  return (
    <div className={css["box"]} role="region" aria-label={label} tabIndex={0}>
      <pre className={css["plain"]} dir="ltr">
        {value.split("\n").map(plain).join("\n")}
      </pre>
    </div>
  );
}
