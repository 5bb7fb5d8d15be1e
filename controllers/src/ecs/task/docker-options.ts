/** Options that ECS hands to Docker as texts: security options, options of log drivers, of tmpfs mounts. Pure. */
import type { LogTerm, TmpfsTerm } from '@slipway/api/container-runtime-terms';
import { isTmpfsOption } from '@slipway/api/container-runtime-terms';
import type { LogConfiguration, Tmpfs } from '@slipway/api/ecs/generated/types';
import type { SecurityContext } from '@slipway/api/types';

export interface Translated<T> {
  readonly value: T;
  /** Why the task cannot start. */
  readonly refusals: readonly string[];
  /** What has no effect. */
  readonly losses: readonly string[];
}

/** As Docker: `NAME:VALUE` or `NAME=VALUE`. */
export function securityOptions(options: readonly string[] = []): Translated<Partial<SecurityContext>> {
  const value: { -readonly [K in keyof SecurityContext]?: SecurityContext[K] } = {};
  const refusals: string[] = [];
  for (const option of options) {
    const [, name = '', argument = ''] = /^([^:=]+)[:=]?(.*)$/.exec(option) ?? [];
    if (name === 'no-new-privileges') value.allowPrivilegeEscalation = argument === 'false';
    else if (name === 'seccomp' && argument === 'unconfined') value.seccompProfile = { type: 'Unconfined' };
    else if (name === 'apparmor' && argument === 'unconfined') value.appArmorProfile = { type: 'Unconfined' };
    else if (name === 'label' && argument === 'disable') continue;
    else if (name === 'apparmor') refusals.push(`${option}: profiles of AppArmor are not served`);
    else if (name === 'label') refusals.push(`${option}: labels of SELinux are not served`);
    else refusals.push(`${option}: is not served; there are no-new-privileges and seccomp:unconfined`);
  }
  return { value, refusals, losses: [] };
}

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const fileBytes = { min: 1024, max: 1024 ** 3 } as const;
const filesMax = 100;

/** The options of `json-file`, which is the node's own log. */
export function logOptions({ options = {} }: Pick<LogConfiguration, 'options'> = {}): Translated<LogTerm | undefined> {
  const { 'max-size': size, 'max-file': files, ...others } = options;
  const refusals: string[] = [];
  const losses = Object.keys(others).map((name) => `${name}: the node's log has no such option`);
  let maxSizeBytes: number | undefined;
  let maxFiles: number | undefined;
  if (size === '-1') losses.push(`max-size: a file has at most ${fileBytes.max} bytes`);
  if (size !== undefined) {
    const [, count, unit = ''] = /^(\d+)([bkmg]?)$/i.exec(size) ?? [];
    const asked = size === '-1' ? fileBytes.max : Number(count) * (units[unit.toLowerCase()] ?? 1);
    if (Number.isNaN(asked) || asked <= 0) refusals.push(`max-size: ${size} is no size, as 10m is one`);
    else maxSizeBytes = Math.min(Math.max(asked, fileBytes.min), fileBytes.max);
    if (asked > fileBytes.max) losses.push(`max-size: a file has at most ${fileBytes.max} bytes`);
  }
  if (files !== undefined) {
    if (!/^[1-9]\d{0,8}$/.test(files)) refusals.push(`max-file: ${files} is no number of files`);
    else maxFiles = Math.min(Number(files), filesMax);
    if (Number(files) > filesMax) losses.push(`max-file: at most ${filesMax} files stay`);
  }
  const value = {
    ...(maxSizeBytes === undefined ? {} : { maxSizeBytes }),
    ...(maxFiles === undefined ? {} : { maxFiles }),
  };
  return { value: Object.keys(value).length > 0 ? value : undefined, refusals, losses };
}

/** What Docker takes and what means nothing for a new tmpfs. */
const withoutMeaning = new Set(['defaults', 'nomand', 'nodirsync']);

/** Of a tmpfs with options of its own. One without is a volume in memory, which every node knows. */
export function tmpfsTerm({ containerPath, size, mountOptions = [] }: Tmpfs): Translated<TmpfsTerm> {
  const meant = mountOptions.filter((option) => !withoutMeaning.has(option));
  return {
    value: { path: containerPath, sizeBytes: size * 1024 ** 2, options: meant.filter(isTmpfsOption) },
    refusals: [],
    losses: meant
      .filter((option) => !isTmpfsOption(option))
      .map((option) => `${option}: is no option of a tmpfs of its own`),
  };
}
