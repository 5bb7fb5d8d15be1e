import { readFile } from 'node:fs/promises';
import { systemClock } from '@slipway/kit/clock';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { createLogger } from '@slipway/kit/logger';
import { nearestName } from '@slipway/kit/nearest-name';
import { systemRandom } from '@slipway/kit/random';
import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { checkRanges, type Config, defaultDataDir, resolveConfig } from './config.ts';
import { type FlagName, type FlagValues, parseArguments, parseConfigFile, parseEnvironment } from './flags.ts';
import { commandHelp, overview } from './usage.ts';
import { UsageError } from './usage-error.ts';

export interface Console {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
  print(line: string): void;
  complain(line: string): void;
}

/** Runs one command line; answers the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function runCommand(args: readonly string[], console: Console, signal: AbortSignal): Promise<number> {
  try {
    const [name = 'help', ...rest] = args;
    if (name === 'help' || name === '--help' || name === '-h') return showHelp(rest[0], console);
    const command = commandNamed(name === '--version' ? 'version' : name);
    const { values, operands } = parseArguments(rest, command.flags);
    if (values.help) return showHelp(name, console);
    if (operands[0] !== undefined && !command.operands) {
      throw new UsageError(
        `slipway ${command.name} takes no ${JSON.stringify(operands[0])}; flags are written --like-this`,
      );
    }
    const config = await readConfig(command, values, console);
    const log = createLogger(config.logLevel);
    const run = await command.load();
    await run({
      config,
      operands,
      log,
      clock: systemClock,
      random: systemRandom,
      signal,
      print: console.print,
    });
    return 0;
  } catch (error) {
    if (signal.aborted && error === signal.reason) return 0;
    console.complain(`slipway: ${messageOf(error)}${remedyOf(error)}`);
    if (!(error instanceof Error) || error.name === 'InvariantError') console.complain(String((error as Error)?.stack));
    return error instanceof UsageError ? 2 : 1;
  }
}

/** What to do about errors of the system that come up from anywhere. */
function remedyOf(error: unknown): string {
  if (errnoOf(error) === 'ECONNREFUSED')
    return "; nothing listens there: is 'slipway up' running, and does --kubeconfig name its file?";
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (['ENOSPC', 'EDQUOT'].includes(errnoOf(cause) ?? '') && !messageOf(error).includes('free some space'))
      return '; free some space on the file system of the data directory and try again';
  }
  return '';
}

function showHelp(name: string | undefined, console: Console): number {
  console.print(name === undefined ? overview(commands) : commandHelp(commandNamed(name)));
  return 0;
}

function commandNamed(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command) return command;
  const names = commands.map((candidate) => candidate.name);
  throw new UsageError(
    `unknown command ${JSON.stringify(name)}; did you mean 'slipway ${nearestName(name, names)}'? 'slipway help' lists all`,
  );
}

const ranges = ['cluster-cidr', 'service-cluster-ip-range'] as const;

async function readConfig(command: Command, line: FlagValues, console: Console): Promise<Config> {
  const environment = parseEnvironment(console.env, command.flags);
  const path = line.config ?? environment.config;
  const file = path === undefined ? {} : await readConfigFile(String(path), command.flags);
  const config = resolveConfig([file, environment, line], defaultDataDir(console.isRoot, console.env), console.env);
  if (ranges.every((name) => command.flags.includes(name))) checkRanges(config);
  return config;
}

async function readConfigFile(path: string, known: readonly FlagName[]): Promise<FlagValues> {
  try {
    const { parse: parseYaml } = await import('yaml');
    return parseConfigFile(parseYaml(await readFile(path, 'utf8')), path, known);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`--config ${path}: ${messageOf(error)}`);
  }
}
