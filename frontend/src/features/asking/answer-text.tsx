/** The text of an answer: quotations as quotations, what a model wrote as Markdown. */
import { Suspense, lazy } from "react";

import { CitationLink, CitationNumber } from "@/features/asking/citation-link";
import { quotesOf } from "@/features/asking/quotes";
import type { Quote } from "@/features/asking/quotes";
import type { Citation } from "@/lib/api/client";

const AnswerMarkdown = lazy(() => import("@/features/asking/markdown"));

export function AnswerText({ text, citations }: { text: string; citations: readonly Citation[] }) {
  const quotes = quotesOf(text, citations);
  if (quotes) {
    return <Quotes quotes={quotes} />;
  }
  return (
    <div className="prose leading-[1.7]">
      <Suspense fallback={<p className="whitespace-pre-wrap">{text}</p>}>
        <AnswerMarkdown text={text} citations={citations} />
      </Suspense>
    </div>
  );
}

function Quotes({ quotes }: { quotes: readonly Quote[] }) {
  return (
    <div className="flex flex-col gap-5">
      {quotes.map(({ text, citation }) => (
        <figure key={citation.number} className="border-accent/45 border-l-2 pl-4">
          <blockquote className="leading-[1.7]">
            {text} <CitationNumber citation={citation} />
          </blockquote>
          <figcaption className="mt-1 text-sm">
            <CitationLink
              citation={citation}
              className="text-soft hover:text-accent inline-block py-0.5 underline-offset-2 hover:underline"
            >
              {citation.title}
            </CitationLink>
          </figcaption>
        </figure>
      ))}
    </div>
  );
}
