/** The look of a field to type in. */

export const FIELD =
  "w-full rounded-lg border border-edge bg-surface px-3 py-2 min-h-11 sm:min-h-10 outline-none " +
  "focus-visible:border-accent focus-visible:outline-2 focus-visible:outline-offset-0 focus-visible:outline-accent";
