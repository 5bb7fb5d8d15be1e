/** What may change of a pod through its subresources: `ephemeralcontainers`, which only come, and `resize`. */
import { podQosClass } from '../defaults/pod-qos.ts';
import type { Container, Pod, PodSpec } from '../types.ts';
import { differences } from './differences.ts';
import { type FieldError, forbidden, invalid } from './field-error.ts';
import { semanticEqual } from './semantic-equal.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const resizable = ['cpu', 'memory'];

export function validateEphemeralUpdate(errors: FieldError[], pod: Pod, old: Pod): void {
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined) {
    errors.push(forbidden('', 'static pods do not support ephemeral containers'));
    return;
  }
  const path = 'spec.ephemeralContainers';
  const now = new Map((pod.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  for (const before of old.spec.ephemeralContainers ?? []) {
    const container = now.get(before.name);
    const named = `existing ephemeral containers ${JSON.stringify(before.name)}`;
    if (!container) errors.push(forbidden(path, `${named} may not be removed\n`));
    else if (!semanticEqual(container, before)) {
      const changes = differences(container, before, path).join('\n');
      errors.push(forbidden(path, `${named} may not be changed\n${changes}`));
    }
  }
}

/** The stored spec with the resources and resize policies of the draft's containers, found by name. */
export function resizedSpec(draft: PodSpec, old: PodSpec): PodSpec {
  const spec: PodSpec = { ...old, containers: resized(draft.containers, old.containers) ?? [] };
  if (old.initContainers) spec.initContainers = resized(draft.initContainers, old.initContainers);
  return spec;
}

function resized(
  draft: readonly Container[] | undefined,
  old: readonly Container[] | undefined,
): Container[] | undefined {
  return old?.map((container) => {
    const wanted = draft?.find(({ name }) => name === container.name);
    if (!wanted) return container;
    const { resources, resizePolicy } = wanted;
    return { ...container, resources, ...(resizePolicy ? { resizePolicy } : {}) };
  });
}

export function validateResize(errors: FieldError[], pod: Pod, old: Pod): void {
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined) {
    errors.push(forbidden('', 'static pods cannot be resized'));
    return;
  }
  if (old.spec.os?.name === 'windows') {
    errors.push(forbidden('', 'windows pods cannot be resized'));
    return;
  }
  const qosClass = podQosClass(pod.spec);
  if (qosClass !== (old.status?.qosClass ?? podQosClass(old.spec))) {
    errors.push(invalid('spec', qosClass, 'Pod QOS Class may not change as a result of resizing'));
  }
  for (const field of ['containers', 'initContainers'] as const) {
    pod.spec[field]?.forEach((container, i) => {
      const before = old.spec[field]?.[i];
      if (before) validateKept(errors, container, before, `spec.${field}[${i}].resources`);
    });
  }
  const now = withoutResizable(pod.spec);
  const before = withoutResizable(old.spec);
  if (semanticEqual(now, before)) return;
  const changes = differences(now, before).join('\n');
  errors.push(forbidden('spec', `only cpu and memory resources are mutable\n${changes}`));
}

/** What a container was promised stays promised, in some amount. */
function validateKept(errors: FieldError[], container: Container, before: Container, path: string): void {
  for (const field of ['limits', 'requests'] as const) {
    const lost = resizable.some(
      (name) => before.resources?.[field]?.[name] !== undefined && container.resources?.[field]?.[name] === undefined,
    );
    const what = field === 'limits' ? 'limits' : 'requests';
    if (lost) errors.push(forbidden(`${path}.${field}`, `resource ${what} cannot be removed`));
  }
}

/** Only sidecars among the init containers run long enough to be resized. */
function withoutResizable(spec: PodSpec): PodSpec {
  return {
    ...spec,
    containers: (spec.containers ?? []).map(withoutCpuAndMemory),
    initContainers: spec.initContainers?.map((container) =>
      container.restartPolicy === 'Always' ? withoutCpuAndMemory(container) : container,
    ),
  };
}

function withoutCpuAndMemory(container: Container): Container {
  const { resizePolicy: _, ...rest } = container;
  const kept = (list: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(list).filter(([name]) => !resizable.includes(name)));
  const { limits, requests, ...others } = container.resources ?? {};
  return { ...rest, resources: { ...others, limits: kept(limits), requests: kept(requests) } };
}
