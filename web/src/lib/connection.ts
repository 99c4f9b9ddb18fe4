/** Whether the server answers. Calls report what they saw; while it does not answer, a probe asks until it does. */
type Listener = () => void;

const probeEvery = 2_000;

export class Connection {
  private lost = false;
  private probe: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<Listener>();

  constructor(private readonly ask: () => Promise<boolean> = healthy) {}

  readonly subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly isLost = (): boolean => this.lost;

  answered(): void {
    if (this.lost) this.set(false);
  }

  failed(): void {
    if (!this.lost) this.set(true);
  }

  private set(lost: boolean): void {
    this.lost = lost;
    clearTimeout(this.probe);
    if (lost) this.schedule();
    for (const listener of this.listeners) listener();
  }

  private schedule(): void {
    this.probe = setTimeout(() => {
      void this.ask().then((ok) => (ok ? this.answered() : this.lost && this.schedule()));
    }, probeEvery);
  }
}

async function healthy(): Promise<boolean> {
  try {
    return (await fetch("/readyz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

export const connection = new Connection();
