/** Where the page begins. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter } from "react-router";

import { App, assemble } from "@/app/app";
import { ROUTES, loadPages } from "@/app/routes";
import { createQueryClient } from "@/lib/api/query-client";
import { applyTheme } from "@/lib/theme";
import "@/styles.css";

const place = document.getElementById("page");
if (!place) {
  throw new Error("index.html has no element #page");
}
applyTheme();
window.addEventListener("load", () => void loadPages());
createRoot(place).render(
  <StrictMode>
    <App parts={assemble(createQueryClient())} router={createBrowserRouter(ROUTES)} />
  </StrictMode>,
);
