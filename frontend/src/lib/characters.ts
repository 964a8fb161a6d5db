/** Offsets of the backend count characters; strings here count UTF-16 units. 𝄞 is one of those and two of these. */

/** The index in `text` of the character at `offset`; the length of the text when it is beyond the end. */
export function unitIndex(text: string, offset: number): number {
  let index = 0;
  for (let left = offset; left > 0 && index < text.length; left -= 1) {
    index += isPair(text, index) ? 2 : 1;
  }
  return index;
}

function isPair(text: string, index: number): boolean {
  return (text.codePointAt(index) ?? 0) > 0xffff;
}
