/** One document: what is known of it, and its text, with a passage marked when the address names one. */
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, FileX2, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link, useNavigate, useParams, useSearchParams } from "react-router";

import { Ago } from "@/components/ago";
import { WriteButton } from "@/components/button";
import { DocumentText } from "@/components/document-text";
import { ErrorNotice } from "@/components/notice";
import { Empty, Loading, Page } from "@/components/page";
import { DeleteDocument } from "@/features/documents/delete-document";
import type { StoredDocument } from "@/lib/api/client";
import { documentQuery } from "@/lib/api/documents";
import type { Passage } from "@/lib/passage";
import { ProblemError } from "@/lib/api/problem";
import { counted } from "@/lib/words";

export function DocumentPage() {
  const { documentId = "" } = useParams();
  const { data, error, refetch } = useQuery(documentQuery(documentId));
  const passage = usePassage();
  const gone = error instanceof ProblemError && error.status === 404;
  if (data && !gone) {
    return <Shown key={data.id} document={data} passage={passage} />;
  }
  return (
    <Page title="Document" lead={<Back />}>
      {gone ? (
        <Empty icon={FileX2} title="There is no such document">
          It may have been deleted since.
        </Empty>
      ) : error ? (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      ) : (
        <Loading what="the document" />
      )}
    </Page>
  );
}

function Shown({ document, passage }: { document: StoredDocument; passage: Passage | undefined }) {
  const [deleting, setDeleting] = useState(false);
  const navigate = useNavigate();
  return (
    <Page
      title={document.title}
      lead={
        <>
          <Back />
          <Facts document={document} />
        </>
      }
      actions={
        <WriteButton
          onClick={() => {
            setDeleting(true);
          }}
        >
          <Trash2 className="size-4" aria-hidden="true" /> Delete
        </WriteButton>
      }
    >
      <DocumentText text={document.text} passage={passage} key={`${passage?.start}-${passage?.end}`} />
      {deleting && (
        <DeleteDocument
          document={document}
          onClose={() => {
            setDeleting(false);
          }}
          onDeleted={() => void navigate("/documents")}
        />
      )}
    </Page>
  );
}

function Back() {
  return (
    <Link to="/documents" className="hover:text-ink -ml-0.5 inline-flex min-h-9 items-center gap-1.5 text-sm">
      <ArrowLeft className="size-4" aria-hidden="true" /> All documents
    </Link>
  );
}

function Facts({ document }: { document: StoredDocument }) {
  const facts = Object.entries(document.metadata).map(([name, value]) => `${name}: ${value}`);
  return (
    <p className="text-sm">
      {counted(document.characters, "character")} · {counted(document.passages, "passage")} · added{" "}
      <Ago at={document.added} />
      {facts.map((fact) => ` · ${fact}`)}
    </p>
  );
}

function usePassage(): Passage | undefined {
  const [search] = useSearchParams();
  const start = Number(search.get("start") ?? NaN);
  const end = Number(search.get("end") ?? NaN);
  return Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start < end
    ? { start, end }
    : undefined;
}
