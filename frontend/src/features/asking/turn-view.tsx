/** One question with its answer, whether it is kept, just coming, or failed. */
import { RotateCcw } from "lucide-react";
import type { ReactNode } from "react";

import { Ago } from "@/components/ago";
import { Button } from "@/components/button";
import { Notice, ProblemNotice } from "@/components/notice";
import { Said } from "@/components/said";
import { AnswerText } from "@/features/asking/answer-text";
import { Sources } from "@/features/asking/sources";
import type { LiveTurn } from "@/features/asking/turns";
import { isRunning } from "@/features/asking/turns";
import type { Turn } from "@/lib/api/client";

export function KeptTurn({ turn }: { turn: Turn }) {
  return (
    <Frame question={turn.question}>
      <AnswerText text={turn.answer} citations={turn.citations} />
      <Byline asked={turn.asked} model={turn.model} />
      <Sources citations={turn.citations} />
    </Frame>
  );
}

/** `onAgain` is given for the last turn alone: an earlier one cannot be asked again in its place. */
export function LiveTurnView({ turn, onAgain }: { turn: LiveTurn; onAgain?: (() => void) | undefined }) {
  return (
    <Frame question={turn.question} busy={isRunning(turn)}>
      {turn.text && <AnswerText text={turn.text} citations={turn.citations} />}
      <Progress turn={turn} />
      {turn.stage === "done" && <Byline asked={turn.asked} model={turn.model} />}
      {turn.notes.map((note) => (
        <Notice key={note} kind="remark">
          <Said>{note}</Said>
        </Notice>
      ))}
      {turn.stage === "stopped" && (
        <Notice kind="remark">You stopped this answer, so it is not kept in the conversation.</Notice>
      )}
      {turn.problem && <ProblemNotice problem={turn.problem} />}
      {(turn.stage === "stopped" || turn.stage === "failed") && onAgain && (
        <Button onClick={onAgain} className="self-start">
          <RotateCcw className="size-4" aria-hidden="true" /> Ask again
        </Button>
      )}
      <Sources citations={turn.citations} />
    </Frame>
  );
}

interface FrameProps {
  question: string;
  busy?: boolean;
  children: ReactNode;
}

function Frame({ question, busy, children }: FrameProps) {
  return (
    <article aria-busy={busy} className="animate-appear flex scroll-mt-6 flex-col gap-4">
      <h2 className="text-xl leading-snug font-semibold tracking-tight whitespace-pre-wrap">{question}</h2>
      {children}
    </article>
  );
}

function Byline({ asked, model }: { asked: string; model?: string | null }) {
  return (
    <p className="text-soft text-sm">
      {model && <>Written by {model} · </>}
      <Ago at={asked} />
    </p>
  );
}

const SAID = {
  searching: "Searching your documents…",
  reading: "Reading what was found…",
  writing: "Writing…",
  done: "Answered",
  stopped: "Stopped",
  failed: "",
};

function Progress({ turn }: { turn: LiveTurn }) {
  const found = turn.stage === "searching" && turn.citations.length > 0;
  return (
    <p role="status" className={isRunning(turn) ? "text-soft animate-pulse text-sm" : "sr-only"}>
      {SAID[found ? "reading" : turn.stage]}
    </p>
  );
}
