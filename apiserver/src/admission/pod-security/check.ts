/** What a check of the Pod Security Standards is, and the phrases that the checks share. */
import type {
  Container,
  EphemeralContainer,
  ObjectMeta,
  PodSecurityContext,
  PodSpec,
  SecurityContext,
} from '@slipway/api/types';

/** What is forbidden, in upstream's words: `reason (detail)`. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export interface PodToCheck {
  readonly metadata: Pick<ObjectMeta, 'annotations'>;
  readonly spec: PodSpec;
}

export type CheckPod = (pod: PodToCheck) => Violation | undefined;

export interface Check {
  /** Checks are asked in the order of their ids, those of the baseline first. */
  readonly id: string;
  readonly level: 'baseline' | 'restricted';
  /** The rule as it is from a minor version of the standards on, oldest first. */
  readonly versions: readonly { readonly since: number; readonly check: CheckPod }[];
  /** A check of the baseline that this one says all of and more. */
  readonly replaces?: string;
}

export type AnyContainer = Container | EphemeralContainer;

/** In the order of upstream's texts. */
export function containersOf(spec: PodSpec): readonly AnyContainer[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

/** `container "a"`, `containers "a", "b"`. */
export function containersNamed(names: readonly string[]): string {
  return `${plural('container', names)} ${quoted(names)}`;
}

export function plural(word: string, list: readonly unknown[]): string {
  return list.length === 1 ? word : `${word}s`;
}

export function verb(list: readonly unknown[]): string {
  return list.length === 1 ? 'uses' : 'use';
}

export function quoted(list: readonly string[]): string {
  return list.map((text) => `"${text}"`).join(', ');
}

export function sortedSet(list: readonly string[]): string[] {
  return [...new Set(list)].sort();
}

export function isWindows({ os }: PodSpec): boolean {
  return os?.name === 'windows';
}

/** Root in a user namespace of its own is not root of the node. */
export function hasOwnUsers({ hostUsers }: PodSpec): boolean {
  return hostUsers === false;
}

type Contexts = PodSecurityContext & SecurityContext;

/** `pod and container "a"`: whose security context the test finds bad. Undefined when none is. */
export function badSetters(
  spec: PodSpec,
  isBad: (context: Readonly<Partial<Contexts>>) => boolean,
): string | undefined {
  const setters = spec.securityContext && isBad(spec.securityContext as Partial<Contexts>) ? ['pod'] : [];
  const names = containersOf(spec)
    .filter(({ securityContext }) => securityContext && isBad(securityContext as Partial<Contexts>))
    .map(({ name }) => name);
  if (names.length > 0) setters.push(containersNamed(names));
  return setters.length === 0 ? undefined : setters.join(' and ');
}
