/** What `slipway.dev/containers` says of how a container is run, in the runtime's words. Pure. */
import { type ContainerTerms, podTerms } from '@slipway/api/container-terms';
import type { Pod } from '@slipway/api/types';
import type { UlimitBounds } from '../node/own-ulimits.ts';
import type { BeyondCri, NamespaceOption } from '../runtime/cri.ts';

export function termsOf(pod: Pod, container: string): ContainerTerms {
  return podTerms(pod)[container] ?? {};
}

/** A small file system in memory is no place for programs and devices, unless its options say so. */
const tmpfsOptions = ['nosuid', 'nodev', 'noexec'];

/** Undefined when there is nothing of it. */
export function beyondCri({ ulimits, tmpfs, init }: ContainerTerms, bounds: UlimitBounds): BeyondCri | undefined {
  if (!ulimits?.length && !tmpfs?.length && !init) return undefined;
  return {
    ...(init ? { init } : {}),
    ...(ulimits?.length ? { rlimits: ulimits.map((each) => within(each, bounds[each.name])) } : {}),
    ...(tmpfs?.length
      ? {
          tmpfs: tmpfs.map(({ path, sizeBytes, options = [] }) => ({
            containerPath: path,
            options: [...tmpfsOptions, ...options, `size=${sizeBytes}`],
          })),
        }
      : {}),
  };
}

type Rlimit = NonNullable<BeyondCri['rlimits']>[number];

function within({ name, soft, hard }: Rlimit, bound: number | undefined): Rlimit {
  const lower = (value: number) => (bound === undefined || (value !== -1 && value <= bound) ? value : bound);
  return { name, soft: lower(soft), hard: lower(hard) };
}

/** The limits that are asked for and that this node cannot raise so far: `nofile 65536 (at most 1024 here)`. */
export function loweredUlimits({ ulimits = [] }: ContainerTerms, bounds: UlimitBounds): readonly string[] {
  return ulimits.flatMap((asked) => {
    const given = within(asked, bounds[asked.name]);
    return given.hard === asked.hard ? [] : [`${asked.name} ${textOf(asked.hard)} (at most ${given.hard} here)`];
  });
}

function textOf(value: number): string {
  return value === -1 ? 'unlimited' : String(value);
}

export function namespacesWith({ network, ipc }: ContainerTerms, ofPod: NamespaceOption): NamespaceOption {
  return {
    ...ofPod,
    ...(network === 'none' ? { network: 'CONTAINER' } : {}),
    ...(ipc === 'private' ? { ipc: 'CONTAINER' } : {}),
  };
}

/** Where log rotation finds what a container has of its own. */
export const logMaxSizeAnnotation = 'slipway.dev/log-max-size-bytes';
export const logMaxFilesAnnotation = 'slipway.dev/log-max-files';

export function logAnnotations({ log }: ContainerTerms): Readonly<Record<string, string>> {
  return {
    ...(log?.maxSizeBytes === undefined ? {} : { [logMaxSizeAnnotation]: String(log.maxSizeBytes) }),
    ...(log?.maxFiles === undefined ? {} : { [logMaxFilesAnnotation]: String(log.maxFiles) }),
  };
}
