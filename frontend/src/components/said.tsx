/** A sentence of the service, with what is to be typed set apart: it stands between backticks. */
import { Fragment } from "react";

export function Said({ children }: { children: string }) {
  return children.split("`").map((part, at) =>
    at % 2 ? (
      <code key={at} className="font-mono text-[0.92em]">
        {part}
      </code>
    ) : (
      <Fragment key={at}>{part}</Fragment>
    ),
  );
}
