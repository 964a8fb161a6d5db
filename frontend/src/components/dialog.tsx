/** Dialogs on the browser's own <dialog>: it keeps the focus inside, closes on Escape and gives the focus back. */
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { useEffect, useId, useRef } from "react";

import { Button, IconButton } from "@/components/button";
import { ErrorNotice } from "@/components/notice";

const PLACES = {
  middle: "m-auto w-[min(34rem,calc(100vw-2rem))] max-h-[calc(100dvh-2rem)] rounded-2xl animate-appear",
  side: "ml-auto mr-0 my-0 h-dvh max-h-dvh w-[min(44rem,100vw)] max-w-none sm:rounded-l-2xl animate-slide",
} as const;

interface DialogProps {
  title: ReactNode;
  onClose: () => void;
  place?: keyof typeof PLACES;
  /** Beside the button that closes. */
  actions?: ReactNode;
  children: ReactNode;
}

/** Open for as long as it is rendered. The element marked `data-first` has the focus, else the first that can. */
export function Dialog({ title, onClose, place = "middle", actions, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const before = document.activeElement;
    const shown = dialog.current;
    shown?.showModal();
    shown?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      shown?.close();
      if (before instanceof HTMLElement && before.isConnected) {
        before.focus();
      }
    };
  }, []);
  return (
    // The click is a second way to close: Escape and the button are there for every other hand.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <dialog
      ref={dialog}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) {
          onClose();
        }
      }}
      className={`bg-surface text-ink border-line backdrop:bg-veil flex flex-col overflow-hidden border p-0 shadow-2xl ${PLACES[place]}`}
    >
      <div className="flex max-h-[inherit] min-h-0 flex-1 flex-col">
        <header className="border-line flex items-start gap-3 border-b py-3 pr-3 pl-5">
          <h2 id={heading} className="min-w-0 flex-1 py-1.5 text-lg leading-snug font-semibold">
            {title}
          </h2>
          {actions}
          <IconButton label="Close" onClick={onClose}>
            <X className="size-5" aria-hidden="true" />
          </IconButton>
        </header>
        <div className="min-h-0 flex-1 overflow-y-auto overscroll-contain p-5">{children}</div>
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  children: ReactNode;
  confirm: string;
  pending: boolean;
  error: unknown;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something is destroyed; the way out has the focus. */
export function Confirm({ title, children, confirm, pending, error, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="flex flex-col gap-5">
        <div className="text-soft leading-relaxed">{children}</div>
        {error ? <ErrorNotice error={error} /> : null}
        <div className="flex flex-wrap justify-end gap-3">
          <Button onClick={onClose} data-first>
            Keep it
          </Button>
          <Button look="danger" onClick={onConfirm} disabled={pending}>
            {pending ? "Deleting…" : confirm}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
