/** How long ago something was, kept true while it is shown; the moment itself when pointed at. */
import { useEffect, useState } from "react";

import { ago, moment } from "@/lib/words";

const TICK_MS = 30_000;

export function Ago({ at }: { at: string }) {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(new Date());
    }, TICK_MS);
    return () => {
      clearInterval(timer);
    };
  }, []);
  // A time that came after the last tick is never in the future.
  const seen = now.getTime() < new Date(at).getTime() ? new Date(at) : now;
  return (
    <time dateTime={at} title={moment(at)}>
      {ago(at, seen)}
    </time>
  );
}
