import { useEffect, type ReactNode } from "react";
import { plain } from "@/lib/text";
import { SafeText } from "./SafeText";
import css from "./Page.module.css";

interface PageProps {
  title: string;
  /** Where this page hangs: links to what is above it. */
  above?: ReactNode;
  /** Beside the title. */
  badge?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** Page is the frame of every page: its title is also the title of the browser's tab. */
export function Page({ title, above, badge, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${plain(title)} · EPO`;
  }, [title]);
  return (
    <div className={css["page"]}>
      <div className={css["head"]}>
        <div>
          {above && <div className={css["crumbs"]}>{above}</div>}
          <h1 className={css["title"]}>
            <SafeText>{title}</SafeText> {badge}
          </h1>
        </div>
        {actions && <div className={css["actions"]}>{actions}</div>}
      </div>
      {children}
    </div>
  );
}

interface PanelProps {
  title?: string;
  /** What the panel is, where it shows no title. */
  label?: string;
  side?: ReactNode;
  padded?: boolean;
  children: ReactNode;
}

/** Panel is a box of a page with a heading of its own. */
export function Panel({ title, label, side, padded = false, children }: PanelProps) {
  return (
    <section className={css["panel"]} aria-label={title ?? label}>
      {(title !== undefined || side !== undefined) && (
        <div className={css["panelHead"]}>
          {title !== undefined && <h2 className={css["panelTitle"]}>{title}</h2>}
          {side}
        </div>
      )}
      <div className={padded ? css["padded"] : undefined}>{children}</div>
    </section>
  );
}
