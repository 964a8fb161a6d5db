/** How the service is: each part, why, and since when; and what the collections hold. */
import type { ReactNode } from "react";

import { Ago } from "@/components/ago";
import { Loading, Page } from "@/components/page";
import { Said } from "@/components/said";
import { StateMark, lookOf, partName } from "@/features/health/states";
import type { Collection, Condition, HealthReport } from "@/lib/api/client";
import type { Silent } from "@/lib/api/problem";
import { onlyForgets, useHealth } from "@/lib/service/health";
import type { Health } from "@/lib/service/health";
import { grouped, moment } from "@/lib/words";

export function HealthPage() {
  const { data } = useHealth();
  return (
    <Page title="Health" lead="Kept fresh by itself.">
      {data ? <Report health={data} /> : <Loading what="the state of the service" />}
    </Page>
  );
}

function Report({ health }: { health: Health }) {
  return (
    <>
      <Overall health={health} />
      {health.dependencies.length > 0 && (
        <Section id="parts" title="Parts">
          <ul className="border-line divide-line divide-y border-y">
            {health.dependencies.map((part) => (
              <Part key={part.name} part={part} />
            ))}
          </ul>
        </Section>
      )}
      {health.collections.length > 0 && (
        <Section id="collections" title="Collections">
          {health.collections.map((collection) => (
            <Holdings key={collection.name} collection={collection} />
          ))}
        </Section>
      )}
    </>
  );
}

const SENTENCES: Record<HealthReport["state"], string> = {
  ok: "Every part works.",
  degraded: "Questions are answered, but something is missing.",
  restoring: "A restore is under way: questions are answered, nothing is written.",
  down: "Nothing can be answered until the parts below work.",
};
const SILENT: Record<Silent, string> = {
  server:
    "Nothing answers at this address. See whether this device has a network and whether Synapse runs: `synapse doctor` looks at every part.",
  backend:
    "The web server runs, but the backend is not there. See whether it runs: `synapse doctor` looks at every part.",
  hung: "The backend is there, but gave no answer in time. `synapse doctor` looks at every part.",
};
const FORGETS = "Questions are answered, but conversations and remembered answers are out of reach.";

function Overall({ health }: { health: Health }) {
  const { icon: Icon, colour, name } = lookOf(health);
  return (
    <div className="border-line bg-surface flex items-center gap-4 rounded-2xl border p-5">
      <Icon className={`size-9 shrink-0 ${colour}`} strokeWidth={1.6} aria-hidden="true" />
      <div className="min-w-0">
        <p className={`text-lg font-semibold ${colour}`}>{name}</p>
        <p className="text-soft leading-relaxed">
          <Said>{sentence(health)}</Said>
          {health.silent && <> Silent since {moment(health.since)}.</>}
        </p>
      </div>
    </div>
  );
}

function sentence(health: Health): string {
  if (health.silent) {
    return SILENT[health.silent];
  }
  return onlyForgets(health) ? FORGETS : SENTENCES[health.state];
}

function Section({ id, title, children }: { id: string; title: string; children: ReactNode }) {
  return (
    <section aria-labelledby={id} className="flex flex-col gap-3">
      <h2 id={id} className="text-lg font-semibold">
        {title}
      </h2>
      {children}
    </section>
  );
}

function Part({ part }: { part: Condition }) {
  const [name, purpose] = partName(part.name);
  return (
    <li className="flex flex-col gap-1 py-3.5">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <p className="min-w-0">
          <span className="font-medium">{name}</span> <span className="text-soft text-sm">{purpose}</span>
        </p>
        <StateMark state={part.state} />
      </div>
      {part.reason && (
        <p className="text-sm leading-relaxed">
          <Said>{part.reason}</Said>
        </p>
      )}
      <p className="text-soft text-sm">
        Since <Ago at={part.since} />
      </p>
    </li>
  );
}

function Holdings({ collection }: { collection: Collection }) {
  const facts: readonly (readonly [string, string])[] = [
    ["Documents", grouped(collection.documents)],
    ["Passages", grouped(collection.passages)],
    ["Embedding model", `${collection.model}, ${collection.dimension} numbers`],
    ["Writes so far", grouped(collection.sequence)],
    ["Epoch", collection.epoch],
  ];
  return (
    <div className="border-line bg-surface rounded-2xl border p-5">
      <h3 className="font-medium">{collection.name}</h3>
      <dl className="mt-3 grid gap-x-6 gap-y-2 text-sm sm:grid-cols-[auto_1fr]">
        {facts.map(([name, value]) => (
          <div key={name} className="contents max-sm:block">
            <dt className="text-soft">{name}</dt>
            <dd className="tabular-nums">{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
