/** The passages that an answer rests on, folded until somebody wants them. */
import { CitationLink } from "@/features/asking/citation-link";
import type { Citation } from "@/lib/api/client";
import { counted } from "@/lib/words";

export function Sources({ citations }: { citations: readonly Citation[] }) {
  if (citations.length === 0) {
    return null;
  }
  return (
    <details className="group">
      <summary className="text-soft hover:text-ink inline-flex min-h-9 items-center gap-1.5 rounded-md text-sm font-medium">
        {counted(citations.length, "source")}
        <span aria-hidden="true" className="transition-transform group-open:rotate-90">
          ›
        </span>
      </summary>
      <ol className="mt-2 grid gap-2">
        {citations.map((citation) => (
          <li key={citation.number}>
            <CitationLink
              citation={citation}
              className="border-line bg-surface hover:border-edge grid grid-cols-[auto_1fr] gap-x-3 rounded-xl border px-3.5 py-2.5 transition-colors"
            >
              <span className="text-accent text-sm font-semibold tabular-nums">{citation.number}</span>
              <span className="min-w-0">
                <span className="block truncate text-sm font-medium">{citation.title}</span>
                <span className="text-soft mt-0.5 line-clamp-2 text-sm leading-snug">{citation.passage}</span>
              </span>
            </CitationLink>
          </li>
        ))}
      </ol>
    </details>
  );
}
