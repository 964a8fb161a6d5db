/** Every failure as the backend words it: what failed, and what to do. */

export interface Problem {
  readonly what: string;
  readonly hint: string;
}

/** A call that failed. `status` is 0 when there was no answer at all. */
export class ProblemError extends Error {
  readonly problem: Problem;
  readonly status: number;

  constructor(problem: Problem, status: number) {
    super(problem.what);
    this.name = "ProblemError";
    this.problem = problem;
    this.status = status;
  }
}

/** Who is silent: the web server itself, the backend behind it, or a backend that took the request and hangs. */
export type Silent = "server" | "backend" | "hung";

const LATER = "Try again when it is back; `synapse doctor` says what is wrong.";
const SILENCE: Record<Silent, Problem> = {
  server: { what: "The server cannot be reached.", hint: LATER },
  backend: { what: "The backend cannot be reached.", hint: LATER },
  hung: { what: "The backend does not answer.", hint: LATER },
};

/** The error of a request that nobody answered. */
export function silence(silent: Silent): ProblemError {
  return new ProblemError(SILENCE[silent], 0);
}

/** Tell whether an error means that no answer came, as opposed to a refusal. */
export function isSilence(error: unknown): boolean {
  return isUnanswered(error) || (error instanceof ProblemError && error.status === 0);
}

/** Tell whether fetch got no answer: a TypeError when there was no connection, else the end of patience. */
function isUnanswered(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");
}

/** What to show for anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) {
    return error.problem;
  }
  if (isUnanswered(error)) {
    return SILENCE.server;
  }
  const reason = error instanceof Error ? error.message : String(error);
  return { what: `Something failed that should not: ${reason}`, hint: "Reload the page." };
}

/** The error of an answer that is not good: the backend's own words, or what a proxy in front of it means. */
export function problemError(status: number, body: unknown): ProblemError {
  const given = stated(body);
  if (given) {
    return new ProblemError(given, status);
  }
  if (status >= 500) {
    return silence(status === 504 ? "hung" : "backend");
  }
  return new ProblemError({ what: `The backend answered ${status}.`, hint: "Reload the page." }, status);
}

function stated(body: unknown): Problem | undefined {
  if (typeof body !== "object" || body === null || !("error" in body)) {
    return undefined;
  }
  const { error } = body;
  if (typeof error !== "object" || error === null || !("what" in error) || !("hint" in error)) {
    return undefined;
  }
  return { what: String(error.what), hint: String(error.hint) };
}
