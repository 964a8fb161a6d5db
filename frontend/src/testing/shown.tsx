/** Shows the whole page at an address, as a person would see it. */
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createMemoryRouter } from "react-router";

import { App, assemble } from "@/app/app";
import { ROUTES } from "@/app/routes";
import { createQueryClient } from "@/lib/api/query-client";

export function shownAt(address: string) {
  const router = createMemoryRouter(ROUTES, { initialEntries: [address] });
  render(<App parts={assemble(createQueryClient())} router={router} />);
  return { router, user: userEvent.setup() };
}
