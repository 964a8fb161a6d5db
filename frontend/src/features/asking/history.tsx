/** The conversations that are kept: a list for the side of the page, and a page of its own on a phone. */
import { useQuery } from "@tanstack/react-query";
import { MessagesSquare, Trash2 } from "lucide-react";
import { useState } from "react";
import { NavLink, useNavigate, useParams } from "react-router";

import { Ago } from "@/components/ago";
import { IconButton } from "@/components/button";
import { Confirm } from "@/components/dialog";
import { ErrorNotice } from "@/components/notice";
import { Empty, Loading, Page } from "@/components/page";
import { sessionsQuery, useDeleteSession } from "@/features/asking/sessions";
import type { SessionSummary } from "@/lib/api/client";
import { problemOf } from "@/lib/api/problem";
import { useWriteBlock } from "@/lib/service/health";
import { counted } from "@/lib/words";

export function HistoryPage() {
  const { data, error, refetch } = useQuery(sessionsQuery);
  return (
    <Page title="History" lead="Your conversations, the last asked first.">
      {error && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Loading what="the history" />}
      {data?.length === 0 && (
        <Empty icon={MessagesSquare} title="No conversations yet">
          What you ask is kept here, so that you can go on later.
        </Empty>
      )}
      {data && data.length > 0 && <Sessions sessions={data} detailed />}
    </Page>
  );
}

/** The same as a column beside the page. */
export function RecentHistory() {
  const { data, error } = useQuery(sessionsQuery);
  if (error) {
    return <p className="text-soft px-3 text-sm">The history cannot be shown. {problemOf(error).what}</p>;
  }
  if (!data) {
    return null;
  }
  return data.length > 0 ? (
    <Sessions sessions={data} />
  ) : (
    <p className="text-soft px-3 text-sm">What you ask is kept here.</p>
  );
}

function Sessions({
  sessions,
  detailed = false,
}: {
  sessions: readonly SessionSummary[];
  detailed?: boolean;
}) {
  const [doomed, setDoomed] = useState<SessionSummary>();
  return (
    <>
      <ul className={detailed ? "border-line divide-line divide-y border-y" : "flex flex-col gap-px"}>
        {sessions.map((session) => (
          <Row key={session.id} session={session} detailed={detailed} onDelete={setDoomed} />
        ))}
      </ul>
      {doomed && (
        <DeleteSession
          session={doomed}
          onClose={() => {
            setDoomed(undefined);
          }}
        />
      )}
    </>
  );
}

interface RowProps {
  session: SessionSummary;
  detailed: boolean;
  onDelete: (session: SessionSummary) => void;
}

function Row({ session, detailed, onDelete }: RowProps) {
  const block = useWriteBlock();
  return (
    <li className="group relative flex items-center">
      <NavLink
        to={`/ask/${session.id}`}
        title={detailed ? undefined : session.title}
        className={({ isActive }) =>
          `min-w-0 flex-1 rounded-lg ${detailed ? "py-3" : "hover:bg-line/60 px-3 py-2 text-sm group-focus-within:pr-10 group-hover:pr-10"} ${isActive && !detailed ? "bg-line/60 font-medium" : ""}`
        }
      >
        <span className={detailed ? "line-clamp-2 font-medium" : "block truncate"}>{session.title}</span>
        {detailed && (
          <span className="text-soft mt-0.5 block text-sm">
            {counted(session.turns, "question")} · <Ago at={session.last_asked} />
          </span>
        )}
      </NavLink>
      <IconButton
        label={block ?? `Delete “${session.title}”`}
        aria-disabled={block ? true : undefined}
        onClick={() => {
          if (!block) {
            onDelete(session);
          }
        }}
        className={
          detailed ? "" : "absolute right-0 pointer-fine:not-group-hover:not-focus-visible:opacity-0!"
        }
      >
        <Trash2 className="size-4" aria-hidden="true" />
      </IconButton>
    </li>
  );
}

function DeleteSession({ session, onClose }: { session: SessionSummary; onClose: () => void }) {
  const deletion = useDeleteSession();
  const navigate = useNavigate();
  const { sessionId } = useParams();
  return (
    <Confirm
      title="Delete this conversation?"
      confirm="Delete"
      pending={deletion.isPending}
      error={deletion.error}
      onClose={onClose}
      onConfirm={() => {
        deletion.mutate(session.id, {
          onSuccess: () => {
            onClose();
            if (sessionId === session.id) {
              void navigate("/");
            }
          },
        });
      }}
    >
      “{session.title}”, with {counted(session.turns, "question")}, will be gone. Restore points that hold it
      keep it.
    </Confirm>
  );
}
