/**
 * What the spec of a pod has no field for: which containers wait for which others, which ones the pod cannot do without, how long one may take to
 * end; and how one is run (`container-runtime-terms.ts`).
 * Kubernetes' own users write it as an annotation; tasks and stacks, which have such fields, are translated into it. It stands on the pod,
 * as JSON, by container:
 *
 *     slipway.dev/containers: '{"web": {"dependsOn": [{"container": "db", "condition": "healthy"}], "essential": true}}'
 */
import { type RuntimeTerms, runtimeTermsKeys, runtimeTermsProblems } from './container-runtime-terms.ts';
import type { Pod } from './types.ts';

export const containersAnnotation = 'slipway.dev/containers';

/** `healthy` is what readiness is to Kubernetes: running, and its readiness probe (if it has one) succeeds. */
export type DependencyCondition = 'started' | 'healthy' | 'completed' | 'succeeded';

export interface ContainerDependency {
  readonly container: string;
  readonly condition: DependencyCondition;
  /** Counts from the start of `container`; when it is over and the condition does not hold, the dependent never starts. */
  readonly timeoutSeconds?: number;
}

export interface ContainerTerms extends RuntimeTerms {
  /** All must hold before each start; at the end of the pod this container ends before those that it depends on. */
  readonly dependsOn?: readonly ContainerDependency[];
  /** When it ends for good, with whatever code, the whole pod ends. */
  readonly essential?: boolean;
  /** In place of the pod's `terminationGracePeriodSeconds`, and never more than that. */
  readonly stopTimeoutSeconds?: number;
  /** A container that ran for less is not started again, whatever the restart policy says. */
  readonly restartMinRunSeconds?: number;
}

export type PodTerms = Readonly<Record<string, ContainerTerms>>;

/** A problem, and where in the annotation's value it is: `web.dependsOn[0].condition`. Empty when it is the whole. */
export interface TermsProblem {
  readonly at: string;
  readonly value: unknown;
  readonly detail: string;
}

const conditions: readonly DependencyCondition[] = ['started', 'healthy', 'completed', 'succeeded'];
const secondsMax = 86_400;
const seconds = { stopTimeoutSeconds: 0, restartMinRunSeconds: 0, timeoutSeconds: 1 } as const;
const termsKeys = ['dependsOn', 'essential', 'stopTimeoutSeconds', 'restartMinRunSeconds', ...runtimeTermsKeys];
const dependencyKeys = ['container', 'condition', 'timeoutSeconds'];

const noTerms: PodTerms = {};
const parsed = new WeakMap<object, PodTerms>();

/** The terms of a pod that the API server has let in; those of a pod that it has not are as if there were none. */
export function podTerms({ metadata, spec }: Pod): PodTerms {
  const { annotations } = metadata;
  const text = annotations?.[containersAnnotation];
  if (text === undefined || !annotations) return noTerms;
  let terms = parsed.get(annotations);
  if (!terms) {
    const read = readTerms(text, names(spec));
    terms = Array.isArray(read) ? noTerms : (read as PodTerms);
    parsed.set(annotations, terms);
  }
  return terms;
}

function names(spec: { readonly containers?: readonly { readonly name?: string }[] }): string[] {
  return (spec.containers ?? []).map(({ name = '' }) => name);
}

/** Pure. Checks the annotation of a pod, or of a template for pods. */
export function termsProblems(
  annotations: Readonly<Record<string, string>> | undefined,
  spec: { readonly containers?: readonly { readonly name?: string }[] },
): readonly TermsProblem[] {
  const text = annotations?.[containersAnnotation];
  if (text === undefined) return [];
  const read = readTerms(text, names(spec));
  return Array.isArray(read) ? read : [];
}

function readTerms(text: string, containers: readonly string[]): PodTerms | TermsProblem[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return [{ at: '', value: text, detail: `must be JSON: ${(error as Error).message}` }];
  }
  if (!isRecord(value)) return [{ at: '', value: text, detail: 'must be an object with a field per container' }];
  const problems = Object.entries(value).flatMap(([name, terms]) => containerProblems(name, terms, containers));
  if (problems.length > 0) return problems;
  const terms = value as PodTerms;
  const cycle = cycleIn(terms);
  return cycle ? [{ at: cycle[0] ?? '', value: cycle.join(' -> '), detail: 'containers wait for each other' }] : terms;
}

function containerProblems(name: string, terms: unknown, containers: readonly string[]): TermsProblem[] {
  if (!containers.includes(name)) {
    return [{ at: name, value: name, detail: `must be one of the pod's containers: ${containers.join(', ')}` }];
  }
  if (!isRecord(terms)) return [{ at: name, value: terms, detail: 'must be an object' }];
  const { dependsOn = [], essential } = terms;
  return [
    ...unknownKeys(terms, termsKeys, name),
    ...secondsProblems(terms, name),
    ...runtimeTermsProblems(terms, name),
    ...(essential === undefined || typeof essential === 'boolean'
      ? []
      : [{ at: `${name}.essential`, value: essential, detail: 'must be true or false' }]),
    ...(Array.isArray(dependsOn)
      ? dependsOn.flatMap((each, i) => dependencyProblems(each, `${name}.dependsOn[${i}]`, name, containers))
      : [{ at: `${name}.dependsOn`, value: dependsOn, detail: 'must be a list' }]),
  ];
}

function dependencyProblems(
  each: unknown,
  at: string,
  dependent: string,
  containers: readonly string[],
): TermsProblem[] {
  if (!isRecord(each)) return [{ at, value: each, detail: 'must be an object with container and condition' }];
  const { container, condition } = each;
  const problems = [...unknownKeys(each, dependencyKeys, at), ...secondsProblems(each, at)];
  if (typeof container !== 'string' || !containers.includes(container) || container === dependent) {
    const others = containers.filter((other) => other !== dependent).join(', ');
    const detail = `must be another one of the pod's containers${others && `: ${others}`}`;
    problems.push({ at: `${at}.container`, value: container, detail });
  }
  if (!conditions.includes(condition as DependencyCondition)) {
    problems.push({ at: `${at}.condition`, value: condition, detail: `must be one of ${conditions.join(', ')}` });
  }
  return problems;
}

function unknownKeys(value: Readonly<Record<string, unknown>>, known: readonly string[], at: string): TermsProblem[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => ({ at: `${at}.${key}`, value: key, detail: `is not known here; there are ${known.join(', ')}` }));
}

function secondsProblems(value: Readonly<Record<string, unknown>>, at: string): TermsProblem[] {
  return Object.entries(seconds)
    .filter(([key, min]) => {
      const number = value[key];
      return (
        number !== undefined && !(Number.isInteger(number) && Number(number) >= min && Number(number) <= secondsMax)
      );
    })
    .map(([key, min]) => ({
      at: `${at}.${key}`,
      value: value[key],
      detail: `must be a whole number from ${min} to ${secondsMax}`,
    }));
}

/** The first way from a container to itself: `['a', 'b', 'a']`. */
function cycleIn(terms: PodTerms): readonly string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const { container } of terms[name]?.dependsOn ?? []) {
      const cycle = visit(container, [...way, name]);
      if (cycle) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of Object.keys(terms)) {
    const cycle = visit(name, []);
    if (cycle) return cycle;
  }
  return undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
