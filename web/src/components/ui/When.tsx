import { useNow } from "@/lib/now";
import { useZone } from "@/lib/preferences";
import { ago, duration, stamp } from "@/lib/time";

interface WhenProps {
  at: string | null;
  /** Show the distance to now instead of the time itself; the time is in the tooltip. */
  relative?: boolean;
}

/** When shows a time in the zone the user chose; both zones are in the tooltip. */
export function When({ at, relative = false }: WhenProps) {
  const zone = useZone();
  if (at === null) return <span className="epo-quiet">–</span>;
  const title = `${stamp(at, "local", true)} local · ${stamp(at, "utc", true)}`;
  return (
    <time dateTime={at} title={title}>
      {relative ? <Ago at={at} /> : stamp(at, zone)}
    </time>
  );
}

function Ago({ at }: { at: string }) {
  return ago(at, useNow());
}

/** Took shows how long something took, counting while it has no end. */
export function Took({ from, to }: { from: string | null; to: string | null }) {
  if (from === null) return <span className="epo-quiet">–</span>;
  return to === null ? <Counting from={from} /> : duration(from, to);
}

function Counting({ from }: { from: string }) {
  return duration(from, useNow());
}
