import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@slipway/kit/errors';
import { type Exec, ExecError } from '@slipway/kit/exec';
import { CniError } from '../spec/cni-error.ts';
import { fields, type JsonObject, optionalString, parseJson } from '../spec/json.ts';
import type { CallPlugin, Invocation } from './plugin.ts';
import { isWindowsPlugin } from './windows-plugins.ts';

export interface ExecPluginOptions {
  readonly exec: Exec;
  /** Environment that executables get besides the CNI_ variables: `PATH` above all. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs the executables as if this were the host's network namespace. */
  readonly netns?: string;
}

/** Calls plugins by the exec protocol: environment, JSON on standard input, result or error on standard output. */
export function createExecCaller({ exec, env, netns }: ExecPluginOptions): CallPlugin {
  return async (type, invocation, signal) => {
    const program = await findPlugin(type, invocation.path);
    const [command = program, ...args] = netns === undefined ? [program] : ['nsenter', `--net=${netns}`, program];
    try {
      const { stdout } = await exec(command, args, {
        signal,
        input: JSON.stringify(invocation.config),
        env: { ...env, ...environmentOf(invocation) },
      });
      const text = stdout.toString().trim();
      return text === '' ? undefined : fields(parseJson(text, `answer of plugin ${type}`), `answer of plugin ${type}`);
    } catch (error) {
      throw pluginFailure(error, type);
    }
  };
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
    const details = optionalString(answer, 'details');
    const message = `plugin type="${type}" failed: ${optionalString(answer, 'msg') ?? 'no message'}`;
    return new CniError(answer.code, message, { cause: error, ...(details ? { details } : {}) });
  }
  return new CniError('internal', `plugin type="${type}" failed: ${messageOf(error)}`, { cause: error });
}

function tryParse(text: string): JsonObject | undefined {
  try {
    return fields(JSON.parse(text), 'error');
  } catch {
    return undefined;
  }
}
