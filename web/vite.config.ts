import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The server that `npm run dev` talks to.
const server = process.env["EPO_URL"] ?? "http://127.0.0.1:7070";
const proxied = ["/api", "/auth", "/events", "/log", "/healthz", "/readyz", "/version"];

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { proxy: Object.fromEntries(proxied.map((path) => [path, { target: server, changeOrigin: true, headers: { origin: server } }])) },
  build: {
    target: "es2023",
    assetsInlineLimit: 0, // a data: address would need a hole in the content security policy
    modulePreload: { polyfill: false },
    sourcemap: false,
    rollupOptions: {
      output: { entryFileNames: "assets/[name]-[hash].js", chunkFileNames: "assets/[name]-[hash].js", assetFileNames: "assets/[name]-[hash][extname]" },
    },
  },
  test: {
    environment: "jsdom",
    environmentOptions: { jsdom: { url: "http://epo.test/" } },
    setupFiles: ["src/testing/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    css: false,
    restoreMocks: true,
    testTimeout: 60_000, // a machine that does much else is no failure
    expect: { poll: { timeout: 20_000 } },
  },
});
