/** The questions asked on this page. They live beside React, so that an answer goes on while other pages are shown. */
import { createContext, useCallback, useContext, useSyncExternalStore } from "react";

import { after, begun, isRunning } from "@/features/asking/turns";
import type { LiveTurn, StreamEvent } from "@/features/asking/turns";
import { problemOf } from "@/lib/api/problem";

/** How a question is put to the backend. */
export type Ask = (question: string, sessionId: string, signal: AbortSignal) => AsyncIterable<StreamEvent>;

const NONE: readonly LiveTurn[] = [];

export class LiveAnswers {
  readonly #ask: Ask;
  readonly #answered: (sessionId: string) => void;
  readonly #turns = new Map<string, readonly LiveTurn[]>();
  readonly #running = new Map<string, AbortController>();
  readonly #listeners = new Set<() => void>();

  /** `answered` is told of each session whose answer has ended. */
  constructor(ask: Ask, answered: (sessionId: string) => void) {
    this.#ask = ask;
    this.#answered = answered;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  turns(sessionId: string): readonly LiveTurn[] {
    return this.#turns.get(sessionId) ?? NONE;
  }

  /** Ask, and follow the answer to its end. A session answers one question at a time. */
  async ask(sessionId: string, question: string): Promise<void> {
    if (this.#running.has(sessionId)) {
      return;
    }
    const stop = new AbortController();
    this.#running.set(sessionId, stop);
    this.#set(sessionId, [...this.turns(sessionId), begun(question, new Date())]);
    try {
      for await (const event of this.#ask(question, sessionId, stop.signal)) {
        this.#change(sessionId, (turn) => after(turn, event));
      }
    } catch (error) {
      this.#change(sessionId, (turn) =>
        stop.signal.aborted
          ? { ...turn, stage: "stopped" }
          : { ...turn, stage: "failed", problem: problemOf(error) },
      );
    } finally {
      this.#running.delete(sessionId);
      this.#answered(sessionId);
    }
  }

  stop(sessionId: string): void {
    this.#running.get(sessionId)?.abort();
  }

  /** Ask the last question of a session again, in its place. */
  async again(sessionId: string): Promise<void> {
    const last = this.turns(sessionId).at(-1);
    if (last && !isRunning(last)) {
      this.#set(sessionId, this.turns(sessionId).slice(0, -1));
      await this.ask(sessionId, last.question);
    }
  }

  forget(sessionId: string): void {
    this.stop(sessionId);
    this.#set(sessionId, NONE);
  }

  #change(sessionId: string, change: (turn: LiveTurn) => LiveTurn): void {
    const turns = this.turns(sessionId);
    const last = turns.at(-1);
    if (last && isRunning(last)) {
      this.#set(sessionId, [...turns.slice(0, -1), change(last)]);
    }
  }

  #set(sessionId: string, turns: readonly LiveTurn[]): void {
    this.#turns.set(sessionId, turns);
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

const Context = createContext<LiveAnswers | undefined>(undefined);
export const LiveAnswersProvider = Context.Provider;

export function useLiveAnswers(): LiveAnswers {
  const live = useContext(Context);
  if (!live) {
    throw new Error("LiveAnswersProvider is missing");
  }
  return live;
}

/** The turns of a session that were asked on this page. */
export function useLiveTurns(sessionId: string): readonly LiveTurn[] {
  const live = useLiveAnswers();
  return useSyncExternalStore(
    live.subscribe,
    useCallback(() => live.turns(sessionId), [live, sessionId]),
  );
}
