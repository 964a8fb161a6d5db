/** The documents, newest first, a page at a time. */
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Files, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";

import { Ago } from "@/components/ago";
import { Button, IconButton } from "@/components/button";
import { ErrorNotice, Notice } from "@/components/notice";
import { Empty, Loading } from "@/components/page";
import { DeleteDocument } from "@/features/documents/delete-document";
import { documentsQuery, isStale } from "@/features/documents/documents";
import type { DocumentSummary } from "@/lib/api/client";
import { documentPath } from "@/lib/api/documents";
import { useWriteBlock } from "@/lib/service/health";
import { counted } from "@/lib/words";

const TRIES = 5;
/** What makes the list fresh is waited for, not stopped. */
const NEXT = { cancelRefetch: false };

export function DocumentList() {
  const queries = useQueryClient();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } =
    useInfiniteQuery(documentsQuery);
  const [begunAgain, setBegunAgain] = useState(false);

  async function showMore(): Promise<void> {
    const shown = data?.pages.length;
    let reply = await fetchNextPage(NEXT);
    // An event makes the list fresh and takes the place of what loads; then it is asked for again.
    for (let left = TRIES; left > 0 && !reply.error && reply.data?.pages.length === shown; left -= 1) {
      reply = await fetchNextPage(NEXT);
    }
    if (isStale(reply.error)) {
      setBegunAgain(true);
      await queries.resetQueries({ queryKey: documentsQuery.queryKey });
    }
  }

  if (!data) {
    return error ? (
      <ErrorNotice error={error} onRetry={() => void refetch()} />
    ) : (
      <Loading what="documents" />
    );
  }
  const documents = data.pages.flatMap((page) => page.documents);
  if (documents.length === 0) {
    return (
      <Empty icon={Files} title="No documents yet">
        Drop files here, upload them, or add a text. Text, Markdown, reStructuredText and HTML are read.
      </Empty>
    );
  }
  return (
    <section aria-label="All documents" className="flex flex-col gap-4">
      {begunAgain && (
        <Notice kind="remark">
          The documents were restored or rebuilt meanwhile, so the list begins again from its start.
        </Notice>
      )}
      {error && !isStale(error) && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      <Rows documents={documents} />
      {hasNextPage && (
        <Button className="self-center" disabled={isFetchingNextPage} onClick={() => void showMore()}>
          {isFetchingNextPage ? "Loading…" : "Show more"}
        </Button>
      )}
    </section>
  );
}

function Rows({ documents }: { documents: readonly DocumentSummary[] }) {
  const [doomed, setDoomed] = useState<DocumentSummary>();
  const block = useWriteBlock();
  return (
    <>
      <ul className="border-line divide-line divide-y border-y">
        {documents.map((document) => (
          <li key={document.id} className="flex items-center gap-2">
            <Link to={documentPath(document.id)} className="group min-w-0 flex-1 py-3">
              <span className="block truncate font-medium underline-offset-2 group-hover:underline">
                {document.title}
              </span>
              <span className="text-soft mt-0.5 block text-sm">
                {counted(document.characters, "character")} · {counted(document.passages, "passage")} · added{" "}
                <Ago at={document.added} />
              </span>
            </Link>
            <IconButton
              label={block ?? `Delete ${document.title}`}
              aria-disabled={block ? true : undefined}
              onClick={() => {
                if (!block) {
                  setDoomed(document);
                }
              }}
            >
              <Trash2 className="size-4" aria-hidden="true" />
            </IconButton>
          </li>
        ))}
      </ul>
      {doomed && (
        <DeleteDocument
          document={doomed}
          onClose={() => {
            setDoomed(undefined);
          }}
        />
      )}
    </>
  );
}
