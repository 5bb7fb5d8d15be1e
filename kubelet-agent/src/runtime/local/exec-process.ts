import { readFile, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import type { SpawnedProcess } from '@slipway/kit/spawn';
import { type ExecRequest, type ExecSession, type ExecSyncResult, RuntimeError, type TerminalSize } from '../cri.ts';
import { openPty, type Pty, resizeTerminalOf } from './kernel/pty.ts';
import type { LocalDeps } from './local-deps.ts';
import { processStartError } from './oci-errors.ts';
import type { OciSpec } from './spec/oci-spec.ts';
import { isProcessOf, readPidFile } from './process-identity.ts';

/** Of each stream of an `execSync`; what a probe or a hook prints is far less. */
const execSyncBytesMax = 16 * 1024 * 1024;

interface TerminalParts {
  readonly stdin: boolean;
  readonly exitCode: Promise<number>;
  readonly files: ExecFiles;
  readonly containerId: string;
}

interface ExecFiles {
  readonly pid: string;
  readonly log: string;
  readonly process: string;
}

/** Runs a program in a running container by the OCI runtime's `exec`, whose streams and exit code are the program's. */
export async function startExec(deps: LocalDeps, request: ExecRequest, signal: AbortSignal): Promise<ExecSession> {
  const { runtime } = await deps.programs(signal);
  signal.throwIfAborted();
  const { containerId, cmd, tty } = request;
  if (cmd.length === 0) throw new RuntimeError('invalidArgument', 'no command specified');
  const base = join(deps.paths.container(containerId).directory, `exec-${deps.random.suffix(10)}`);
  const files = { pid: `${base}.pid`, log: `${base}.log`, process: `${base}.json` };
  if (tty) await writeTerminalProcess(deps, request, files.process);
  const args = [
    ...[`--root=${deps.paths.ociRoot}`, '--log', files.log, '--log-format', 'json'],
    ...['exec', '--pid-file', files.pid, ...(tty ? ['--process', files.process, containerId] : [containerId, ...cmd])],
  ];
  const pty = tty ? openPty() : undefined;
  const inner = pty?.innerFd;
  const child = deps.spawn(runtime.path, args, {
    stdio: [inner ?? (request.stdin ? 'pipe' : 'ignore'), inner ?? 'pipe', inner ?? 'pipe'],
    env: { PATH: deps.searchPath },
  });
  pty?.closeInner();
  const kill = () => void killExec(containerId, files, child);
  signal.addEventListener('abort', kill, { once: true });
  const exitCode = exitCodeOf(child, files, pty).finally(() => signal.removeEventListener('abort', kill));
  exitCode.catch(() => {}); // a caller that only reads the streams is no reason to stop the agent
  const { stdin } = request;
  return pty ? terminalSession(pty, child, { stdin, exitCode, files, containerId }) : pipeSession(child, exitCode);
}

/** The container's own process with another command, a terminal and its type: with `--env` crun would drop the other variables. */
async function writeTerminalProcess(deps: LocalDeps, { containerId, cmd }: ExecRequest, file: string): Promise<void> {
  const { process: own } = JSON.parse(await readFile(deps.paths.container(containerId).spec, 'utf8')) as OciSpec;
  const env = [...own.env.filter((pair) => !pair.startsWith('TERM=')), 'TERM=xterm'];
  await writeFile(file, JSON.stringify({ ...own, args: cmd, env, terminal: true }), { mode: 0o600 });
}

function pipeSession(child: SpawnedProcess, exitCode: Promise<number>): ExecSession {
  child.stdin?.on('error', () => {}); // a program that does not read its input may still succeed
  return {
    stdin: child.stdin ?? undefined,
    stdout: child.stdout as Readable,
    stderr: child.stderr as Readable,
    resize: async () => {},
    exitCode,
  };
}

function terminalSession(pty: Pty, child: SpawnedProcess, parts: TerminalParts): ExecSession {
  // The end of a terminal shows as EIO on its outer side.
  pty.stream.on('error', (error) => {
    if (errnoOf(error) !== 'EIO') pty.stream.destroy();
  });
  let wanted: TerminalSize | undefined;
  const resize = async (size: TerminalSize) => {
    wanted = size;
    if (child.exitCode !== null || child.signalCode !== null || pty.stream.destroyed) return;
    pty.resize(size); // what the runtime gives the container's terminal at the start
    const pid = await readPidFile(parts.files.pid);
    if (!(await isProcessOf(pid, parts.containerId))) return;
    await resizeTerminalOf(pid, size).catch(() => {}); // it has just ended, or gave its terminal up
  };
  // A size that came between the runtime's look at ours and the start of the program was lost.
  pty.stream.once('data', () => wanted && void resize(wanted));
  return {
    stdin: parts.stdin ? (pty.stream as unknown as Writable) : undefined,
    stdout: pty.stream,
    stderr: undefined,
    resize,
    exitCode: parts.exitCode,
  };
}

async function exitCodeOf(child: SpawnedProcess, files: ExecFiles, pty: Pty | undefined): Promise<number> {
  const [code, killedBy] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once(pty ? 'exit' : 'close', (exit, signal) => resolve([exit, signal]));
  }).catch((cause) => {
    throw new RuntimeError('unavailable', `exec: ${messageOf(cause)}`, { cause });
  });
  try {
    const log = code === 0 ? '' : await readFile(files.log, 'utf8').catch(() => '');
    const printed = log.split('\n').filter((line) => /"level":"(error|fatal)"/.test(line));
    if (printed.length > 0) throw processStartError('exec', printed.join('\n'));
    return code ?? 128 + (killedBy ? constants.signals[killedBy] : 0);
  } finally {
    await Promise.all(Object.values(files).map((file: string) => rm(file, { force: true })));
  }
}

/** The runtime cannot pass SIGKILL on, so the program itself is killed; the runtime then ends by itself. */
async function killExec(containerId: string, files: ExecFiles, child: SpawnedProcess): Promise<void> {
  const pid = await readPidFile(files.pid);
  if (!(await isProcessOf(pid, containerId))) {
    child.kill('SIGKILL');
    return;
  }
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

export async function runExecSync(
  deps: LocalDeps,
  request: { containerId: string; cmd: readonly string[]; timeoutMs: number },
  signal: AbortSignal,
): Promise<ExecSyncResult> {
  const { containerId, cmd, timeoutMs } = request;
  const controller = new AbortController();
  const stop = (reason: unknown) => controller.abort(reason);
  const onAbort = () => stop(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', onAbort, { once: true });
  const late = new RuntimeError('deadlineExceeded', `command ${JSON.stringify(cmd)} timed out after ${timeoutMs} ms`);
  const cancelTimer = timeoutMs > 0 ? deps.clock.after(timeoutMs, () => stop(late)) : () => {};
  try {
    const session = await startExec(deps, { containerId, cmd, tty: false, stdin: false }, controller.signal);
    const tooMuch = () =>
      stop(new RuntimeError('resourceExhausted', `command printed more than ${execSyncBytesMax} bytes`));
    const output = Promise.all([collect(session.stdout, tooMuch), collect(session.stderr, tooMuch)]);
    const [exitCode, [stdout, stderr]] = await Promise.all([session.exitCode, output]);
    controller.signal.throwIfAborted();
    return { stdout, stderr, exitCode };
  } catch (error) {
    controller.signal.throwIfAborted();
    throw error;
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', onAbort);
  }
}

async function collect(stream: Readable | undefined, tooMuch: () => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of (stream ?? []) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > execSyncBytesMax) tooMuch();
    else chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
