/** How each state is called and looks; colour never tells it alone. */
import { CircleCheck, CircleX, LoaderCircle, TriangleAlert, Unplug } from "lucide-react";
import type { LucideIcon } from "lucide-react";

import { onlyForgets } from "@/lib/service/health";
import type { Health } from "@/lib/service/health";

export type State = Health["state"];

interface Look {
  readonly icon: LucideIcon;
  readonly colour: string;
  readonly name: string;
}

export const STATES: Record<State, Look> = {
  ok: { icon: CircleCheck, colour: "text-good", name: "Working" },
  degraded: { icon: TriangleAlert, colour: "text-warn", name: "Limited" },
  restoring: { icon: LoaderCircle, colour: "text-warn", name: "Restoring" },
  down: { icon: CircleX, colour: "text-danger", name: "Down" },
  unreachable: { icon: Unplug, colour: "text-danger", name: "Unreachable" },
};

/** How the whole service looks: without its memory alone it is limited, not down. */
export function lookOf(health: Health): Look {
  return STATES[onlyForgets(health) ? "degraded" : health.state];
}

export function StateMark({ state }: { state: State }) {
  const { icon: Icon, colour, name } = STATES[state];
  return (
    <span className={`inline-flex items-center gap-1.5 font-medium ${colour}`}>
      <Icon className="size-4.5 shrink-0" aria-hidden="true" />
      {name}
    </span>
  );
}

const PARTS: Record<string, readonly [string, string]> = {
  index: ["Documents", "the index that is searched"],
  redis: ["Redis", "conversations and remembered answers"],
  embedder: ["Embedder", "turns text into what is searched"],
};

/** What a dependency is called, and what it is for; what is not known by name is a model server. */
export function partName(name: string): readonly [string, string] {
  return PARTS[name] ?? [name, "model server, writes answers"];
}
