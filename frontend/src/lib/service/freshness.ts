/** Keeps what the page shows as fresh as the service's events allow. */
import type { Query, QueryClient } from "@tanstack/react-query";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { loginQuery } from "@/lib/api/login";
import { follow } from "@/lib/service/follow";
import type { Ears } from "@/lib/service/follow";
import { healthQuery } from "@/lib/service/health";

const TOGETHER_MS = 400;
const REFUSED = 1008;

/** Follow events for as long as the component is shown. */
export function useFreshness(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const stale = staleness(queries);
    const follower = follow({ connect, random: Math.random }, { ...stale.ears });
    // A service that answers again is followed again at once.
    const unsubscribe = queries.getQueryCache().subscribe(({ type }) => {
      const health = type === "updated" ? queries.getQueryData(healthQuery.queryKey) : undefined;
      if (health && health.state !== "unreachable") {
        follower.hurry();
      }
    });
    return () => {
      unsubscribe();
      follower.stop();
      stale.stop();
    };
  }, [queries]);
}

function connect(): WebSocket {
  return new WebSocket(`${window.location.origin.replace(/^http/, "ws")}/ws`);
}

/** What each event makes stale. Events that come close together make it stale once. */
export function staleness(queries: QueryClient): { ears: Ears; stop: () => void } {
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
    stop: () => {
      clearTimeout(timer);
    },
  };
}

function failed(query: Query): boolean {
  return query.state.status === "error";
}
