/** Makes the numbers in an answer, like [1] or [1, 3], into links: a step of the Markdown pipeline. */
import type { Link, PhrasingContent, Root, RootContent, Text } from "mdast";

const NUMBERS = /\[(\d{1,2}(?:\s*,\s*\d{1,2})*)\]/g;
const PREFIX = "#cited-";

/** Whatever holds text: a text is replaced by what may stand where it stood. */
interface Parent {
  children: RootContent[];
}

/** A remark plugin; only numbers in `known` become links. */
export function citing(known: ReadonlySet<number>) {
  return () => (root: Root) => {
    visit(root, known);
  };
}

/** The number that a link stands for; undefined when it is another link. */
export function citedNumber(href: string | undefined): number | undefined {
  return href?.startsWith(PREFIX) ? Number(href.slice(PREFIX.length)) : undefined;
}

function visit(parent: Parent, known: ReadonlySet<number>): void {
  parent.children = parent.children.flatMap<RootContent>((child) =>
    child.type === "text" ? linked(child, known) : [child],
  );
  for (const child of parent.children) {
    if ("children" in child && child.type !== "link") {
      visit(child, known);
    }
  }
}

function linked({ value }: Text, known: ReadonlySet<number>): PhrasingContent[] {
  const parts: PhrasingContent[] = [];
  let end = 0;
  for (const match of value.matchAll(NUMBERS)) {
    const numbers = (match[1] ?? "").split(",").map(Number);
    if (numbers.every((number) => known.has(number))) {
      parts.push({ type: "text", value: value.slice(end, match.index) }, ...numbers.map(link));
      end = match.index + match[0].length;
    }
  }
  return [...parts, { type: "text", value: value.slice(end) }];
}

function link(number: number): Link {
  return { type: "link", url: `${PREFIX}${number}`, children: [{ type: "text", value: String(number) }] };
}
