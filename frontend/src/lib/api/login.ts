/** Whether this backend wants a token, and signing in and out with one. */
import { queryOptions } from "@tanstack/react-query";

import { noteStatus } from "@/lib/api/client";
import { problemError } from "@/lib/api/problem";

export interface Login {
  readonly required: boolean;
  readonly signed_in: boolean;
}

const PATH = "/api/login";
const PATIENCE_MS = 5_000;
const OPEN: Login = { required: false, signed_in: false };
export const SIGNED_OUT: Login = { required: true, signed_in: false };

export const loginQuery = queryOptions({
  queryKey: ["login"],
  queryFn: ({ signal }) => asked(signal),
  staleTime: 60_000,
  // Until it ends nothing is shown at all; the page itself says what is wrong.
  retry: false,
});

async function asked(signal: AbortSignal): Promise<Login> {
  const response = await fetch(PATH, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
  });
  if (response.status === 404) {
    // A backend that knows no sign-in is open.
    return OPEN;
  }
  if (!response.ok) {
    throw problemError(response.status, await bodyOf(response));
  }
  return (await response.json()) as Login;
}

/** Sign in. Throws ProblemError, 401 when the token is not the right one. */
export async function signIn(token: string): Promise<void> {
  const response = await fetch(PATH, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!response.ok) {
    throw problemError(response.status, await bodyOf(response));
  }
}

/** Sign out. Throws ProblemError. */
export async function signOut(): Promise<void> {
  const response = await fetch("/api/logout", { method: "POST" });
  noteStatus(response.status);
  if (!response.ok && response.status !== 401) {
    throw problemError(response.status, await bodyOf(response));
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}
