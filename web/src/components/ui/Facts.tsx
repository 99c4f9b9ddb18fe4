import type { ReactNode } from "react";
import css from "./Facts.module.css";

/** Facts is a list of names and values. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ReactNode, wide?: boolean])[] }) {
  return (
    <dl className={css["facts"]}>
      {facts.map(([name, value, wide]) => (
        <div key={name} className={wide ? css["wide"] : undefined}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
