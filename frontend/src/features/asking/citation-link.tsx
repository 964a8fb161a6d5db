/** A link to a cited passage. It opens beside the answer; in a new tab it opens as a page of its own. */
import { createContext, useContext } from "react";
import type { ReactNode } from "react";

import type { Citation } from "@/lib/api/client";
import { documentPath } from "@/lib/api/documents";

const Context = createContext<(citation: Citation) => void>(() => undefined);
export const OpenCitationProvider = Context.Provider;

interface CitationLinkProps {
  citation: Citation;
  className: string;
  children: ReactNode;
  label?: string;
}

export function CitationLink({ citation, className, children, label }: CitationLinkProps) {
  const open = useContext(Context);
  return (
    <a
      href={documentPath(citation.document_id, citation)}
      className={className}
      aria-label={label}
      onClick={(event) => {
        if (!event.metaKey && !event.ctrlKey && !event.shiftKey) {
          event.preventDefault();
          open(citation);
        }
      }}
    >
      {children}
    </a>
  );
}

/** The small number in a text. */
export function CitationNumber({ citation }: { citation: Citation }) {
  return (
    <CitationLink
      citation={citation}
      label={`Source ${citation.number}: ${citation.title}`}
      className="bg-accent-soft! text-accent! hover:bg-accent! hover:text-on-accent! relative -top-0.5 mx-0.5 inline-flex h-5 min-w-5 items-center justify-center rounded-md px-1 align-baseline text-xs font-semibold no-underline! tabular-nums after:absolute after:-inset-1.5"
    >
      {citation.number}
    </CitationLink>
  );
}
