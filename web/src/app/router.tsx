/** The addresses of the console. Pages are loaded when they are first looked at. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Empty, Failure, Loading } from "@/components/ui/States";
import { listOf, oneOf, parseSearch, stringifySearch, text, whole, type Search } from "./search";
import { Shell } from "./Shell";

const scriptTabs = ["source", "inspection", "versions", "difference", "runs"] as const;
const targetTabs = ["log", "objects"] as const;
const streams = ["output", "object", "error", "warning", "verbose", "debug", "information", "progress", "host", "system"] as const;

/** optional makes each part of the address one that may be left out. */
const optional =
  <T extends object>(read: (s: Search) => T) =>
  (s: Search): Partial<T> =>
    read(s);

const root = createRootRoute({ component: Shell });

const home = createRoute({ getParentRoute: () => root, path: "/", component: lazyRouteComponent(() => import("./routes/home"), "HomeRoute") });

const scripts = createRoute({
  getParentRoute: () => root,
  path: "/scripts",
  validateSearch: optional((s) => ({ q: text(s["q"]) })),
  component: lazyRouteComponent(() => import("./routes/scripts"), "ScriptsRoute"),
});
const newScript = createRoute({ getParentRoute: () => root, path: "/scripts/new", component: lazyRouteComponent(() => import("./routes/scripts"), "NewScriptRoute") });
const script = createRoute({
  getParentRoute: () => root,
  path: "/scripts/$scriptId",
  validateSearch: optional((s) => ({ tab: oneOf(s["tab"], scriptTabs), version: whole(s["version"]), from: whole(s["from"]), to: whole(s["to"]), line: whole(s["line"]) })),
  component: lazyRouteComponent(() => import("./routes/scripts"), "ScriptRoute"),
});
const pushScript = createRoute({ getParentRoute: () => root, path: "/scripts/$scriptId/push", component: lazyRouteComponent(() => import("./routes/scripts"), "PushScriptRoute") });
const runScript = createRoute({
  getParentRoute: () => root,
  path: "/scripts/$scriptId/run",
  validateSearch: optional((s) => ({ like: text(s["like"]) })),
  component: lazyRouteComponent(() => import("./routes/runForm"), "RunFormRoute"),
});

const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  validateSearch: optional((s) => ({ state: text(s["state"]), script: text(s["script"]), by: text(s["by"]) })),
  component: lazyRouteComponent(() => import("./routes/runs"), "RunsRoute"),
});
const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$runId",
  validateSearch: optional((s) => ({
    target: text(s["target"]),
    attempt: whole(s["attempt"]),
    tab: oneOf(s["tab"], targetTabs),
    streams: listOf(s["streams"], streams),
    find: text(s["find"]),
    only: whole(s["only"]) === 1 || s["only"] === true ? true : undefined,
    line: whole(s["line"]),
  })),
  component: lazyRouteComponent(() => import("./routes/runs"), "RunRoute"),
});

const targets = createRoute({
  getParentRoute: () => root,
  path: "/targets",
  validateSearch: optional((s) => ({ q: text(s["q"]) })),
  component: lazyRouteComponent(() => import("./routes/inventory"), "TargetsRoute"),
});
const target = createRoute({ getParentRoute: () => root, path: "/targets/$targetId", component: lazyRouteComponent(() => import("./routes/inventory"), "TargetRoute") });
const agents = createRoute({ getParentRoute: () => root, path: "/agents", component: lazyRouteComponent(() => import("./routes/inventory"), "AgentsRoute") });
const users = createRoute({ getParentRoute: () => root, path: "/users", component: lazyRouteComponent(() => import("./routes/admin"), "UsersRoute") });
const audit = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  validateSearch: optional((s) => ({ action: text(s["action"]), table: text(s["table"]), actor: text(s["actor"]), request: text(s["request"]) })),
  component: lazyRouteComponent(() => import("./routes/admin"), "AuditRoute"),
});

const routeTree = root.addChildren([home, scripts, newScript, script, pushScript, runScript, runs, run, targets, target, agents, users, audit]);

export function newRouter() {
  return createRouter({
    routeTree,
    parseSearch,
    stringifySearch: (search) => stringifySearch(search),
    defaultPreload: "intent",
    scrollRestoration: true,
    defaultPendingComponent: () => <Loading />,
    defaultErrorComponent: ({ error, reset }) => <Failure error={error} retry={reset} />,
    defaultNotFoundComponent: () => <Empty title="There is no such page" />,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
