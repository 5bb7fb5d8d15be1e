// Texts that cells of many kinds share.

import type { Container, KubeObject, LabelSelector } from '@slipway/api/types';
import { humanDuration } from './human-duration.ts';

/** The age of an object. */
export function age(object: KubeObject, nowMs: number): string {
  return since(object.metadata.creationTimestamp, nowMs);
}

/** The time that passed since an RFC 3339 timestamp. */
export function since(timestamp: string | undefined | null, nowMs: number): string {
  return timestamp ? humanDuration(nowMs - Date.parse(timestamp)) : '<unknown>';
}

export function nameOf(object: KubeObject): string {
  return object.metadata.name ?? '';
}

export function labelsText(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.sort().join(',') || '<none>';
}

/** `app=web,tier in (a,b),!old`, sorted by key; empty for a selector that asks nothing. */
export function selectorText(selector: LabelSelector | undefined): string {
  const equalities = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({
    key,
    text: `${key}=${value}`,
  }));
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    const list = `(${[...values].sort().join(',')})`;
    if (operator === 'In') return { key, text: `${key} in ${list}` };
    if (operator === 'NotIn') return { key, text: `${key} notin ${list}` };
    return { key, text: operator === 'Exists' ? key : `!${key}` };
  });
  const requirements = [...equalities, ...expressions].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return requirements.map(({ text }) => text).join(',');
}

export function selectorOrNone(selector: LabelSelector | undefined): string {
  return selectorText(selector) || '<none>';
}

export function containerNames(containers: readonly Container[] | undefined): string {
  return (containers ?? []).map(({ name }) => name).join(',');
}

export function containerImages(containers: readonly Container[] | undefined): string {
  return (containers ?? []).map(({ image }) => image ?? '').join(',');
}

/** The first `limit` texts, and how many more there are. */
export function withMore(texts: readonly string[], limit: number, total = texts.length): string {
  const shown = texts.slice(0, limit).join(',');
  return texts.length > limit ? `${shown} + ${total - limit} more...` : shown;
}
