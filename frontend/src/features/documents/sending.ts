/** Sends one file and tells how much of it has gone: fetch cannot, so it is an XMLHttpRequest. */
import { noteStatus } from "@/lib/api/client";
import type { DocumentSummary } from "@/lib/api/client";
import { ProblemError, problemError } from "@/lib/api/problem";

/** Sends a file; `sent` is told a share from 0 to 1. Rejects with ProblemError, or AbortError when stopped. */
export type Send = (
  file: File,
  sent: (share: number) => void,
  signal: AbortSignal,
) => Promise<DocumentSummary>;

export const sendFile: Send = (file, sent, signal) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/documents/files");
    request.responseType = "text";
    request.upload.onprogress = ({ loaded, total }) => {
      sent(total ? loaded / total : 0);
    };
    request.onload = () => {
      noteStatus(request.status);
      const body = parsed(request.responseText);
      const document = request.status === 201 ? stored(body) : undefined;
      if (document) {
        resolve(document);
      } else {
        const refused = problemError(request.status, body);
        // A proxy that lost the backend half-way says as little as no answer.
        reject(refused.status === 0 ? brokenOff(file.name) : refused);
      }
    };
    request.onerror = () => {
      reject(brokenOff(file.name));
    };
    request.onabort = () => {
      reject(new DOMException("stopped", "AbortError"));
    };
    signal.addEventListener("abort", () => {
      request.abort();
    });
    const form = new FormData();
    form.append("files", file);
    request.send(form);
  });

function brokenOff(name: string): ProblemError {
  return new ProblemError(
    {
      what: `${name} was not taken: the connection was closed while it was sent.`,
      hint: "It may be larger than the service takes, or the file cannot be read, or the backend is away.",
    },
    0,
  );
}

function stored(body: unknown): DocumentSummary | undefined {
  return (body as { documents?: DocumentSummary[] } | undefined)?.documents?.[0];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
