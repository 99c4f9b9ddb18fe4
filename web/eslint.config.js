import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";
import house from "./build/house-rules.js";

export default tseslint.config(
  { ignores: ["dist", "node_modules", "e2e/out"] },
  {
    files: ["src/**/*.{ts,tsx}", "vite.config.ts"],
    extends: [...tseslint.configs.recommendedTypeChecked],
    plugins: { "react-hooks": hooks, house },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "house/import-arrows": "error",
      "house/no-barrel": "error",
      "house/one-request-way": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      // React wants event handlers that return nothing; an async handler here always handles its own errors.
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      // The router throws redirects and not-found markers, which are no errors by design.
      "@typescript-eslint/only-throw-error": "off",
    },
  },
  { files: ["src/**/components/**/*.tsx", "src/app/**/*.tsx"], ignores: ["**/*.test.tsx"], rules: { "max-lines": ["error", 200] } },
);
