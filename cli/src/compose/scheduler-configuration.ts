import { readFile } from 'node:fs/promises';
import { parseSchedulerConfiguration, type SchedulerConfiguration } from '@slipway/controllers';
import { messageOf } from '@slipway/kit/errors';
import { parse as parseYaml } from 'yaml';
import { CommandError } from '../usage-error.ts';

/** What `--scheduler-config` says; undefined when it is not given. */
export async function readSchedulerConfiguration(
  path: string | undefined,
): Promise<SchedulerConfiguration | undefined> {
  if (path === undefined) return undefined;
  try {
    return parseSchedulerConfiguration(parseYaml(await readFile(path, 'utf8')));
  } catch (error) {
    throw new CommandError(`--scheduler-config ${path}: ${messageOf(error).replaceAll('\n', '; ')}`);
  }
}
