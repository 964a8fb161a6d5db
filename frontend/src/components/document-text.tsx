/** The text of a document with a passage marked in it. Of a long text a part is shown, and more when asked for. */
import { useEffect, useRef, useState } from "react";

import { Button } from "@/components/button";
import type { Passage } from "@/lib/passage";
import { pieces, wider, windowAround } from "@/lib/passage";

export function DocumentText({ text, passage }: { text: string; passage?: Passage | undefined }) {
  const [shown, setShown] = useState(() => windowAround(text, passage));
  const { before, marked, after } = pieces(text, shown, passage);
  const mark = useRef<HTMLElement>(null);
  useEffect(() => {
    mark.current?.scrollIntoView({ block: "center" });
  }, []);
  return (
    <div className="flex flex-col items-start gap-3">
      {shown.from > 0 && (
        <Button
          look="quiet"
          onClick={() => {
            setShown(wider(text, shown, "back"));
          }}
        >
          Show what comes before
        </Button>
      )}
      <div className="w-full leading-relaxed whitespace-pre-wrap">
        {before}
        {marked && <mark ref={mark}>{marked}</mark>}
        {after}
      </div>
      {shown.to < text.length && (
        <Button
          look="quiet"
          onClick={() => {
            setShown(wider(text, shown, "on"));
          }}
        >
          Show what comes after
        </Button>
      )}
    </div>
  );
}
