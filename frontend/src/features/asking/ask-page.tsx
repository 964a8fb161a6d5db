/** The first page: a question, which begins a conversation. */
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "react-router";

import { COLUMN } from "@/components/page";
import { Conversation } from "@/features/asking/conversation";
import { useLiveAnswers } from "@/features/asking/live-answers";
import { QuestionBox } from "@/features/asking/question-box";
import { sessionQuery } from "@/features/asking/sessions";
import { newId } from "@/lib/id";
import { useHealth } from "@/lib/service/health";
import { counted } from "@/lib/words";

export function AskPage() {
  const { sessionId } = useParams();
  return sessionId ? <Conversation key={sessionId} sessionId={sessionId} /> : <Start />;
}

function Start() {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const answers = useLiveAnswers();

  function ask(question: string): void {
    const id = newId();
    // Nothing is kept of it yet, so there is nothing to load.
    queries.setQueryData(sessionQuery(id).queryKey, []);
    void answers.ask(id, question);
    void navigate(`/ask/${id}`);
  }

  return (
    <div className={`${COLUMN} flex flex-1 flex-col justify-center gap-6 pt-6 pb-[18dvh]`}>
      <title>Synapse</title>
      <h1 className="text-center text-2xl font-semibold tracking-tight sm:text-3xl">
        What do you want to know?
      </h1>
      <QuestionBox label="Ask your documents" running={false} focused onAsk={ask} onStop={() => undefined} />
      <Holdings />
    </div>
  );
}

function Holdings() {
  const { data } = useHealth();
  const count = data?.collections.reduce((sum, { documents }) => sum + documents, 0);
  if (count === undefined || data?.collections.length === 0) {
    return null;
  }
  return (
    <p className="text-soft text-center text-sm leading-relaxed">
      {count === 0 ? (
        <>
          There are no documents yet.{" "}
          <Link to="/documents" className="text-accent font-medium underline underline-offset-2">
            Add some
          </Link>{" "}
          to ask about.
        </>
      ) : (
        <>Answers come from your {counted(count, "document")}, and say from where.</>
      )}
    </p>
  );
}
