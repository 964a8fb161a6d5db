/** What is wrong with the service, above every page, for as long as it is wrong. */
import { useEffect, useState } from "react";
import { Link, useLocation } from "react-router";

import { Said } from "@/components/said";
import { lookOf, partName } from "@/features/health/states";
import { silence } from "@/lib/api/problem";
import { onlyForgets, useHealth } from "@/lib/service/health";
import type { Health } from "@/lib/service/health";

export function Banner() {
  const { data } = useHealth();
  const wrong = data && data.state !== "ok" ? data : undefined;
  const serious = wrong?.silent ?? (wrong?.state === "down" && !onlyForgets(wrong));
  return (
    <>
      <div role="status">
        {wrong && (
          <div className={`text-sm ${serious ? "bg-danger-soft text-danger" : "bg-warn-soft text-warn"}`}>
            <Words health={wrong} />
          </div>
        )}
      </div>
      <Recovery wrong={wrong !== undefined} />
    </>
  );
}

function Words({ health }: { health: Health }) {
  const Icon = lookOf(health).icon;
  const { pathname } = useLocation();
  return (
    <div className="mx-auto flex max-w-3xl items-start gap-2.5 px-4 py-2.5 sm:px-6">
      <Icon className="mt-0.5 size-4.5 shrink-0" aria-hidden="true" />
      <p className="min-w-0 flex-1 leading-relaxed">
        <strong className="font-semibold">{headline(health)}</strong>{" "}
        <span className="text-ink">
          <Said>{detail(health)}</Said>
        </span>
      </p>
      {pathname !== "/status" && (
        <Link to="/status" className="shrink-0 font-medium underline underline-offset-2">
          Details
        </Link>
      )}
    </div>
  );
}

/** Says that all is well again, once, to who cannot see that the banner is gone. */
function Recovery({ wrong }: { wrong: boolean }) {
  const [before, setBefore] = useState(wrong);
  const [back, setBack] = useState(false);
  if (before !== wrong) {
    setBefore(wrong);
    setBack(!wrong);
  }
  useEffect(() => {
    if (!back) {
      return undefined;
    }
    const timer = setTimeout(() => {
      setBack(false);
    }, 5_000);
    return () => {
      clearTimeout(timer);
    };
  }, [back]);
  return (
    <p role="status" className="sr-only">
      {back && "Everything works again."}
    </p>
  );
}

function headline(health: Health): string {
  switch (health.state) {
    case "unreachable":
      return silence(health.silent).message;
    case "down":
      return onlyForgets(health) ? "Conversations are not kept now." : "The service cannot answer.";
    case "restoring":
      return "A restore is under way.";
    case "degraded":
      return "Something is missing.";
    case "ok":
      return "";
  }
}

function detail(health: Health): string {
  const { state, dependencies } = health;
  if (state === "unreachable") {
    return "What you see may be old. This page goes on trying by itself.";
  }
  const reasons = dependencies
    .filter((part) => part.state !== "ok")
    .map((part) => `${partName(part.name)[0]}: ${part.reason || part.state}`)
    .join(" ");
  if (state === "restoring") {
    return `You can ask and read; nothing can be added or deleted until it is done. ${reasons}`;
  }
  return onlyForgets(health) ? `You can ask all the same. ${reasons}` : reasons;
}
