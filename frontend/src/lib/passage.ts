/** Which part of a document's text is shown, and which part of that is marked. */
import { unitIndex } from "@/lib/characters";

/** A passage by the backend's offsets: characters, the end not included. */
export interface Passage {
  readonly start: number;
  readonly end: number;
}

/** A part of a text by its indices here. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** More would make a browser slow to lay out. */
const STEP = 30_000;
const FAR = 2_000;

/** The part of `text` to show first: around the passage, or from the beginning. */
export function windowAround(text: string, passage?: Passage): Window {
  const middle = passage ? unitIndex(text, passage.start) : 0;
  return { from: breakBefore(text, middle - STEP / 2), to: Math.min(text.length, middle + STEP) };
}

/** One step more of `text`, back or on. */
export function wider(text: string, { from, to }: Window, way: "back" | "on"): Window {
  return way === "back"
    ? { from: breakBefore(text, from - STEP), to }
    : { from, to: Math.min(text.length, to + STEP) };
}

/** The shown text in three pieces; `marked` is empty without a passage. */
export function pieces(text: string, { from, to }: Window, passage?: Passage) {
  if (!passage) {
    return { before: text.slice(from, to), marked: "", after: "" };
  }
  const start = Math.max(from, unitIndex(text, passage.start));
  const end = Math.min(to, unitIndex(text, passage.end));
  return {
    before: text.slice(from, start),
    marked: text.slice(start, end),
    after: text.slice(Math.max(start, end), to),
  };
}

/** The beginning of the line that holds `index`, where it is near; no line should be shown from its middle. */
function breakBefore(text: string, index: number): number {
  const line = index <= 0 ? 0 : text.lastIndexOf("\n", index) + 1;
  return Math.max(line, index - FAR);
}
