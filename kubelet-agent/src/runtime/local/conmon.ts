/**
 * conmon is a container's parent: it keeps its streams, writes its log in CRI's format and its exit code into a file, and
 * needs none of us for it. So the agent may come and go. It calls the OCI runtime's `create` and reports on a pipe
 * what came of it.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { messageOf } from '@slipway/kit/errors';
import type { Spawn } from '@slipway/kit/spawn';
import { RuntimeError, type TerminalSize } from '../cri.ts';
import { processStartError } from './oci-errors.ts';
import type { Conmon } from './local-deps.ts';
import type { OciRuntime } from './oci-runtime.ts';

export interface ConmonRequest {
  readonly conmon: Conmon;
  readonly runtime: OciRuntime;
  readonly ociRoot: string;
  readonly exitDir: string;
  /** Where versions before 2.1 put a link to the bundle, through which they bind the attach socket. */
  readonly socketDir: string;
  readonly containerId: string;
  /** The bundle; conmon puts its fifos and its attach socket there. */
  readonly directory: string;
  readonly pidFile: string;
  readonly conmonPidFile: string;
  /** Empty = no log. */
  readonly logPath: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** The container's standard input ends with the first client that attached to it. */
  readonly stdinOnce: boolean;
  readonly searchPath: string;
}

/** Room for the longest message of an OCI runtime. */
const reportBytesMax = 256 * 1024;

/** For a runtime in Go: it ends before collecting garbage or a second thread would pay; an eighth less processor time. */
const shortGoProgram = { GOGC: 'off', GOMAXPROCS: '1' };

/** Creates the container, not yet its program. Returns the PID of its first process. */
export async function createWithConmon(spawn: Spawn, request: ConmonRequest, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  const child = spawn(request.conmon.path, conmonArgs(request), {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { PATH: request.searchPath, _OCI_SYNCPIPE: '3', ...shortGoProgram },
    cwd: request.directory,
  });
  const failed = new Promise<never>((_, reject) =>
    child.once('error', (cause) =>
      reject(new RuntimeError('unavailable', `run ${request.conmon.path}: ${messageOf(cause)}`, { cause })),
    ),
  );
  const pipe = child.stdio[3] as Readable;
  const report = await Promise.race([readReport(pipe), failed]);
  pipe.destroy(); // conmon holds its end as long as the container lives
  const { data, message } = parseReport(report);
  if (data > 0) return data;
  throw processStartError('create', message || 'conmon gave no reason');
}

function conmonArgs(request: ConmonRequest): string[] {
  const { containerId: id } = request;
  const { options } = request.conmon;
  return [
    ...['--api-version', '1', '--cid', id, '--cuuid', id, '--name', id],
    ...['--runtime', request.runtime.path, '--bundle', request.directory],
    ...['--container-pidfile', request.pidFile, '--conmon-pidfile', request.conmonPidFile],
    ...['--exit-dir', request.exitDir, '--log-level', 'error'],
    ...(options.has('--full-attach') ? ['--full-attach'] : ['--socket-dir-path', request.socketDir]),
    ...(options.has('--no-sync-log') ? ['--no-sync-log'] : []),
    ...['--log-path', request.logPath ? `k8s-file:${request.logPath}` : 'off'],
    ...['--runtime-arg', `--root=${request.ociRoot}`, '--runtime-arg', '--log-format=json'],
    ...(request.terminal ? ['--terminal'] : []),
    ...(request.stdin ? ['--stdin'] : []),
    ...(request.stdin && !request.stdinOnce ? ['--leave-stdin-open'] : []),
  ];
}

function readReport(pipe: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    pipe.setEncoding('utf8');
    pipe.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n') || text.length > reportBytesMax) resolve(text);
    });
    pipe.once('end', () => resolve(text));
    pipe.once('error', reject);
  });
}

function parseReport(text: string): { data: number; message: string } {
  try {
    const report = JSON.parse(text) as { data?: number; message?: string };
    return { data: report.data ?? -1, message: report.message ?? '' };
  } catch {
    return { data: -1, message: text.trim() || 'conmon ended without a report' };
  }
}

/** conmon's control fifo takes lines of a message type and two numbers. */
const controlResize = 1;
const controlReopenLog = 2;

export async function resizeTerminal(controlPath: string, size: TerminalSize): Promise<void> {
  await writeControl(controlPath, `${controlResize} ${size.height} ${size.width}\n`);
}

/** conmon closes the log's file and opens its path anew. */
export async function reopenLog(controlPath: string): Promise<void> {
  await writeControl(controlPath, `${controlReopenLog} 0 0\n`);
}

async function writeControl(path: string, line: string): Promise<void> {
  const fifo = await open(path, constants.O_WRONLY | constants.O_NONBLOCK); // ENXIO when conmon has gone
  try {
    await fifo.write(line);
  } finally {
    await fifo.close();
  }
}
