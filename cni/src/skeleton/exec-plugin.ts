import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { raceAbort } from '@slipway/kit/abort';
import { type Clock, systemClock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import { type Exec, ExecError } from '@slipway/kit/exec';
import { CniError } from '../spec/cni-error.ts';
import { fields, type JsonObject } from '../spec/json.ts';
import { decodeResult } from '../spec/result.ts';
import type { CallPlugin, Invocation } from './plugin.ts';
import { isWindowsPlugin } from './windows-plugins.ts';

export interface ExecPluginOptions {
  readonly exec: Exec;
  /** Environment that executables get besides the CNI_ variables: `PATH` above all. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs the executables as if this were the host's network namespace. */
  readonly netns?: string;
  readonly clock?: Clock;
  /** How long a plugin may take before it is killed. */
  readonly timeoutMs?: number;
}

/** A plugin that waits for others, a DHCP server for instance, gets an answer in half of it. */
const timeoutMsDefault = 60_000;
/** A result takes some hundred bytes. */
const outputBytesMax = 1024 * 1024;
/** As much of what a plugin said as an error repeats. */
const excerptLengthMax = 500;

/**
 * Calls plugins by the exec protocol: environment, JSON on standard input, result or error on standard output. Whatever the
 * program does, the call ends: one that hangs or talks too much is killed with all that it started. Throws `CniError`.
 */
export function createExecCaller(options: ExecPluginOptions): CallPlugin {
  const { exec, env, netns, clock = systemClock, timeoutMs = timeoutMsDefault } = options;
  return async (type, invocation, signal) => {
    const program = await findPlugin(type, invocation.path);
    const [command = program, ...args] = netns === undefined ? [program] : ['nsenter', `--net=${netns}`, program];
    const deadline = new AbortController();
    const cancelDeadline = clock.after(timeoutMs, () => deadline.abort(hangs(type, invocation, timeoutMs)));
    const bounded = AbortSignal.any([signal, deadline.signal]);
    try {
      const running = exec(command, args, {
        signal: bounded,
        input: JSON.stringify(invocation.config),
        env: { ...env, ...environmentOf(invocation) },
        outputBytesMax,
        ownGroup: true,
      });
      const { stdout } = await raceAbort(running, bounded);
      return parseAnswer(stdout.toString().trim(), type, invocation);
    } catch (error) {
      throw pluginFailure(error, type);
    } finally {
      cancelDeadline();
    }
  };
}

function hangs(type: string, { command }: Invocation, timeoutMs: number): CniError {
  return new CniError(
    'tryAgainLater',
    `plugin type="${type}" failed: ${command} took more than ${timeoutMs} ms and was killed`,
  );
}

function parseAnswer(text: string, type: string, { command }: Invocation): JsonObject | undefined {
  const what = `answer of plugin type="${type}"`;
  if (text === '') {
    if (command !== 'ADD' && command !== 'VERSION') return undefined;
    throw new CniError('decodingFailure', `${what}: it printed nothing on ${command}`);
  }
  const answer = tryParse(text);
  if (answer && command === 'ADD') requireResult(answer, what);
  if (answer) return answer;
  // Only these print something that anybody reads.
  if (command !== 'ADD' && command !== 'VERSION') return undefined;
  throw new CniError('decodingFailure', `${what}: not a JSON object`, { details: excerpt(text) });
}

function requireResult(answer: JsonObject, what: string): void {
  try {
    decodeResult(answer);
  } catch (cause) {
    throw new CniError('decodingFailure', `${what}: ${messageOf(cause)}`, { cause });
  }
}

function excerpt(text: string): string {
  return text.length <= excerptLengthMax ? text : `${text.slice(0, excerptLengthMax)}...`;
}

/** Throws `CniError` (invalid configuration) that says where it was looked for. */
export async function findPlugin(type: string, path: readonly string[]): Promise<string> {
  if (type === '' || type.includes('/')) throw new CniError('invalidNetworkConfig', `invalid plugin name: ${type}`);
  for (const folder of path) {
    const program = join(folder, type);
    if (await isExecutable(program)) return program;
  }
  if (isWindowsPlugin(type)) {
    const message = `plugin type "${type}" is not supported on Linux nodes: it belongs to Windows`;
    throw new CniError('invalidNetworkConfig', message);
  }
  throw new CniError('invalidNetworkConfig', `failed to find plugin "${type}" in path [${path.join(' ')}]`);
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function environmentOf(invocation: Invocation): Record<string, string> {
  return {
    CNI_COMMAND: invocation.command,
    CNI_CONTAINERID: invocation.containerId,
    CNI_NETNS: invocation.netns,
    CNI_IFNAME: invocation.ifName,
    CNI_ARGS: invocation.args,
    CNI_PATH: invocation.path.join(':'),
  };
}

/** A plugin that fails prints its error as JSON; one that dies prints whatever it prints. */
function pluginFailure(error: unknown, type: string): unknown {
  if (!(error instanceof ExecError)) return error;
  const answer = tryParse(error.stdout.toString());
  if (answer && typeof answer.code === 'number') {
    const details = typeof answer.details === 'string' && answer.details !== '' ? answer.details : undefined;
    const said = typeof answer.msg === 'string' && answer.msg !== '' ? answer.msg : 'no message';
    const message = `plugin type="${type}" failed: ${excerpt(said)}`;
    return new CniError(answer.code, message, { cause: error, ...(details ? { details: excerpt(details) } : {}) });
  }
  return new CniError('internal', `plugin type="${type}" failed: ${excerpt(messageOf(error))}`, { cause: error });
}

function tryParse(text: string): JsonObject | undefined {
  try {
    return fields(JSON.parse(text), 'error');
  } catch {
    return undefined;
  }
}
