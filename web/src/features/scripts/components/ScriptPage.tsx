import { Tabs } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ButtonLink } from "@/components/ui/ButtonLink";
import { Data } from "@/components/ui/Data";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { Empty } from "@/components/ui/States";
import { useMay } from "@/lib/roles";
import type { Script } from "@/lib/schema";
import { useScript } from "../api/getScript";
import { InspectionTab } from "./InspectionTab";
import { SourceTab } from "./SourceTab";
import { VersionsTab } from "./VersionsTab";
import { DifferenceTab } from "./DifferenceTab";

export const scriptTabs = ["source", "inspection", "versions", "difference", "runs"] as const;
export type ScriptTab = (typeof scriptTabs)[number];

export interface ScriptView {
  tab: ScriptTab;
  /** Version numbers: the one shown, and the two that are compared. */
  version?: number | undefined;
  from?: number | undefined;
  to?: number | undefined;
  /** A line of the source that a link leads to. */
  line?: number | undefined;
}

interface Props {
  scriptId: string;
  view: ScriptView;
  onView: (view: ScriptView) => void;
  /** The runs of this script: another feature, given by the application. */
  runs: ReactNode;
}

/** ScriptPage shows one script; the tab and the versions looked at are in the address. */
export function ScriptPage({ scriptId, view, onView, runs }: Props) {
  const query = useScript(scriptId);
  const operate = useMay("operate");
  const name = query.data?.name ?? "Script";
  return (
    <Page title={name} above={<Link to="/scripts">Scripts</Link>} actions={operate && query.data && <Actions script={query.data} />}>
      <Data query={query}>
        {(script) => (
          <>
            {script.description && (
              <div className="epo-quiet">
                <SafeText>{script.description}</SafeText>
              </div>
            )}
            <Panel>
              <Tabs value={view.tab} onChange={(tab) => onView({ ...view, line: undefined, tab: (tab ?? "source") as ScriptTab })} keepMounted={false}>
                <Tabs.List aria-label="Script">
                  <Tabs.Tab value="source">Source</Tabs.Tab>
                  <Tabs.Tab value="inspection">Parameters</Tabs.Tab>
                  <Tabs.Tab value="versions">Versions</Tabs.Tab>
                  <Tabs.Tab value="difference">Difference</Tabs.Tab>
                  <Tabs.Tab value="runs">Runs</Tabs.Tab>
                </Tabs.List>
                <Tabs.Panel value="source">{script.latest_version_id ? <SourceTab script={script} view={view} onView={onView} /> : <Empty title="No version yet" />}</Tabs.Panel>
                <Tabs.Panel value="inspection">
                  <InspectionTab script={script} view={view} onView={onView} />
                </Tabs.Panel>
                <Tabs.Panel value="versions">
                  <VersionsTab script={script} view={view} onView={onView} />
                </Tabs.Panel>
                <Tabs.Panel value="difference">
                  <DifferenceTab script={script} view={view} onView={onView} />
                </Tabs.Panel>
                <Tabs.Panel value="runs">{runs}</Tabs.Panel>
              </Tabs>
            </Panel>
          </>
        )}
      </Data>
    </Page>
  );
}

function Actions({ script }: { script: Script }) {
  const params = { scriptId: script.id };
  return (
    <>
      <ButtonLink variant="default" to="/scripts/$scriptId/push" params={params}>
        New version
      </ButtonLink>
      {script.latest_version_id !== null && (
        <ButtonLink to="/scripts/$scriptId/run" params={params}>
          Run…
        </ButtonLink>
      )}
    </>
  );
}
