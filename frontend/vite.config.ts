/** How the page is built and served: one hashed bundle in `dist/`, and a development server that proxies to the backend. */
import { fileURLToPath } from "node:url";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";
import type { ProxyOptions } from "vite";

/** The same policy that nginx and the backend send, so that a preview breaks where production would. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** The page always speaks to its own origin; these paths are the backend's. Host stays the browser's. */
function backend(environment: Record<string, string>): Record<string, ProxyOptions> {
  const http = environment["VITE_API_URL"] ?? "http://127.0.0.1:8000";
  const socket = environment["VITE_WS_URL"] ?? http.replace(/^http/, "ws");
  return {
    "/api": { target: http },
    "/health": { target: http },
    "/ws": { target: socket, ws: true },
  };
}

export default defineConfig(({ mode }) => {
  const proxy = backend(loadEnv(mode, process.cwd(), "VITE_"));
  return {
    plugins: [react(), tailwindcss()],
    resolve: { alias: { "@": fileURLToPath(new URL("src", import.meta.url)) } },
    server: { port: 5173, strictPort: true, proxy },
    preview: {
      port: 4173,
      strictPort: true,
      proxy,
      headers: { "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff" },
    },
    build: {
      // Nothing inline: whatever the page needs is a file of its own that the policy can name.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  };
});
