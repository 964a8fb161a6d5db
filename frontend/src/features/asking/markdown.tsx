/** What a model wrote, as Markdown with its citations as links. Loaded when a model has written something. */
import { useMemo } from "react";
import Markdown from "react-markdown";
import type { Components } from "react-markdown";

import { CitationNumber } from "@/features/asking/citation-link";
import { citedNumber, citing } from "@/features/asking/cite";
import type { Citation } from "@/lib/api/client";

export default function AnswerMarkdown({
  text,
  citations,
}: {
  text: string;
  citations: readonly Citation[];
}) {
  const [plugins, components] = useMemo(() => {
    const known = new Set(citations.map(({ number }) => number));
    return [[citing(known)], links(citations)] as const;
  }, [citations]);
  return (
    // Pictures would be fetched from wherever a document names; the page fetches nothing from elsewhere.
    <Markdown remarkPlugins={[...plugins]} components={components} disallowedElements={["img"]}>
      {text}
    </Markdown>
  );
}

function links(citations: readonly Citation[]): Components {
  return {
    a: ({ href, children }) => {
      const number = citedNumber(href);
      const citation = citations.find((one) => one.number === number);
      return citation ? (
        <CitationNumber citation={citation} />
      ) : (
        <a href={href} target="_blank" rel="noreferrer">
          {children}
        </a>
      );
    },
  };
}
