/** Sentences of the service as they are shown. */
import { render } from "@testing-library/react";
import { expect, test } from "vitest";

import { Said } from "@/components/said";

test.each([
  ["Try `synapse doctor` or `make`.", "Try <code>synapse doctor</code> or <code>make</code>."],
  ["Nothing <b>to</b> type.", "Nothing &lt;b&gt;to&lt;/b&gt; type."],
])("%s", (sentence, shown) => {
  const { container } = render(<Said>{sentence}</Said>);
  expect(container.innerHTML.replace(/ class="[^"]*"/g, "")).toBe(shown);
});
