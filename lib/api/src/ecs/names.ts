/** Names that ECS allows and Kubernetes does not: upper case, underscores, any length. */
import { dnsLabelProblems } from '../names.ts';

const labelMax = 63;
const hashDigits = 8;

/** The name of a container in the pod of its task: its own where that is a DNS label. Different names stay different. */
export function podContainerName(ecsName: string): string {
  if (dnsLabelProblems(ecsName).length === 0) return ecsName;
  return slugWithHash(ecsName, 'c');
}

/** A label's value that stands for a text of any form: `service:web` → `service.web`. Different texts stay different. */
export function labelValueFrom(text: string): string {
  const plain = text.replace(':', '.');
  if (plain.length <= labelMax && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(plain)) return plain;
  return slugWithHash(text, 'x');
}

function slugWithHash(text: string, prefix: string): string {
  const slug = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, labelMax - hashDigits - 1 - prefix.length)
    .replaceAll(/^-+|-+$/g, '');
  return `${/^[a-z]/.test(slug) ? '' : prefix}${slug}-${hashOf(text)}`;
}

/** FNV-1a over UTF-8, 64 bits in two halves cut to eight digits: enough to tell the few names of one task or cluster apart. */
function hashOf(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, '0').slice(0, hashDigits);
}

export interface DefinitionReference {
  readonly family: string;
  /** Undefined: the newest one that is ACTIVE. */
  readonly revision: number | undefined;
}

/** Of `FAMILY`, `FAMILY:REVISION`. */
export function parseDefinitionReference(reference: string): DefinitionReference {
  const [family = '', revision] = reference.split(':');
  return { family, revision: revision === undefined ? undefined : Number(revision) };
}
