/** A sentence that must be seen: an error with what to do, a warning, or a remark. */
import { CircleAlert, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

import { Said } from "@/components/said";
import { problemOf } from "@/lib/api/problem";
import type { Problem } from "@/lib/api/problem";

const LOOKS = {
  problem: { icon: CircleAlert, className: "bg-danger-soft text-danger" },
  warning: { icon: TriangleAlert, className: "bg-warn-soft text-warn" },
  remark: { icon: Info, className: "bg-sunken text-soft" },
} as const;

interface NoticeProps {
  kind: keyof typeof LOOKS;
  children: ReactNode;
  action?: ReactNode;
}

export function Notice({ kind, children, action }: NoticeProps) {
  const { icon: Icon, className } = LOOKS[kind];
  return (
    <div className={`flex items-start gap-2.5 rounded-lg px-3.5 py-2.5 text-sm leading-relaxed ${className}`}>
      <Icon className="mt-0.5 size-4.5 shrink-0" aria-hidden="true" />
      <div className="min-w-0 flex-1">{children}</div>
      {action}
    </div>
  );
}

/** What failed and what to do, in the backend's own words. */
export function ProblemNotice({
  problem,
  onRetry,
}: {
  problem: Problem;
  onRetry?: (() => void) | undefined;
}) {
  return (
    <div role="alert">
      <Notice kind="problem">
        <p className="font-medium">
          <Said>{problem.what}</Said>
        </p>
        <p className="text-ink">
          <Said>{problem.hint}</Said>
        </p>
        {onRetry && (
          <button
            type="button"
            onClick={onRetry}
            className="mt-1 inline-flex min-h-9 items-center font-medium underline underline-offset-2"
          >
            Try again
          </button>
        )}
      </Notice>
    </div>
  );
}

/** The same for whatever was thrown. */
export function ErrorNotice({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  return <ProblemNotice problem={problemOf(error)} onRetry={onRetry} />;
}
