/** The mark of Synapse: two ends and what passes between them. */

export function Logo({ className = "size-7" }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden="true">
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <path d="M10 21.5C15 21.5 17 10.5 22 10.5" fill="none" strokeWidth="2.2" className="stroke-on-accent" />
      <circle cx="10" cy="21.5" r="3.6" className="fill-on-accent" />
      <circle cx="22" cy="10.5" r="3.6" className="fill-on-accent" />
    </svg>
  );
}
