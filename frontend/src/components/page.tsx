/** What every page begins with, and what it shows while it waits or has nothing. */
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

export const COLUMN = "mx-auto w-full max-w-3xl px-4 sm:px-6";

interface PageProps {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, lead, actions, children }: PageProps) {
  return (
    <div className={`${COLUMN} flex flex-col gap-7 py-6 sm:py-10`}>
      <title>{`${title} · Synapse`}</title>
      <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-4">
        <div className="min-w-0 flex-1 basis-64">
          <h1 className="text-2xl font-semibold tracking-tight">{title}</h1>
          {lead && <div className="text-soft mt-1.5 leading-relaxed">{lead}</div>}
        </div>
        {actions && <div className="flex flex-wrap gap-3">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <p role="status" className="text-soft animate-pulse py-6 text-sm">
      Loading {what}…
    </p>
  );
}

interface EmptyProps {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
}

export function Empty({ icon: Icon, title, children }: EmptyProps) {
  return (
    <div className="border-line flex flex-col items-center gap-2 rounded-2xl border border-dashed px-6 py-12 text-center">
      <Icon className="text-soft mb-1 size-7" aria-hidden="true" />
      <p className="font-medium">{title}</p>
      {children && <div className="text-soft max-w-md text-sm leading-relaxed">{children}</div>}
    </div>
  );
}
