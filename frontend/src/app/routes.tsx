/** Which address shows which page. Pages but the first are loaded after it, or when they are shown. */
import type { RouteObject } from "react-router";
import { Link, Navigate } from "react-router";

import { Crash } from "@/app/crash";
import { Gate } from "@/app/gate";
import { Shell } from "@/app/shell";
import { buttonLook } from "@/components/button";
import { Page } from "@/components/page";
import { AskPage } from "@/features/asking/ask-page";
import { HistoryPage } from "@/features/asking/history";

export const ROUTES: RouteObject[] = [
  {
    element: (
      <Gate>
        <Shell />
      </Gate>
    ),
    errorElement: <Crash />,
    hydrateFallbackElement: <></>,
    children: [
      {
        errorElement: <Crash />,
        children: [
          { path: "/", element: <AskPage /> },
          { path: "/ask", element: <Navigate to="/" replace /> },
          { path: "/ask/:sessionId", element: <AskPage /> },
          { path: "/history", element: <HistoryPage /> },
          { path: "/documents", lazy: documents },
          { path: "/documents/:documentId", lazy: document },
          { path: "/status", lazy: health },
          { path: "*", element: <NotFound /> },
        ],
      },
    ],
  },
];

/** Load the pages that were not shown yet, so that they are there when the server is not. */
export async function loadPages(): Promise<void> {
  await Promise.allSettled([documents(), document(), health()]);
}

async function documents() {
  const { DocumentsPage } = await import("@/features/documents/documents-page");
  return { Component: DocumentsPage };
}

async function document() {
  const { DocumentPage } = await import("@/features/documents/document-page");
  return { Component: DocumentPage };
}

async function health() {
  const { HealthPage } = await import("@/features/health/health-page");
  return { Component: HealthPage };
}

function NotFound() {
  return (
    <Page title="There is nothing here" lead="The address names no page of Synapse.">
      <Link to="/" className={`${buttonLook("plain")} self-start`}>
        Ask a question
      </Link>
    </Page>
  );
}
