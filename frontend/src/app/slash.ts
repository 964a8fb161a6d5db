/** The key `/` goes to the question box, from wherever one is not typing. */
import { useEffect } from "react";
import type { NavigateFunction } from "react-router";

import { QUESTION_ID } from "@/features/asking/question-box";

export function useSlash(navigate: NavigateFunction): void {
  useEffect(() => {
    function onKeyDown(event: KeyboardEvent): void {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isBusy(event.target)) {
        return;
      }
      event.preventDefault();
      const box = document.getElementById(QUESTION_ID);
      if (box) {
        box.focus();
      } else {
        // The first page puts the focus into its box by itself.
        void navigate("/");
      }
    }
    document.addEventListener("keydown", onKeyDown);
    return () => {
      document.removeEventListener("keydown", onKeyDown);
    };
  }, [navigate]);
}

function isBusy(target: EventTarget | null): boolean {
  return (
    target instanceof Element && target.closest("input, textarea, select, dialog, [contenteditable]") !== null
  );
}
