import { errnoOf, messageOf } from './errors.ts';
import { type Spawn, type SpawnedProcess, spawn } from './spawn.ts';

export interface ExecOptions {
  readonly signal: AbortSignal;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Bound on standard output and on standard error, each. Past it the process is killed and `ExecError` thrown. */
  readonly outputBytesMax?: number;
  /** For programs of strangers: when it is killed, so is everything that it started and that did not leave its group. */
  readonly ownGroup?: boolean;
}

export interface ExecResult {
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A program could not be run, or ended with something else than 0. `code` is undefined when it never ran. */
export class ExecError extends Error {
  override readonly name = 'ExecError';
  readonly code: number | undefined;
  readonly stderr: string;
  readonly stdout: Buffer;

  constructor(
    message: string,
    detail: { code?: number | undefined; stderr?: string; stdout?: Buffer; cause?: unknown },
  ) {
    super(message, { cause: detail.cause });
    this.code = detail.code;
    this.stderr = detail.stderr ?? '';
    this.stdout = detail.stdout ?? Buffer.alloc(0);
  }
}

export type Exec = (command: string, args: readonly string[], options: ExecOptions) => Promise<ExecResult>;

/** Large enough for any listing of `ip`, `nft` or a runtime; small enough to bound a runaway child. */
const outputBytesMaxDefault = 16 * 1024 * 1024;

/** Runs a program to its end without a shell. Throws `ExecError`; an abort kills the child and rejects with the reason. */
export const exec: Exec = createExec(spawn);

/** `exec` by another way to start programs. */
export function createExec(start: Spawn): Exec {
  return (command, args, options) => run(start, command, args, options);
}

function run(start: Spawn, command: string, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    options.signal.throwIfAborted();
    const { env, cwd } = options;
    const child = start(command, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env,
      cwd,
      ownGroup: options.ownGroup,
    });
    const kill = () => killChild(child, options.ownGroup === true);
    const limit = options.outputBytesMax ?? outputBytesMaxDefault;
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const sizes = { out: 0, err: 0 };
    let overflow = false;
    const collect = (into: Buffer[], which: 'out' | 'err') => (chunk: Buffer) => {
      sizes[which] += chunk.length;
      if (sizes[which] <= limit) return void into.push(chunk);
      overflow = true;
      kill();
    };
    const onAbort = kill;
    options.signal.addEventListener('abort', onAbort, { once: true });
    child.stdout?.on('data', collect(out, 'out'));
    child.stderr?.on('data', collect(err, 'err'));
    child.stdin?.on('error', () => {}); // a child that does not read its input may still succeed
    child.stdin?.end(options.input);
    child.once('error', (cause) => {
      options.signal.removeEventListener('abort', onAbort);
      reject(new ExecError(`run ${command}: ${messageOf(cause)}`, { cause }));
    });
    child.once('close', (code, killedBy) => {
      options.signal.removeEventListener('abort', onAbort);
      const stdout = Buffer.concat(out);
      const stderr = Buffer.concat(err).toString();
      if (options.signal.aborted) return reject(options.signal.reason);
      if (overflow) return reject(new ExecError(`${command} printed more than ${limit} bytes`, { stderr }));
      if (code === 0) return resolve({ stdout, stderr });
      const said = stderr.trim() || stdout.toString().trim() || (killedBy ? `killed by ${killedBy}` : 'no output');
      reject(
        new ExecError(`${command} ${args[0] ?? ''}: exit code ${code}: ${said}`, {
          code: code ?? undefined,
          stderr,
          stdout,
        }),
      );
    });
  });
}

function killChild(child: SpawnedProcess, withGroup: boolean): void {
  if (!withGroup || child.pid === undefined) return void child.kill('SIGKILL');
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error; // it has just ended
  }
}
