/** What a conversation is made of: turns that the service keeps, and turns that are being answered here. */
import type { Answer, Citation, Turn } from "@/lib/api/client";
import type { Problem } from "@/lib/api/problem";

/** What the stream of an answer says, in its own words. */
export type StreamEvent =
  | { kind: "citations"; citations: readonly Citation[] }
  | { kind: "delta"; text: string }
  | { kind: "restarted"; reason: string }
  | { kind: "answer"; answer: Answer }
  | { kind: "error"; problem: Problem };

export type Stage = "searching" | "writing" | "done" | "stopped" | "failed";

/** A question that was asked on this page, and what has come of its answer. */
export interface LiveTurn {
  readonly question: string;
  readonly asked: string;
  readonly stage: Stage;
  readonly text: string;
  readonly citations: readonly Citation[];
  readonly notes: readonly string[];
  readonly model: string | null;
  readonly problem?: Problem;
}

export function begun(question: string, asked: Date): LiveTurn {
  return {
    question,
    asked: asked.toISOString(),
    stage: "searching",
    text: "",
    citations: [],
    notes: [],
    model: null,
  };
}

export function isRunning(turn: LiveTurn): boolean {
  return turn.stage === "searching" || turn.stage === "writing";
}

/** The turn after an event. */
export function after(turn: LiveTurn, event: StreamEvent): LiveTurn {
  switch (event.kind) {
    case "citations":
      return { ...turn, citations: event.citations };
    case "delta":
      return { ...turn, stage: "writing", text: turn.text + event.text };
    case "restarted":
      return { ...turn, text: "" };
    case "answer": {
      const { text, citations, notes, model } = event.answer;
      return { ...turn, stage: "done", text, citations, notes, model };
    }
    case "error":
      return { ...turn, stage: "failed", problem: event.problem };
  }
}

/** The live turns that are not among the kept ones; a finished one may have been loaded since. */
export function notKept(kept: readonly Turn[], live: readonly LiveTurn[]): readonly LiveTurn[] {
  const seen = new Set(kept.map((turn) => JSON.stringify([turn.question, turn.answer])));
  return live.filter(
    (turn) => turn.stage !== "done" || !seen.has(JSON.stringify([turn.question, turn.text])),
  );
}
