/** Keeps what the page shows as fresh as the service's events allow. */
import type { Query, QueryClient } from "@tanstack/react-query";
import { hashKey, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { loginQuery } from "@/lib/api/login";
import { giveUp, onLate } from "@/lib/api/patience";
import { follow } from "@/lib/service/follow";
import type { Ears } from "@/lib/service/follow";
import { healthQuery } from "@/lib/service/health";
import type { Health } from "@/lib/service/health";

const TOGETHER_MS = 400;
const HOPE_MS = 5_000;
const REFUSED = 1008;
const HEALTH = hashKey(healthQuery.queryKey);

/** Follow events for as long as the component is shown. */
export function useFreshness(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const stale = staleness(queries);
    const follower = follow({ connect, random: Math.random }, { ...stale.ears });
    const unsubscribe = onHealth(queries, (health, before) => {
      if (health.silent) {
        if (Date.now() - Date.parse(health.since) > HOPE_MS) {
          giveUp(health.silent);
        }
        return;
      }
      // A service that answers again is followed again at once, and what failed is asked again.
      follower.hurry();
      if (before?.silent) {
        stale.again();
      }
    });
    // Why it is late is asked, and no answer to that either is told.
    const forget = onLate(() => void queries.refetchQueries(healthQuery, { cancelRefetch: false }));
    return () => {
      forget();
      unsubscribe();
      follower.stop();
      stale.stop();
    };
  }, [queries]);
}

/** Be told of each look at the health, and of the one before; returns how to stop being told. */
function onHealth(queries: QueryClient, looked: (health: Health, before?: Health) => void): () => void {
  let before: Health | undefined;
  return queries.getQueryCache().subscribe((event) => {
    const news = event.type === "updated" && event.action.type === "success";
    if (news && event.query.queryHash === HEALTH) {
      const health = queries.getQueryData(healthQuery.queryKey);
      if (health) {
        looked(health, before);
      }
      before = health;
    }
  });
}

function connect(): WebSocket {
  return new WebSocket(`${window.location.origin.replace(/^http/, "ws")}/ws`);
}

interface Staleness {
  readonly ears: Ears;
  /** What failed is stale. */
  readonly again: () => void;
  readonly stop: () => void;
}

/** What each event makes stale. Events that come close together make it stale once. */
export function staleness(queries: QueryClient): Staleness {
  const gathered = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function soon(...keys: string[]): void {
    keys.forEach((key) => gathered.add(key));
    timer ??= setTimeout(() => {
      timer = undefined;
      const due = new Set(gathered);
      gathered.clear();
      void queries.invalidateQueries({
        predicate: (query) => due.has(String(query.queryKey[0])) || failed(query),
      });
    }, TOGETHER_MS);
  }

  return {
    ears: {
      heard: ({ kind }) => {
        if (kind === "hello") {
          soon("health", "documents", "sessions");
        } else if (kind === "restore.changed") {
          // Even an open conversation may be another afterwards.
          soon("health", "documents", "sessions", "session");
        } else if (kind === "health.changed") {
          soon("health", "sessions");
        } else {
          soon("health", "documents");
        }
      },
      lost: (code) => {
        void queries.invalidateQueries({ queryKey: healthQuery.queryKey });
        if (code === REFUSED) {
          void queries.invalidateQueries({ queryKey: loginQuery.queryKey });
        }
      },
    },
    again: soon,
    stop: () => {
      clearTimeout(timer);
    },
  };
}

function failed(query: Query): boolean {
  return query.state.status === "error";
}
