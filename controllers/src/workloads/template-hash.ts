/**
 * Identity of a pod template: two templates are the same when they say the same, whatever the order of their keys. Quantities need no
 * care here: the server stores them in one form. The hash goes into names and labels as `pod-template-hash`.
 */
import type { PodTemplateSpec } from '@slipway/api/types';

export const podTemplateHashLabel = 'pod-template-hash';

export function sameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return canonicalTemplate(a) === canonicalTemplate(b);
}

/** `collisionCount` gives another hash for the same template, when the name of the first was taken. */
export function templateHash(template: PodTemplateSpec, collisionCount: number | undefined): string {
  const text = canonicalTemplate(template) + (collisionCount === undefined ? '' : `#${collisionCount}`);
  return [...String(fnv1a32(text))].map((digit) => hashAlphabet[digit.charCodeAt(0) % hashAlphabet.length]).join('');
}

/** Letters that spell no words. */
const hashAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Fowler, Noll and Vo's hash, over UTF-16 code units. */
function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function canonicalTemplate(template: PodTemplateSpec): string {
  const { [podTemplateHashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  return canonical({ ...template, metadata: { ...template.metadata, labels } });
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const parts = Object.entries(value)
    .filter(([, part]) => !isNothing(part))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, part]) => `${JSON.stringify(key)}:${canonical(part)}`);
  return `{${parts.join(',')}}`;
}

/** An empty list says what an absent one says; an empty object may not: `emptyDir: {}`. */
function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}
