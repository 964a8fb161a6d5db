/** A session: its turns, and the box to go on in. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link } from "react-router";

import { buttonLook } from "@/components/button";
import { ErrorNotice, Notice } from "@/components/notice";
import { COLUMN, Loading } from "@/components/page";
import { CitedPassage } from "@/features/asking/cited-passage";
import { OpenCitationProvider } from "@/features/asking/citation-link";
import { useLiveAnswers, useLiveTurns } from "@/features/asking/live-answers";
import { QuestionBox } from "@/features/asking/question-box";
import { isMissing, sessionQuery } from "@/features/asking/sessions";
import { isRunning, notKept } from "@/features/asking/turns";
import { KeptTurn, LiveTurnView } from "@/features/asking/turn-view";
import type { Citation } from "@/lib/api/client";

export function Conversation({ sessionId }: { sessionId: string }) {
  const answers = useLiveAnswers();
  const live = useLiveTurns(sessionId);
  const running = live.some(isRunning);
  const [cited, setCited] = useState<Citation>();
  const { data: kept } = useQuery(sessionQuery(sessionId));
  const title = kept?.[0]?.question ?? live[0]?.question ?? "Conversation";

  return (
    <OpenCitationProvider value={setCited}>
      <title>{`${title} · Synapse`}</title>
      <div className={`${COLUMN} flex min-h-full flex-1 flex-col`}>
        <h1 className="sr-only">Conversation</h1>
        <div className="flex flex-1 flex-col gap-12 pt-6 pb-10 sm:pt-10">
          <Turns sessionId={sessionId} />
        </div>
        <div className="bg-page sticky bottom-(--tabs) pb-3 sm:pb-5">
          <QuestionBox
            label="Ask a follow-up question"
            running={running}
            focused
            onAsk={(question) => void answers.ask(sessionId, question)}
            onStop={() => {
              answers.stop(sessionId);
            }}
          />
        </div>
      </div>
      {cited && (
        <CitedPassage
          citation={cited}
          onClose={() => {
            setCited(undefined);
          }}
        />
      )}
    </OpenCitationProvider>
  );
}

function Turns({ sessionId }: { sessionId: string }) {
  const answers = useLiveAnswers();
  const { data: kept, error, refetch } = useQuery(sessionQuery(sessionId));
  const live = notKept(kept ?? [], useLiveTurns(sessionId));
  const last = useRef<HTMLDivElement>(null);
  const count = (kept?.length ?? 0) + live.length;
  useEffect(() => {
    // A new question comes to the top and stays there while its answer grows below it.
    if (count > 1) {
      last.current?.scrollIntoView({ block: "start" });
    }
  }, [count, sessionId]);

  if (error && isMissing(error) && live.length === 0) {
    return <Gone />;
  }
  return (
    <>
      {error && !isMissing(error) && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {!kept && !error && <Loading what="the conversation" />}
      {kept?.map((turn, at) => (
        <div key={turn.asked} ref={at === count - 1 ? last : undefined} className="scroll-mt-6">
          <KeptTurn turn={turn} />
        </div>
      ))}
      {live.map((turn, at) => (
        <div
          key={turn.asked}
          ref={at === live.length - 1 ? last : undefined}
          className="scroll-mt-6 last:not-first:min-h-[60dvh]"
        >
          <LiveTurnView
            turn={turn}
            onAgain={at === live.length - 1 ? () => void answers.again(sessionId) : undefined}
          />
        </div>
      ))}
    </>
  );
}

function Gone() {
  return (
    <div className="flex flex-col items-start gap-4">
      <Notice kind="remark">
        Nothing is kept of this conversation: it was deleted, or its first answer did not come to its end. You
        can still ask here.
      </Notice>
      <Link to="/" className={buttonLook("plain")}>
        New question
      </Link>
    </div>
  );
}
