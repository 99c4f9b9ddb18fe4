// Lint rules of this house: how modules may depend on each other. app → features → shared (components, lib).
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../src");

/** place tells the layer of a file, and the feature it belongs to. */
function place(file) {
  const [layer, feature] = path.relative(root, file).split(path.sep);
  return { layer, feature: layer === "features" ? feature : undefined };
}

function resolve(from, source) {
  if (source.startsWith("@/")) return path.join(root, source.slice(2));
  if (source.startsWith(".")) return path.resolve(path.dirname(from), source);
  return undefined;
}

const allowed = {
  app: ["app", "features", "components", "lib"],
  features: ["features", "components", "lib"],
  components: ["components", "lib"],
  lib: ["lib"],
};

const importArrows = {
  meta: { type: "problem", messages: { layer: "{{from}} must not import {{to}}", feature: "feature {{from}} must not import feature {{to}}: compose them in app" } },
  create(context) {
    const file = context.filename;
    const from = place(file);
    if (/\.test\.tsx?$/.test(file) || !allowed[from.layer]) return {};
    return {
      ImportDeclaration(node) {
        const target = resolve(file, node.source.value);
        if (!target) return;
        const to = place(target);
        if (!allowed[from.layer].includes(to.layer)) context.report({ node, messageId: "layer", data: { from: from.layer, to: to.layer } });
        if (from.feature && to.feature && from.feature !== to.feature)
          context.report({ node, messageId: "feature", data: { from: from.feature, to: to.feature } });
      },
    };
  },
};

const noBarrel = {
  meta: { type: "problem", messages: { barrel: "no barrel files: import a thing from the file that has it" } },
  create: (context) => ({
    ExportAllDeclaration: (node) => context.report({ node, messageId: "barrel" }),
    "ExportNamedDeclaration[source]": (node) => context.report({ node, messageId: "barrel" }),
  }),
};

const oneRequestWay = {
  meta: { type: "problem", messages: { fetch: "components never call fetch: write the request into a file of the feature's api folder" } },
  create: (context) => {
    if (path.relative(root, context.filename).startsWith("lib")) return {};
    return { "CallExpression[callee.name='fetch']": (node) => context.report({ node, messageId: "fetch" }) };
  },
};

export default { rules: { "import-arrows": importArrows, "no-barrel": noBarrel, "one-request-way": oneRequestWay } };
