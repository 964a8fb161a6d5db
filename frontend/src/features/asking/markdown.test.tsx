/** What a model writes is shown as meant, and does no harm. */
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";

import AnswerMarkdown from "@/features/asking/markdown";
import { CITED } from "@/testing/network";

function shown(text: string): HTMLElement {
  return render(<AnswerMarkdown text={text} citations={[CITED, { ...CITED, number: 2 }]} />).container;
}

test("numbers that cite are links to the passage, alone or together, in any part", () => {
  shown("- **Because** [1, 2].\n- So[1].");
  const links = screen.getAllByRole("link");
  expect(links.map((link) => link.textContent)).toEqual(["1", "2", "1"]);
  expect(links[0]).toHaveAttribute("href", "/documents/tides?start=12&end=48");
});

test("numbers that cite nothing stay as they are", () => {
  expect(shown("See a[0] and [9] and `x[1]`.").textContent).toBe("See a[0] and [9] and x[1].");
  expect(screen.queryByRole("link")).toBeNull();
});

test("no HTML, no script address and no picture comes out of a model's text", () => {
  const page = shown(
    "<b onclick=x>b</b> [a](javascript:alert(1)) ![p](http://evil/p.png) [t](https://t.example)",
  );
  expect(page.querySelector("b, img, script")).toBeNull();
  expect(page.innerHTML).not.toContain("javascript:");
  expect(screen.getByRole("link", { name: "t" })).toHaveAttribute("rel", "noreferrer");
});
