/** Numbers and times in words. */

const NUMBER = new Intl.NumberFormat("en");
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const MOMENT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** 12345 -> "12,345". */
export function grouped(count: number): string {
  return NUMBER.format(count);
}

/** 1, "passage" -> "1 passage"; 2, "passage" -> "2 passages". */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Bytes in the unit that reads best, in powers of 1000. */
export function sized(bytes: number): string {
  if (bytes < 1_000) {
    return counted(bytes, "byte");
  }
  const [value, unit] = bytes < 1_000_000 ? [bytes / 1_000, "kB"] : [bytes / 1_000_000, "MB"];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** "3 minutes ago"; less than a minute is "just now". */
export function ago(then: string, now: Date): string {
  const seconds = (new Date(then).getTime() - now.getTime()) / 1000;
  const unit = UNITS.find(([, size]) => Math.abs(seconds) >= size);
  return unit ? AGO.format(Math.round(seconds / unit[1]), unit[0]) : "just now";
}

/** A point in time in full, as this person's clock shows it. */
export function moment(then: string): string {
  return MOMENT.format(new Date(then));
}
