/** The box to ask in: Enter asks, Shift+Enter begins a new line, and while an answer comes it can be stopped. */
import { ArrowUp, Square } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { KeyboardEvent } from "react";

const LONGEST = 2_000;
/** The question box is found by this id when `/` is pressed. */
export const QUESTION_ID = "question";

interface QuestionBoxProps {
  label: string;
  running: boolean;
  focused: boolean;
  onAsk: (question: string) => void;
  onStop: () => void;
}

export function QuestionBox({ label, running, focused, onAsk, onStop }: QuestionBoxProps) {
  const [text, setText] = useState("");
  const box = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    const area = box.current;
    if (area) {
      // As high as its text; the style sheet sets the limit.
      area.style.height = "auto";
      area.style.height = `${area.scrollHeight}px`;
    }
  }, [text]);
  useEffect(() => {
    // On a phone the keyboard would cover half of the page before anybody asked for it.
    if (focused && window.matchMedia("(pointer: fine)").matches) {
      box.current?.focus();
    }
  }, [focused]);

  function ask(): void {
    if (text.trim() && !running) {
      onAsk(text.trim());
      setText("");
    }
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      ask();
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        ask();
      }}
      className="border-line bg-surface focus-within:border-accent flex items-end gap-2 rounded-2xl border p-2 shadow-sm transition-colors"
    >
      <textarea
        ref={box}
        id={QUESTION_ID}
        aria-label={label}
        placeholder={label}
        rows={1}
        maxLength={LONGEST}
        value={text}
        enterKeyHint="send"
        onChange={(event) => {
          setText(event.target.value);
        }}
        onKeyDown={onKeyDown}
        className="max-h-56 min-h-11 flex-1 resize-none bg-transparent px-2.5 py-2.5 leading-normal outline-none"
      />
      {running ? (
        <Round key="stop" label="Stop the answer" onClick={onStop}>
          <Square className="size-4 fill-current" aria-hidden="true" />
        </Round>
      ) : (
        <Round key="ask" label="Ask" submit disabled={!text.trim()}>
          <ArrowUp className="size-5" aria-hidden="true" />
        </Round>
      )}
    </form>
  );
}

interface RoundProps {
  label: string;
  submit?: boolean;
  disabled?: boolean;
  onClick?: () => void;
  children: React.ReactNode;
}

function Round({ label, submit = false, ...rest }: RoundProps) {
  return (
    <button
      type={submit ? "submit" : "button"}
      aria-label={label}
      title={label}
      className="bg-accent text-on-accent hover:bg-accent-strong disabled:bg-sunken disabled:text-soft inline-flex size-11 shrink-0 items-center justify-center rounded-xl transition-colors disabled:cursor-not-allowed"
      {...rest}
    />
  );
}
