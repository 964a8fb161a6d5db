/** The files on their way: how far each is, and why one was not taken. */
import { Check, CircleAlert, FileText, RotateCcw, X } from "lucide-react";
import { Link } from "react-router";

import { IconButton } from "@/components/button";
import { Said } from "@/components/said";
import { useUploads } from "@/features/documents/uploads";
import type { Upload, Uploads } from "@/features/documents/uploads";
import { documentPath } from "@/lib/api/documents";
import { counted, sized } from "@/lib/words";

export function UploadList() {
  const { uploads, all } = useUploads();
  if (all.length === 0) {
    return null;
  }
  return (
    <section aria-labelledby="uploads" className="flex flex-col gap-2">
      <h2 id="uploads" className="text-soft text-sm font-medium">
        Uploads
      </h2>
      <ul className="border-line bg-surface divide-line divide-y rounded-xl border">
        {all.map((upload) => (
          <Row key={upload.id} upload={upload} uploads={uploads} />
        ))}
      </ul>
      <p role="status" className="sr-only">
        {summary(all)}
      </p>
    </section>
  );
}

function Row({ upload, uploads }: { upload: Upload; uploads: Uploads }) {
  const { id, file, stage, problem, document } = upload;
  const failed = stage === "failed";
  return (
    <li className="flex items-start gap-3 py-2 pr-1.5 pl-4">
      <Mark stage={stage} />
      <div className="min-w-0 flex-1 py-1.5 text-sm">
        {document ? (
          <Link to={documentPath(document.id)} className="font-medium underline-offset-2 hover:underline">
            {file.name}
          </Link>
        ) : (
          <span className="font-medium">{file.name}</span>
        )}
        <span className="text-soft"> · {sized(file.size)}</span>
        <Progress upload={upload} />
        {problem && (
          <p className="text-danger mt-0.5 leading-relaxed">
            <Said>{problem.what}</Said>{" "}
            <span className="text-ink">
              <Said>{problem.hint}</Said>
            </span>
          </p>
        )}
      </div>
      {failed && (
        <IconButton
          label={`Send ${file.name} again`}
          onClick={() => {
            uploads.again(id);
          }}
        >
          <RotateCcw className="size-4" aria-hidden="true" />
        </IconButton>
      )}
      <IconButton
        label={stage === "done" || failed ? `Take ${file.name} off this list` : `Stop sending ${file.name}`}
        onClick={() => {
          uploads.remove(id);
        }}
      >
        <X className="size-4" aria-hidden="true" />
      </IconButton>
    </li>
  );
}

function Mark({ stage }: { stage: Upload["stage"] }) {
  const [Icon, colour] =
    stage === "done"
      ? [Check, "text-good"]
      : stage === "failed"
        ? [CircleAlert, "text-danger"]
        : [FileText, "text-soft"];
  return <Icon className={`mt-2 size-4.5 shrink-0 ${colour}`} aria-hidden="true" />;
}

function Progress({ upload: { file, stage, sent, document } }: { upload: Upload }) {
  if (stage === "done") {
    return <p className="text-soft mt-0.5">Stored: {counted(document?.passages ?? 0, "passage")}</p>;
  }
  if (stage === "waiting") {
    return <p className="text-soft mt-0.5">Waiting</p>;
  }
  if (stage === "failed") {
    return null;
  }
  return (
    <div className="mt-1.5 flex items-center gap-3">
      <progress
        aria-label={`Sending ${file.name}`}
        value={stage === "reading" ? undefined : sent}
        max={1}
        className="h-1.5 min-w-0 flex-1"
      />
      <span className="text-soft tabular-nums">
        {stage === "reading" ? "Reading it…" : `${Math.floor(sent * 100)} %`}
      </span>
    </div>
  );
}

function summary(all: readonly Upload[]): string {
  const count = (stage: Upload["stage"]) => all.filter((upload) => upload.stage === stage).length;
  return `${counted(count("done"), "file")} stored, ${count("failed")} not taken, ${count("waiting") + count("sending") + count("reading")} to go.`;
}
