/** Files on their way to the service, one after the other. They live beside React, so they go on on other pages. */
import { createContext, useContext, useSyncExternalStore } from "react";

import type { Send } from "@/features/documents/sending";
import type { DocumentSummary } from "@/lib/api/client";
import { problemOf } from "@/lib/api/problem";
import type { Problem } from "@/lib/api/problem";

export interface Upload {
  readonly id: number;
  readonly file: File;
  readonly stage: "waiting" | "sending" | "reading" | "done" | "failed";
  /** Share that has gone, 0 to 1. */
  readonly sent: number;
  readonly problem?: Problem;
  readonly document?: DocumentSummary;
}

export class Uploads {
  readonly #send: Send;
  readonly #listeners = new Set<() => void>();
  #uploads: readonly Upload[] = [];
  #running: { id: number; stop: AbortController } | undefined;
  #last = 0;

  constructor(send: Send) {
    this.#send = send;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly all = (): readonly Upload[] => this.#uploads;

  /** Send files; each is taken or refused by itself. */
  add(files: Iterable<File>): void {
    const added = Array.from(files, (file): Upload => ({
      id: ++this.#last,
      file,
      stage: "waiting",
      sent: 0,
    }));
    this.#set([...this.#uploads, ...added]);
    void this.#next();
  }

  /** Send one that failed again. */
  again(id: number): void {
    this.#set(
      this.#uploads.map((one) => (one.id === id ? { id, file: one.file, stage: "waiting", sent: 0 } : one)),
    );
    void this.#next();
  }

  /** Take one off the list; if it is on its way it is stopped. */
  remove(id: number): void {
    if (this.#running?.id === id) {
      this.#running.stop.abort();
    }
    this.#set(this.#uploads.filter((one) => one.id !== id));
  }

  async #next(): Promise<void> {
    const next = this.#uploads.find(({ stage }) => stage === "waiting");
    if (!next || this.#running) {
      return;
    }
    const stop = new AbortController();
    this.#running = { id: next.id, stop };
    this.#change(next.id, { stage: "sending" });
    try {
      const document = await this.#send(
        next.file,
        (sent) => {
          this.#change(next.id, { sent, stage: sent < 1 ? "sending" : "reading" });
        },
        stop.signal,
      );
      this.#change(next.id, { stage: "done", sent: 1, document });
    } catch (error) {
      this.#change(next.id, { stage: "failed", problem: problemOf(error) });
    }
    this.#running = undefined;
    await this.#next();
  }

  #change(id: number, change: Partial<Upload>): void {
    this.#set(this.#uploads.map((one) => (one.id === id ? { ...one, ...change } : one)));
  }

  #set(uploads: readonly Upload[]): void {
    this.#uploads = uploads;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

const Context = createContext<Uploads | undefined>(undefined);
export const UploadsProvider = Context.Provider;

export function useUploads(): { uploads: Uploads; all: readonly Upload[] } {
  const uploads = useContext(Context);
  if (!uploads) {
    throw new Error("UploadsProvider is missing");
  }
  return { uploads, all: useSyncExternalStore(uploads.subscribe, uploads.all) };
}
