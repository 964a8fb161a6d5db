/** Buttons: one that leads, plain ones, one that destroys; and small ones that show only an icon. */
import type { ButtonHTMLAttributes, ReactNode } from "react";
import { useId } from "react";

import { useWriteBlock } from "@/lib/service/health";

const BASE =
  "inline-flex items-center justify-center gap-2 rounded-lg font-medium transition-colors " +
  "disabled:opacity-55 disabled:cursor-not-allowed aria-disabled:opacity-55 aria-disabled:cursor-not-allowed";
const LOOKS = {
  lead: "bg-accent text-on-accent hover:bg-accent-strong px-4 min-h-11 sm:min-h-10",
  plain: "bg-surface text-ink border border-line hover:border-edge px-4 min-h-11 sm:min-h-10",
  danger: "bg-danger text-page hover:opacity-90 px-4 min-h-11 sm:min-h-10",
  quiet: "text-soft hover:text-ink hover:bg-sunken px-3 min-h-11 sm:min-h-9",
} as const;

export type Look = keyof typeof LOOKS;

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  "data-first"?: boolean;
}

export function Button({ look = "plain", className = "", type = "button", ...rest }: ButtonProps) {
  return <button type={type} className={`${BASE} ${LOOKS[look]} ${className}`} {...rest} />;
}

/** The classes of a link that looks like a button. */
export function buttonLook(look: Look): string {
  return `${BASE} ${LOOKS[look]}`;
}

interface WriteButtonProps extends ButtonProps {
  /** Another button beside it shows the reason already. */
  explained?: boolean;
}

/** A button that changes what the service keeps. While that is not possible it stays in reach and says why. */
export function WriteButton({ onClick, className, explained = false, children, ...rest }: WriteButtonProps) {
  const block = useWriteBlock();
  const reason = useId();
  return (
    <span className="inline-flex flex-col items-start gap-1">
      <Button
        {...rest}
        className={className}
        aria-disabled={block ? true : undefined}
        aria-describedby={block ? reason : undefined}
        onClick={(event) => {
          if (block) {
            event.preventDefault();
          } else {
            onClick?.(event);
          }
        }}
      >
        {children}
      </Button>
      {block && (
        <span id={reason} className={explained ? "sr-only" : "text-soft max-w-64 text-xs"}>
          {block}
        </span>
      )}
    </span>
  );
}

interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "aria-label"> {
  label: string;
  children: ReactNode;
}

export function IconButton({ label, className = "", children, type = "button", ...rest }: IconButtonProps) {
  return (
    <button
      type={type}
      aria-label={label}
      title={label}
      className={`text-soft hover:text-ink hover:bg-sunken inline-flex size-11 shrink-0 items-center justify-center rounded-lg transition-colors disabled:cursor-not-allowed disabled:opacity-50 aria-disabled:cursor-not-allowed aria-disabled:opacity-50 sm:size-9 ${className}`}
      {...rest}
    >
      {children}
    </button>
  );
}
