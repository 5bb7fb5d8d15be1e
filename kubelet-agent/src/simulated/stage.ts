/**
 * What a simulated pod goes through, as data. A stage leads a pod from one state to the next, some time after the pod came into the first;
 * of all stages that lead out of a pod's state, the first that is meant for the pod is taken. A state that none leads out of lasts.
 *
 *   pending ──▶ creating ──▶ running ──▶ ready ──▶ exited          terminating ──▶ gone
 *      (any order that the list says)       ▲          │ where the pod's restart policy says so
 *                                           └─ running ◀┘
 */
import type { Pod } from '@slipway/api/types';
import { parseDurationMs } from '@slipway/api/duration';

/** States that a pod comes into by itself or by a stage. `terminating` is where a deleted pod is, whatever it was before. */
export const podStates = ['pending', 'creating', 'running', 'ready', 'exited', 'terminating', 'gone'] as const;
export type PodState = (typeof podStates)[number];

export interface Stage {
  readonly name: string;
  readonly from: PodState;
  readonly to: PodState;
  readonly delayMs: number;
  /** Chance adds up to this much. */
  readonly jitterMs: number;
  /** The delay doubles with each restart of the pod's containers up to this. */
  readonly delayMaxMs?: number;
  /** Only for pods that have this annotation, a duration: it is the delay. */
  readonly delayAnnotation?: string;
  /** Of containers that end with this stage; the annotation `slipway.dev/simulated-exit-code` wins. */
  readonly exitCode: number;
  /** The part of the pods that this stage is for, 0 to 1. */
  readonly chance: number;
  /** Only for pods that all of this is true of. */
  readonly match: StageMatch;
}

export interface StageMatch {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Kind of the controller that made the pod: `Job`. */
  readonly owner?: string;
}

/** On a pod: its containers exit so long after they became ready. */
export const runForAnnotation = 'slipway.dev/simulated-run-for';
/** On a pod: the code with which its containers exit. */
export const exitCodeAnnotation = 'slipway.dev/simulated-exit-code';
/** On a pod: the state in which it stays for as long as it has the annotation. */
export const holdAnnotation = 'slipway.dev/simulated-hold';

const stage = (name: string, from: PodState, to: PodState, more: Partial<Stage> = {}): Stage => ({
  name,
  from,
  to,
  delayMs: 0,
  jitterMs: 0,
  exitCode: 0,
  chance: 1,
  match: {},
  ...more,
});

const ends: readonly Stage[] = [
  stage('run for a while', 'ready', 'exited', { delayAnnotation: runForAnnotation }),
  stage('complete', 'ready', 'exited', { delayMs: 5000, match: { owner: 'Job' } }),
  stage('restart', 'exited', 'running', { delayMs: 10_000, delayMaxMs: 300_000 }),
];

/** What `--stages NAME` names; anything else names a file. */
export const stageSets: Readonly<Record<string, readonly Stage[]>> = {
  usual: [
    stage('start', 'pending', 'running', { delayMs: 500, jitterMs: 1000 }),
    stage('become ready', 'running', 'ready', { delayMs: 500, jitterMs: 1000 }),
    ...ends,
    stage('terminate', 'terminating', 'gone', { delayMs: 500, jitterMs: 500 }),
  ],
  fast: [
    stage('start', 'pending', 'running'),
    stage('become ready', 'running', 'ready'),
    ...ends,
    stage('terminate', 'terminating', 'gone'),
  ],
};

/** A list of stages that makes no sense; the message says which and why. */
export class StagesError extends Error {
  override readonly name = 'StagesError';
}

const fields = [
  'name',
  'from',
  'to',
  'delay',
  'jitter',
  'maxDelay',
  'delayAnnotation',
  'exitCode',
  'chance',
  'match',
] as const;
const matchFields = ['namespace', 'labels', 'annotations', 'owner'] as const;

/** The content of a stages file, as parsed from YAML: `stages`, a list. Throws `StagesError`. */
export function parseStages(content: unknown): readonly Stage[] {
  const list = recordOf(content, 'the file').stages;
  if (!Array.isArray(list) || list.length === 0)
    throw new StagesError('stages: must be a list with at least one stage');
  return list.map((entry, i) => parseStage(entry, `stages[${i}]`));
}

function parseStage(entry: unknown, path: string): Stage {
  const given = recordOf(entry, path);
  onlyKnown(given, fields, path);
  const { from, to, exitCode = 0, chance = 1, name = `${from} to ${to}`, delayAnnotation } = given;
  const maxDelay = given.maxDelay === undefined ? undefined : durationOf(given, 'maxDelay', path);
  if (typeof name !== 'string') throw new StagesError(`${path}.name: must be a text`);
  if (!isWhole(exitCode, 255)) throw new StagesError(`${path}.exitCode: must be a whole number from 0 to 255`);
  if (typeof chance !== 'number' || !(chance > 0 && chance <= 1))
    throw new StagesError(`${path}.chance: must be a number above 0 and up to 1`);
  if (delayAnnotation !== undefined && typeof delayAnnotation !== 'string')
    throw new StagesError(`${path}.delayAnnotation: must be the name of an annotation`);
  const parsed = stage(name, stateOf(from, `${path}.from`), stateOf(to, `${path}.to`), {
    delayMs: durationOf(given, 'delay', path),
    jitterMs: durationOf(given, 'jitter', path),
    ...(maxDelay === undefined ? {} : { delayMaxMs: maxDelay }),
    ...(delayAnnotation === undefined ? {} : { delayAnnotation }),
    exitCode,
    chance,
    match: parseMatch(given.match ?? {}, `${path}.match`),
  });
  if (parsed.from === parsed.to) throw new StagesError(`${path}: leads from ${parsed.from} to itself`);
  if ((parsed.from === 'terminating') !== (parsed.to === 'gone'))
    throw new StagesError(`${path}: terminating leads to gone and nothing else does`);
  if (parsed.from === 'gone' || parsed.to === 'terminating' || parsed.to === 'pending')
    throw new StagesError(`${path}: no stage leads from ${parsed.from} to ${parsed.to}`);
  return parsed;
}

function parseMatch(value: unknown, path: string): StageMatch {
  const given = recordOf(value, path);
  onlyKnown(given, matchFields, path);
  for (const field of ['namespace', 'owner'])
    if (given[field] !== undefined && typeof given[field] !== 'string')
      throw new StagesError(`${path}.${field}: must be a text`);
  for (const field of ['labels', 'annotations'])
    for (const [key, text] of Object.entries(recordOf(given[field] ?? {}, `${path}.${field}`)))
      if (typeof text !== 'string') throw new StagesError(`${path}.${field}.${key}: must be a text`);
  return given as StageMatch;
}

function recordOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new StagesError(`${path}: must be a map`);
  return value as Record<string, unknown>;
}

function onlyKnown(given: Record<string, unknown>, known: readonly string[], path: string): void {
  for (const field of Object.keys(given))
    if (!known.includes(field)) throw new StagesError(`${path}.${field}: unknown; there are ${known.join(', ')}`);
}

function stateOf(value: unknown, path: string): PodState {
  const known = podStates.find((state) => state === value);
  if (!known) throw new StagesError(`${path}: must be one of ${podStates.join(', ')}`);
  return known;
}

function durationOf(given: Record<string, unknown>, field: string, path: string): number {
  const ms = parseDurationMs(String(given[field] ?? '0'));
  if (ms === undefined) throw new StagesError(`${path}.${field}: must be a duration such as 500ms or 1m30s`);
  return ms;
}

function isWhole(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
}

/** Whether the stage is meant for the pod, its chance aside. */
export function isMeantFor({ match, delayAnnotation }: Stage, { metadata }: Pod): boolean {
  const { annotations = {}, labels = {}, ownerReferences = [] } = metadata;
  if (delayAnnotation !== undefined && parseDurationMs(annotations[delayAnnotation] ?? '') === undefined) return false;
  if (match.namespace !== undefined && match.namespace !== metadata.namespace) return false;
  if (match.owner !== undefined && !ownerReferences.some(({ kind, controller }) => controller && kind === match.owner))
    return false;
  return contains(labels, match.labels) && contains(annotations, match.annotations);
}

function contains(have: Readonly<Record<string, string>>, want: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(want).every(([key, value]) => have[key] === value);
}
