/** A websocket whose other end is the test. */

export class SilentSocket extends EventTarget {
  static readonly all: SilentSocket[] = [];

  readonly url: string;

  constructor(url = "") {
    super();
    this.url = url;
    SilentSocket.all.push(this);
  }

  says(event: object): void {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(event) }));
  }

  breaks(code = 1006): void {
    this.dispatchEvent(new CloseEvent("close", { code }));
  }

  close(): void {
    this.breaks(1000);
  }
}
