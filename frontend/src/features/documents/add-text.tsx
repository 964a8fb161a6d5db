/** A text to keep, typed or pasted in. */
import { useId, useState } from "react";
import { useNavigate } from "react-router";

import { Button, WriteButton } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { FIELD } from "@/components/field";
import { ErrorNotice } from "@/components/notice";
import { useAddText } from "@/features/documents/documents";
import { documentPath } from "@/lib/api/documents";

export function AddText({ onClose }: { onClose: () => void }) {
  const [title, setTitle] = useState("");
  const [text, setText] = useState("");
  const adding = useAddText();
  const navigate = useNavigate();
  const id = useId();

  function add(): void {
    if (!adding.isPending) {
      adding.mutate(
        { title, text },
        {
          onSuccess: (document) => {
            onClose();
            void navigate(documentPath(document.id));
          },
        },
      );
    }
  }

  return (
    <Dialog title="Add a text" onClose={onClose}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          add();
        }}
      >
        <div className="flex flex-col gap-1.5">
          <label htmlFor={`${id}-title`} className="text-sm font-medium">
            Title
          </label>
          <input
            id={`${id}-title`}
            data-first
            className={FIELD}
            value={title}
            maxLength={300}
            required
            onChange={(event) => {
              setTitle(event.target.value);
            }}
          />
        </div>
        <div className="flex flex-col gap-1.5">
          <label htmlFor={`${id}-text`} className="text-sm font-medium">
            Text
          </label>
          <textarea
            id={`${id}-text`}
            className={`${FIELD} min-h-48 leading-relaxed`}
            value={text}
            required
            rows={9}
            onChange={(event) => {
              setText(event.target.value);
            }}
          />
        </div>
        {adding.error && <ErrorNotice error={adding.error} />}
        <div className="flex flex-wrap justify-end gap-3">
          <Button onClick={onClose}>Cancel</Button>
          <WriteButton look="lead" type="submit" disabled={adding.isPending}>
            {adding.isPending ? "Adding…" : "Add"}
          </WriteButton>
        </div>
      </form>
    </Dialog>
  );
}
