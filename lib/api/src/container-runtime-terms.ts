/**
 * The part of `slipway.dev/containers` that says how a container is run, where a pod's spec has no field for it: the user by name, limits of
 * processes, devices, an init process, small file systems in memory. Pure.
 */
import type { TermsProblem } from './container-terms.ts';

/** A limit of the container's processes, as `setrlimit` knows it; -1 is no limit. */
export interface Ulimit {
  readonly name: UlimitName;
  readonly soft: number;
  readonly hard: number;
}

export interface DeviceTerm {
  /** A device of the node, or a directory of devices. */
  readonly hostPath: string;
  /** Where it is in the container; there as here when not given. */
  readonly containerPath?: string;
  /** Some of `r` (read), `w` (write), `m` (mknod); all when not given. */
  readonly permissions?: string;
}

export interface TmpfsTerm {
  readonly path: string;
  readonly sizeBytes: number;
  /** Over `nosuid`, `nodev`, `noexec`: the last one counts. */
  readonly options?: readonly string[];
}

export interface LogTerm {
  /** A file that grows above this is put aside and a new one begun. */
  readonly maxSizeBytes?: number;
  /** So many stay, the current one among them. */
  readonly maxFiles?: number;
}

export interface RuntimeTerms {
  /** As an image writes its USER: NAME, UID, NAME:GROUP, UID:GID, by the image's own /etc/passwd and /etc/group. In place of `runAsUser` and `runAsGroup`. */
  readonly user?: string;
  /** Somebody else is PID 1: children that nobody waits for vanish, and signals do what they do to any process. */
  readonly init?: boolean;
  readonly ulimits?: readonly Ulimit[];
  readonly devices?: readonly DeviceTerm[];
  readonly tmpfs?: readonly TmpfsTerm[];
  /** `none`: only a loopback of its own, in place of the pod's network. */
  readonly network?: 'none';
  /** `private`: System V and POSIX IPC, and /dev/shm, are not shared with the pod's other containers. */
  readonly ipc?: 'private';
  /** Besides its memory limit; where that is not given, this says nothing. */
  readonly swapLimitBytes?: number;
  readonly log?: LogTerm;
  /** What the runtime and those who look at it find at the container. */
  readonly labels?: Readonly<Record<string, string>>;
}

export const ulimitNames = [
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
] as const;
export type UlimitName = (typeof ulimitNames)[number];

/** What may be said of a tmpfs: nothing that reaches beyond it. */
const mountFlags = new Set(
  'ro rw suid nosuid dev nodev exec noexec sync async dirsync atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime'.split(
    ' ',
  ),
);
const mountValue = /^(mode=[0-7]{3,4}|(uid|gid|nr_inodes|nr_blocks)=\d{1,10})$/;

export function isTmpfsOption(option: string): boolean {
  return mountFlags.has(option) || mountValue.test(option);
}

export const runtimeTermsKeys = [
  'user',
  'init',
  'ulimits',
  'devices',
  'tmpfs',
  'network',
  'ipc',
  'swapLimitBytes',
  'log',
  'labels',
] as const satisfies readonly (keyof RuntimeTerms)[];

const bytesMax = 2 ** 50;
const logBytesMin = 1024;
const logBytesMax = 2 ** 30;
const logFilesMax = 100;
const listMax = 100;

type Value = Readonly<Record<string, unknown>>;
type Rule = (value: unknown, at: string) => TermsProblem[];

/** `at` is the container's name, in front of what is wrong. */
export function runtimeTermsProblems(terms: Value, at: string): TermsProblem[] {
  return Object.entries(rules).flatMap(([key, rule]) =>
    terms[key] === undefined ? [] : rule(terms[key], `${at}.${key}`),
  );
}

const is =
  (test: (value: unknown) => boolean, detail: string): Rule =>
  (value, at) =>
    test(value) ? [] : [{ at, value, detail }];

const wholeNumber = (min: number, max: number): Rule =>
  is(
    (value) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max,
    `must be a whole number from ${min} to ${max}`,
  );

const matching = (pattern: RegExp, detail: string): Rule =>
  is((value) => typeof value === 'string' && pattern.test(value), detail);

const absolutePath: Rule = is(
  (value) => typeof value === 'string' && /^\/[^:\0]*$/.test(value) && !value.split('/').includes('..'),
  "must be an absolute path without ':' and '..'",
);

const listOf =
  (each: Rule): Rule =>
  (value, at) => {
    if (!Array.isArray(value)) return [{ at, value, detail: 'must be a list' }];
    if (value.length > listMax) return [{ at, value: value.length, detail: `must have at most ${listMax} elements` }];
    return value.flatMap((element, i) => each(element, `${at}[${i}]`));
  };

/** An object of these fields alone; those in `required` must be there. */
const objectOf =
  (fields: Readonly<Record<string, Rule>>, required: readonly string[], more: Rule = () => []): Rule =>
  (value, at) => {
    if (!isObject(value)) return [{ at, value, detail: 'must be an object' }];
    const known = Object.keys(fields).join(', ');
    const problems = [
      ...Object.keys(value)
        .filter((key) => !Object.hasOwn(fields, key))
        .map((key) => ({ at: `${at}.${key}`, value: key, detail: `is not known here; there are ${known}` })),
      ...required
        .filter((key) => value[key] === undefined)
        .map((key) => ({ at: `${at}.${key}`, value: undefined, detail: 'is required' })),
      ...Object.entries(fields).flatMap(([key, rule]) =>
        value[key] === undefined ? [] : rule(value[key], `${at}.${key}`),
      ),
    ];
    return problems.length > 0 ? problems : more(value, at);
  };

const limit = wholeNumber(-1, Number.MAX_SAFE_INTEGER);

const softBelowHard: Rule = (value, at) => {
  const { soft, hard } = value as Ulimit;
  const isBelow = hard === -1 || (soft !== -1 && soft <= hard);
  return isBelow ? [] : [{ at: `${at}.soft`, value: soft, detail: `must not be above hard, ${hard}` }];
};

const namedOnce: Rule = (value, at) => {
  const names = (Array.isArray(value) ? value : []).map((each) => (isObject(each) ? each.name : undefined));
  const twice = names.find((name, i) => name !== undefined && names.indexOf(name) < i);
  return twice === undefined ? [] : [{ at, value: twice, detail: 'is there twice' }];
};

const ulimit = objectOf(
  {
    name: is((value) => ulimitNames.includes(value as UlimitName), `must be one of ${ulimitNames.join(', ')}`),
    soft: limit,
    hard: limit,
  },
  ['name', 'soft', 'hard'],
  softBelowHard,
);

const rules: Readonly<Record<(typeof runtimeTermsKeys)[number], Rule>> = {
  user: matching(/^[^:\s]{1,256}(:[^:\s]{1,256})?$/, 'must be USER or USER:GROUP, each a name or a number'),
  init: is((value) => typeof value === 'boolean', 'must be true or false'),
  ulimits: (value, at) => [...listOf(ulimit)(value, at), ...namedOnce(value, at)],
  devices: listOf(
    objectOf(
      {
        hostPath: is(
          (value) => typeof value === 'string' && value.startsWith('/dev/') && absolutePath(value, '').length === 0,
          'must be a path below /dev/',
        ),
        containerPath: absolutePath,
        permissions: matching(/^(?!.*(.).*\1)[rwm]{1,3}$/, 'must be some of r, w and m'),
      },
      ['hostPath'],
    ),
  ),
  tmpfs: listOf(
    objectOf(
      {
        path: absolutePath,
        sizeBytes: wholeNumber(1, bytesMax),
        options: listOf(
          is(
            (value) => typeof value === 'string' && isTmpfsOption(value),
            'must be an option of a tmpfs: ro, exec, suid, dev, noatime, mode=1777, uid=1000, nr_inodes=100 ...',
          ),
        ),
      },
      ['path', 'sizeBytes'],
    ),
  ),
  network: is((value) => value === 'none', 'must be none'),
  ipc: is((value) => value === 'private', 'must be private'),
  swapLimitBytes: wholeNumber(0, bytesMax),
  log: objectOf({ maxSizeBytes: wholeNumber(logBytesMin, logBytesMax), maxFiles: wholeNumber(1, logFilesMax) }, []),
  labels: (value, at) => {
    if (!isObject(value)) return [{ at, value, detail: 'must be an object' }];
    return Object.entries(value)
      .filter(([key, text]) => key === '' || typeof text !== 'string')
      .map(([key, text]) => ({ at: `${at}.${key}`, value: text, detail: 'must be a text under a name' }));
  },
};

/**
 * What everybody may have of a limit without it counting as a privilege: these count against the container's own memory and processes.
 * Locked memory, message queues, signals, priorities are the node's, so no more of them than the kernel gives anyone.
 */
const ulimitsForAll: Readonly<Record<UlimitName, number>> = {
  core: -1,
  cpu: -1,
  data: -1,
  fsize: -1,
  locks: -1,
  memlock: 8 << 20,
  msgqueue: 819_200,
  nice: 0,
  nofile: 1_048_576,
  nproc: -1,
  rss: -1,
  rtprio: 0,
  rttime: -1,
  sigpending: 1024,
  stack: -1,
};

/** The limits among these that are a privilege. */
export function raisedUlimits(ulimits: readonly Ulimit[] = []): readonly UlimitName[] {
  return ulimits
    .filter(({ name, hard }) => {
      const free = ulimitsForAll[name];
      return free !== -1 && (hard === -1 || hard > free);
    })
    .map(({ name }) => name);
}

function isObject(value: unknown): value is Value {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
