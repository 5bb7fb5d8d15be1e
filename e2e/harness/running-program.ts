/** A program that goes on until a test ends it: what it has said, waiting for a line of it, its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { systemClock } from '@slipway/kit/clock';

/** How long a first start may take on a busy machine before the harness calls it failed. */
export const startMsMax = 60_000;
/** How much of what a program says is kept, the newest of it. */
const charactersMax = 16 * 1024 * 1024;
/** How much of it an error repeats. */
const shownCharactersMax = 8000;

export interface ProgramOptions {
  /** Beside the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** Keeps its input open; it ends with the test's process. */
  readonly holdsInput?: boolean;
}

export class RunningProgram {
  readonly child: ChildProcess;
  /** What it has said on standard output and on standard error. */
  output = '';
  errors = '';
  /** Its exit code once both outputs are closed; null when a signal killed it. */
  readonly ended: Promise<number | null>;
  readonly #command: string;
  readonly #listeners = new Set<() => void>();
  #isClosed = false;

  constructor(program: string, args: readonly string[], { env, holdsInput = false }: ProgramOptions = {}) {
    this.#command = [program.split('/').at(-1), ...args.slice(0, 2)].join(' ');
    this.child = spawn(program, [...args], {
      env: { ...process.env, ...env },
      stdio: [holdsInput ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output = (this.output + text).slice(-charactersMax);
      this.#tell();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors = (this.errors + text).slice(-charactersMax);
      this.#tell();
    });
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.errors += error.message;
      });
      this.child.once('close', (code) => {
        this.#isClosed = true;
        resolve(code);
        this.#tell();
      });
    });
  }

  /** Throws when it could not be started. */
  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.#command} does not run: ${this.errors}`);
    return this.child.pid;
  }

  /** Everything it has said. */
  get said(): string {
    return this.output + this.errors;
  }

  get isRunning(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves when it has said this on either output; rejects when it ends before or takes too long. */
  says(what: RegExp, withinMs = startMsMax): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (settled: () => void) => {
        cancel();
        this.#listeners.delete(look);
        settled();
      };
      const fail = (how: string) =>
        settle(() => reject(new Error(`${this.#command} ${how}\n${this.said.slice(-shownCharactersMax)}`)));
      const look = () => {
        const match = what.exec(this.output) ?? what.exec(this.errors);
        if (match) settle(() => resolve(match));
        else if (this.#isClosed)
          fail(`ended with ${this.child.exitCode ?? this.child.signalCode} and never said ${what}`);
      };
      const cancel = systemClock.after(withinMs, () => fail(`has not said ${what} for ${withinMs} ms`));
      this.#listeners.add(look);
      look();
    });
  }

  /** Sends the signal and waits for the end; answers the exit code, null when a signal killed it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.isRunning) this.child.kill(signal);
    return await this.ended;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
