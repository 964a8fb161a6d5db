/** A cited passage in its document, beside the answer. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { buttonLook } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { DocumentText } from "@/components/document-text";
import { ErrorNotice, Notice } from "@/components/notice";
import { Loading } from "@/components/page";
import type { Citation } from "@/lib/api/client";
import { documentPath, documentQuery } from "@/lib/api/documents";
import { ProblemError } from "@/lib/api/problem";
import { unitIndex } from "@/lib/characters";

export function CitedPassage({ citation, onClose }: { citation: Citation; onClose: () => void }) {
  return (
    <Dialog
      title={citation.title}
      place="side"
      onClose={onClose}
      actions={
        <Link to={documentPath(citation.document_id, citation)} className={buttonLook("quiet")}>
          Open page
        </Link>
      }
    >
      <div className="flex flex-col gap-5">
        <Text citation={citation} />
      </div>
    </Dialog>
  );
}

function Text({ citation }: { citation: Citation }) {
  const { data, error, refetch } = useQuery(documentQuery(citation.document_id));
  if (error instanceof ProblemError && error.status === 404) {
    return (
      <Quoted
        citation={citation}
        why="This document has been deleted since. The answer rests on this passage:"
      />
    );
  }
  if (data) {
    const cited = data.text.slice(unitIndex(data.text, citation.start), unitIndex(data.text, citation.end));
    if (cited !== citation.passage) {
      return (
        <Quoted
          citation={citation}
          why="This document has been replaced since. The answer rests on this passage:"
        />
      );
    }
    return <DocumentText text={data.text} passage={citation} />;
  }
  if (error) {
    return (
      <>
        <ErrorNotice error={error} onRetry={() => void refetch()} />
        <Quoted
          citation={citation}
          why="The document cannot be shown now. The answer rests on this passage:"
        />
      </>
    );
  }
  return <Loading what="the document" />;
}

function Quoted({ citation, why }: { citation: Citation; why: string }) {
  return (
    <>
      <Notice kind="remark">{why}</Notice>
      <p className="leading-relaxed whitespace-pre-wrap">
        <mark>{citation.passage}</mark>
      </p>
    </>
  );
}
