/** Follows the backend's events on a websocket, and comes back to it, ever more slowly, when it is lost. */

export interface ServiceEvent {
  readonly kind: string;
}

/** What a follower does with the world: tests hand in their own. */
export interface Line {
  readonly connect: () => WebSocket;
  readonly random: () => number;
}

export interface Ears {
  readonly heard: (event: ServiceEvent) => void;
  /** The line is gone; `code` is the websocket's reason. */
  readonly lost: (code: number) => void;
}

export interface Follower {
  /** Try again now rather than when the wait is over. */
  readonly hurry: () => void;
  readonly stop: () => void;
}

const FIRST_MS = 500;
const LONGEST_MS = 20_000;

/** Milliseconds to wait before try number `tries` (from 0): doubled each time, half of it by chance. */
export function wait(tries: number, random: () => number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** tries);
  return whole / 2 + (whole / 2) * random();
}

export function follow(line: Line, ears: Ears): Follower {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;
  let stopped = false;

  function connect(): void {
    timer = undefined;
    socket = line.connect();
    socket.addEventListener("message", (message) => {
      tries = 0;
      const event = parsed(message.data);
      if (event) {
        ears.heard(event);
      }
    });
    socket.addEventListener("close", ({ code }) => {
      if (stopped) {
        return;
      }
      socket = undefined;
      ears.lost(code);
      timer = setTimeout(connect, wait(tries, line.random));
      tries += 1;
    });
  }

  connect();
  return {
    hurry: () => {
      if (timer !== undefined) {
        clearTimeout(timer);
        connect();
      }
    },
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      socket?.close();
    },
  };
}

function parsed(text: unknown): ServiceEvent | undefined {
  try {
    const event: unknown = JSON.parse(String(text));
    return typeof event === "object" && event !== null && "kind" in event
      ? { kind: String(event.kind) }
      : undefined;
  } catch {
    return undefined;
  }
}
