/** Recognises an answer that only quotes, so that it is shown as quotations and never read as Markdown. */
import type { Citation } from "@/lib/api/client";

export interface Quote {
  readonly text: string;
  readonly citation: Citation;
}

const QUOTE = /^(?<text>[\s\S]*\S) \[(?<number>\d+)\]$/;

/** The quotations of an answer; undefined when any part of it is not, word by word, from the passage it cites. */
export function quotesOf(answer: string, citations: readonly Citation[]): readonly Quote[] | undefined {
  const quotes: Quote[] = [];
  for (const part of answer.split("\n\n")) {
    const found = QUOTE.exec(part)?.groups;
    const citation = citations.find(({ number }) => number === Number(found?.["number"]));
    const text = found?.["text"] ?? "";
    if (!citation || !squeezed(citation.passage).includes(squeezed(text))) {
      return undefined;
    }
    quotes.push({ text, citation });
  }
  return quotes;
}

/** The backend joins what it quotes with single spaces. */
function squeezed(text: string): string {
  return text.split(/\s+/).filter(Boolean).join(" ");
}
